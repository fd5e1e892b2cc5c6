"""How does a test run all of Rollbook: in this process, or each service in its own?"""

import json
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client

from rollbook.agent.config import Config
from rollbook.agent.settings import Settings as AgentSettings
from rollbook.agent.settings import load
from rollbook.catalogue.access import Place
from rollbook.commands.access import IssueToken
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import read_seed
from rollbook.ledger.protocol import Ledger
from rollbook.names import Principal, RoleName, StageName, TargetName, TokenId
from rollbook.tokens import new_token
from rollbook_services import main
from rollbook_services.credentials import agent_name
from rollbook_services.gateway.gateway import Source, ViewName
from rollbook_services.local.accounts import User, agent, pipeline
from rollbook_services.local.nats_server import NatsServer, nats_server
from rollbook_services.serving import ALL, places, serving
from rollbook_services.settings import Nats, Server, Settings
from tests.support import agents
from tests.support.children import Child
from tests.support.settling import accepted, new_id

ORIGIN: Final = "system.test"
WRITERS: Final = tuple(f"writer-{number}" for number in range(1, 7))
LIFETIME: Final = timedelta(days=1)
OF_A_POLICY: Final = (StageName("canary"), TargetName("eu-1"))
"""A place that the built-in policy does not know."""
KEPT_ON_EVERY_HOST: Final = ("keys", "credentials.json", "people.db")


@dataclass(slots=True)
class System:
    """An installation that runs: whoever may enter it, and what it keeps."""

    folder: Path
    site: main.Site
    gateway: CommandSender
    """Carries anybody's command that comes with a token."""
    url: str = ""
    """Of the HTTP gateway, where it runs."""
    nats: NatsServer | None = None
    sources: dict[ViewName, Source] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.site.settings.server.data

    @property
    def ledger(self) -> Ledger:
        return self.sources["audit"].ledger

    @property
    def operator(self) -> str:
        """Return the token of the person who runs this."""
        token: str = self.credentials()["token"]
        return token

    def credentials(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "credentials.json").read_text())
        return found

    async def token(
        self,
        principal: str,
        *roles: str,
        lifetime: timedelta = LIFETIME,
        place: Place | None = None,
    ) -> str:
        """Give somebody a token, as an access-admin does."""
        made = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
        command = IssueToken(
            token=TokenId(made.id),
            sha256=made.sha256,
            principal=Principal(principal),
            roles=tuple(RoleName(role) for role in roles),
            place=place,
            until=main.EDGE.now() + lifetime,
        )
        await accepted(self.gateway, command, credential=self.operator, id_=new_id())
        return made.text

    @asynccontextmanager
    async def sender(
        self, user: str, *, zone: str = "edge", timeout_seconds: float = 3.0
    ) -> AsyncIterator[CommandSender]:
        """Connect as a NATS user who sends commands in its own name."""
        async with self.site.connect(user, is_appending=True) as client:
            yield CommandSender(
                client, user=user, zone=zone, timeout_seconds=timeout_seconds
            )

    def connect(self, user: str) -> AbstractAsyncContextManager[Client]:
        return self.site.connect(user)

    def agent_settings(self, stage: str) -> AgentSettings:
        root = self.folder / "served" / stage
        config = Config(stage=StageName(stage), root=root)
        return load(self.data / "credentials.json", config)

    async def another_agent(self, stage: str, target: str) -> AgentSettings:
        """Enrol the agent of a place that only a policy of one's own knows."""
        place = Place(stage=StageName(stage), target=TargetName(target))
        user = agent_name(place.stage, place.target)
        identity = {
            "user": user,
            "seed": read_seed(self.data / "nats" / f"{user}.nk"),
            "token": await self.token(f"svc:{user}", "agent", place=place),
        }
        file = self.folder / f"{user}.json"
        file.touch(mode=0o600)
        held = {**self.credentials(), "agents": {f"{stage}/{target}": identity}}
        file.write_text(json.dumps(held))
        root = self.folder / "served" / stage
        return load(
            file, Config(stage=StageName(stage), target=TargetName(target), root=root)
        )

    def agent(self, stage: str) -> AbstractAsyncContextManager[object]:
        """Run the agent of a stage in this process."""
        return agents.running(self.agent_settings(stage))

    def served(self, stage: str, model: str) -> bytes | None:
        """Read what a stage's agent serves now."""
        current = self.folder / "served" / stage / model / "current"
        files = [each for each in current.glob("*") if each.is_file()]
        return files[0].read_bytes() if files else None


@asynccontextmanager
async def system(folder: Path, roles: Sequence[str] = ALL) -> AsyncIterator[System]:
    """Run these services in this process, over an embedded server of their own."""
    async with (
        _embedded(folder) as (server, site),
        serving(site, roles) as url,
        opened(folder, site) as found,
    ):
        found.nats, found.url = server, url or ""
        yield found


@dataclass(slots=True)
class Processes:
    """The same installation with each service in a process of its own."""

    site: main.Site
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    async def start(self, *roles: str) -> None:
        """Start services, and return when all of them are ready."""
        for role in roles:
            self.service(role).start()
        for role in roles:
            await self.children[role].ready()

    def service(self, role: str, *, data: Path | None = None, name: str = "") -> Child:
        """Describe the process of one service; nothing is started yet."""
        server, nats = self.site.settings.server, self.site.settings.nats
        environment = {
            "ROLLBOOK_NATS__URL": self.site.url,
            "ROLLBOOK_NATS__SEEDS": str(self.site.seeds),
            "ROLLBOOK_NATS__REPLICAS": str(nats.replicas),
            "ROLLBOOK_SERVER__ORIGIN": server.origin,
            "ROLLBOOK_SERVER__PLACES": json.dumps(server.places),
            **({"ROLLBOOK_NATS__CA": str(nats.ca)} if nats.ca else {}),
            **self.environment,
        }
        where = ["--data", str(data or server.data)]
        return self._child(name or role, ["serve", "--role", role, *where], environment)

    def agent(self, stage: str, target: str = "default") -> Child:
        """Describe the process of a target's agent."""
        credentials = self.site.settings.server.data / "credentials.json"
        arguments = [
            *("agent", "run", "--stage", stage, "--target", target),
            *("--root", str(self.served(stage, target))),
            *("--credentials", str(credentials)),
        ]
        return self._child(f"agent-{stage}-{target}", arguments, self.environment)

    def served(self, stage: str, target: str = "default") -> Path:
        """Return where a target's agent keeps what it serves."""
        served = self.folder / "served"
        return served / (stage if target == "default" else f"{stage}.{target}")

    def _child(
        self, name: str, arguments: Sequence[str], environment: dict[str, str]
    ) -> Child:
        child = Child(arguments, self.folder / "output" / name, environment)
        self.children[name] = child
        return child


@asynccontextmanager
async def processes(
    folder: Path, named: Sequence[str] = ()
) -> AsyncIterator[tuple[NatsServer, Processes]]:
    """Run an embedded server here, and what is started each in its own process.

    `named` are places, as `stage/target`, that only a policy of one's own knows.
    """
    async with _embedded(folder, named) as (server, site):
        with ended(Processes(site, folder)) as found:
            yield server, found


@contextmanager
def ended(found: Processes) -> Iterator[Processes]:
    """Stop whatever still runs at the end."""
    try:
        yield found
    finally:
        for child in reversed(found.children.values()):
            child.stop()


def another_host(site: main.Site, data: Path) -> main.Site:
    """Describe the same installation as a second host sees it, from its own data."""
    data.mkdir(mode=0o700)
    for name in KEPT_ON_EVERY_HOST:
        kept = site.settings.server.data / name
        copy = shutil.copytree if kept.is_dir() else shutil.copy2
        copy(kept, data / name)
    server = site.settings.server.model_copy(update={"data": data})
    settings = site.settings.model_copy(update={"server": server})
    return replace(site, settings=settings)


@asynccontextmanager
async def opened(folder: Path, site: main.Site) -> AsyncIterator[System]:
    """Look at a running installation: its views, its ledger, its gateway's user."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(
            site.connect("gateway", is_appending=True)
        )
        sources = await main.sources_of(stack, site)
        sender = CommandSender(client, user="gateway", timeout_seconds=3.0)
        yield System(folder, site, sender, sources=sources)


@asynccontextmanager
async def _embedded(
    folder: Path, named: Sequence[str] = ()
) -> AsyncIterator[tuple[NatsServer, main.Site]]:
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True)
    async with nats_server(data, clients=clients(named)) as server:
        settings = Settings(
            server=Server(data=data, origin=ORIGIN, places=tuple(named)),
            nats=Nats(url=server.url, seeds=data / "nats"),
        )
        yield server, main.Site(settings, server.url, data / "nats")


def clients(named: Sequence[str] = ()) -> list[User]:
    """List everybody who may connect, beside the platform's own."""
    served = [
        agent(agent_name(stage, target), stage=stage, target=target)
        for stage, target in (*places(named), OF_A_POLICY)
    ]
    return [*served, *map(pipeline, WRITERS)]
