"""How does a test roll models out over a fleet of agents, and read what came of it?

Every service runs in this process, over a NATS server that can be gone for a while;
each agent is a process of its own.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from rollbook import codec, subjects
from rollbook.artifact import digest_of
from rollbook.catalogue.parts import Artifact, PromotionKind
from rollbook.catalogue.promotion import StepStarted
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, ProposePolicy
from rollbook.commands.promotion import RecordAnalysis, RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import (
    Digest,
    ModelName,
    PolicyName,
    PromotionId,
    Reason,
    StageName,
    Version,
)
from rollbook.subjects import FLEET, Aggregate
from rollbook_projections.stage.queries.fleet import agent
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.view import Row, View
from rollbook_services import main
from rollbook_services.local.nats_server import NatsServer, nats_server
from rollbook_services.policy.document import digest_of as digest_of_policy
from rollbook_services.serving import ALL, serving
from rollbook_services.settings import Conductor, Nats, Server, Settings
from tests.support import oracle
from tests.support.children import Child
from tests.support.settling import accepted, new_id
from tests.support.system import ORIGIN, System, clients, opened

PATIENCE_SECONDS: Final = 30
LOOK_AGAIN_SECONDS: Final = 0.02
POLICY: Final = PolicyName("fleet")
ENDED: Final = ("SUCCEEDED", "FAILED", "ERRORED", "ABORTED", "SUPERSEDED")
QUICK: Final = """\
resync = "1h"
[retry]
tries = 2
first_pause = 0.05
"""
"""An agent that gives up soon, and looks only when it is told."""

E = TypeVar("E", bound=Event)


@dataclass(slots=True)
class Broker:
    """A NATS server that goes and comes back at the same address."""

    data: Path
    places: Sequence[str]
    port: int = field(default_factory=lambda: _free_port())
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def come(self) -> NatsServer:
        """Return once it listens."""
        server = nats_server(self.data, port=self.port, clients=clients(self.places))
        return await self._running.enter_async_context(server)

    async def go(self) -> None:
        """Return once nobody listens there."""
        await self._running.aclose()


@dataclass(slots=True)
class Fleet:
    """Agents, whoever tells them what to serve, and who asks for it."""

    running: System
    broker: Broker
    agents: dict[str, Child] = field(default_factory=dict)
    digests: dict[tuple[str, int], Digest] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.running.folder

    async def ask(self, command: AnyCommand) -> Done:
        """Have something recorded that must not be refused."""
        operator = self.running.operator
        return await accepted(
            self.running.gateway, command, credential=operator, id_=new_id()
        )

    async def rules(
        self, models: Sequence[str], stages: Sequence[dict[str, Any]]
    ) -> None:
        """Let stages hold for models; the first rules need one person alone."""
        document = {
            "apiVersion": "rollbook/v1",
            "kind": "ReleasePolicy",
            "metadata": {"name": POLICY},
            "spec": {"applies_to": {"models": list(models)}, "stages": list(stages)},
        }
        await self.ask(ProposePolicy(document=document, reason=Reason("ours")))
        digest = digest_of_policy(document)
        await self.ask(ActivatePolicy(policy=POLICY, digest=digest))

    async def model(self, name: str, *, versions: int = 2) -> ModelName:
        """Register a model with so many versions."""
        model = ModelName(name)
        await self.ask(RegisterModel(model=model))
        for number in range(1, versions + 1):
            await self.publish(model, self.artifact(name, number))
        return model

    def artifact(self, model: str, number: int) -> Path:
        """Write the bytes of a version; each is a folder of its own."""
        file = self.folder / "artifacts" / model / str(number) / "model.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content(model, number))
        return file

    async def publish(self, model: str, file: Path, *, uri: str = "") -> Version:
        """Register what a file holds, to be fetched there or elsewhere."""
        digest, size = digest_of(file)
        artifact = Artifact(uri=uri or file.as_uri(), digest=digest, size_bytes=size)
        done = await self.ask(
            RegisterVersion(model=ModelName(model), artifact=artifact)
        )
        number = Version(done.events[0]["data"]["version"])
        self.digests[model, number] = digest
        return number

    async def request(
        self,
        model: str,
        version: int,
        stage: str,
        *,
        kind: PromotionKind = PromotionKind.FORWARD,
    ) -> PromotionId:
        """Ask for a version in a stage."""
        done = await self.ask(
            RequestPromotion(
                model=ModelName(model),
                stage=StageName(stage),
                version=Version(version),
                kind=kind,
            )
        )
        return PromotionId(done.events[0]["data"]["promotion"])

    async def live(self, model: str, version: int, stage: str) -> PromotionId:
        """Bring a version into a stage where nothing is in the way."""
        number = await self.request(model, version, stage)
        await self.until(model, number, "SUCCEEDED")
        return number

    async def until(self, model: str, number: int, *states: str) -> Row:
        """Wait until a promotion has got to one of these states."""
        database, row = self.running.sources["stage"].database, None

        async def look() -> bool:
            nonlocal row
            row = await database.read(lambda each: promotion(View(each), model, number))
            return row is not None and row["state"] in (*states, *ENDED)

        await until(look, lambda: f"{model}:{number} is {row}, not {states}")
        assert row is not None
        assert row["state"] in states, f"{model}:{number} is {row}"
        return row

    async def until_agent(self, name: str, state: str) -> None:
        """Wait until an agent is said to be in a state."""
        database, row = self.running.sources["stage"].database, None

        async def look() -> bool:
            nonlocal row
            row = await database.read(lambda each: agent(View(each), name))
            return row is not None and row["state"] == state

        await until(look, lambda: f"{name} is {row}, not {state}")

    async def story(self, aggregate: Aggregate) -> list[Envelope[Event]]:
        """Read what was recorded of an aggregate."""
        return [
            codec.read(codec.parse(each.body), each.body, each.sequence)
            for each in await self.running.ledger.history(aggregate)
        ]

    async def told(
        self, kind: type[E], *, of: str | None = None, since: int = 0
    ) -> list[E]:
        """List the events of one kind behind a place; of a model, or of the fleet."""
        aggregate = FLEET if of is None else subjects.model(ModelName(of))
        return [
            each.event
            for each in await self.story(aggregate)
            if isinstance(each.event, kind) and each.sequence > since
        ]

    async def until_told(
        self,
        kind: type[E],
        is_it: Callable[[E], bool] = lambda _: True,
        *,
        of: str | None = None,
        since: int = 0,
    ) -> E:
        """Wait for an event; return the first of those that are meant."""
        found: list[E] = []

        async def look() -> bool:
            every = await self.told(kind, of=of, since=since)
            found[:] = [each for each in every if is_it(each)]
            return bool(found)

        await until(look, lambda: f"no {kind.__name__} of {of or 'the fleet'}")
        return found[0]

    def agent(
        self,
        stage: str,
        target: str,
        said: str = QUICK,
        *,
        name: str = "",
        credentials: Path | None = None,
    ) -> Child:
        """Describe the process of a target's agent; `said` is its agent.toml.

        `name` tells a second process of the same agent, with a root of its own.
        """
        name = name or f"{stage}.{target}"
        file = self.folder / f"{name}.toml"
        file.write_text(said)
        arguments = [
            *("agent", "run", "--config", str(file)),
            *("--stage", stage, "--target", target, "--root", str(self.root(name))),
            *("--credentials", str(credentials or self.credentials)),
        ]
        child = Child(arguments, self.folder / "output" / name)
        self.agents[name] = child
        return child

    async def start(self, stage: str, *targets: str, said: str = QUICK) -> list[Child]:
        """Start the agents of a stage."""
        made = [self.agent(stage, each, said) for each in targets]
        for child in made:
            child.start()
        for child in made:
            await child.ready("serving")
        return made

    @property
    def credentials(self) -> Path:
        return self.running.data / "credentials.json"

    def root(self, name: str) -> Path:
        """Return where an agent keeps what it serves, by stage and target."""
        return self.folder / "served" / name

    def home(self, name: str, model: str) -> Path:
        """Return the folder of one model there."""
        return self.root(name) / "default" / model

    def served(self, stage: str, target: str, model: str) -> bytes | None:
        """Read what a target serves now."""
        return self.holds(f"{stage}.{target}", model)

    def holds(self, name: str, model: str) -> bytes | None:
        """Read what one process of an agent serves now."""
        files = list((self.home(name, model) / "current").glob("*"))
        return files[0].read_bytes() if files else None

    async def measure(self, model: str, number: int, error_rate: float) -> None:
        """Say what was measured since the present step began."""
        begun = [
            each
            for each in await self.story(subjects.model(ModelName(model)))
            if isinstance(each.event, StepStarted) and each.event.promotion == number
        ]
        step = begun[-1].event
        assert isinstance(step, StepStarted)
        await self.ask(
            RecordAnalysis(
                model=ModelName(model),
                promotion=PromotionId(number),
                wave=step.wave,
                step=step.step,
                metrics={"candidate": {"error_rate": error_rate}},
                samples=1_000,
                from_at=begun[-1].at,
                until_at=main.EDGE.now(),
            )
        )

    async def until_served(
        self, stage: str, targets: Sequence[str], model: str, version: int
    ) -> None:
        """Wait until targets serve a version."""
        wanted = content(model, version)

        async def look() -> bool:
            return all(self.served(stage, each, model) == wanted for each in targets)

        await until(look, lambda: f"{stage} does not serve {model}@{version}")


def content(model: str, number: int) -> bytes:
    """Return the bytes of a version, of which no two are alike."""
    return f"{model} {number}".encode() * 100


async def until(look: Callable[[], Any], told: Callable[[], str]) -> None:
    """Wait for a fact that only looking tells; AssertionError says what is missing."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                if await look():
                    return
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise AssertionError(told()) from None


@asynccontextmanager
async def fleet(
    folder: Path, places: Sequence[str], *, lease_seconds: int = 45
) -> AsyncIterator[Fleet]:
    """Run an installation with these places, as `stage/target`; agents end with it."""
    data = folder / "data"
    data.mkdir(mode=0o700, parents=True)
    broker = Broker(data, places)
    server = await broker.come()
    settings = Settings(
        server=Server(data=data, origin=ORIGIN, places=tuple(places)),
        nats=Nats(url=server.url, seeds=data / "nats"),
        conductor=Conductor(lease_seconds=lease_seconds),
    )
    site = main.Site(settings, server.url, data / "nats")
    try:
        async with serving(site, ALL) as url, opened(folder, site) as running:
            running.url = url or ""
            with _ended(Fleet(running, broker)) as found:
                yield found
    finally:
        await broker.go()


@contextmanager
def _ended(found: Fleet) -> Iterator[Fleet]:
    try:
        yield found
    finally:
        for child in found.agents.values():
            if child.process is not None and child.process.is_alive():
                child.kill9()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


async def is_sound(found: Fleet) -> None:
    """Hold everything against the ledger alone."""
    sources = found.running.sources.values()
    head = await oracle.at_rest(sources)
    history = await oracle.history(found.running.ledger)
    assert not history.strange
    oracle.assert_rules_held(history)
    oracle.assert_recomputed(history)
    await oracle.assert_views_equal_replay(sources, head=head)
