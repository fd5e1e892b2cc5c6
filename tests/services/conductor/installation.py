"""How does a test run a registrar and a conductor on real NATS?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollbook import codec
from rollbook.agent.config import Config
from rollbook.agent.desired import Trusted
from rollbook.agent.settings import Settings as AgentSettings
from rollbook.catalogue.access import Place
from rollbook.catalogue.parts import Artifact
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, ProposePolicy
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done, Request
from rollbook.event import parse_type
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.names import (
    CommandId,
    Digest,
    ModelName,
    PolicyName,
    Principal,
    Reason,
    RoleName,
    StageName,
    TargetName,
    Version,
)
from rollbook.proof.validity import Accepted, Chain, check
from rollbook_services import main
from rollbook_services.credentials import (
    CONDUCTOR,
    Credentials,
    Holder,
    agent_name,
    enrolments,
)
from rollbook_services.local.accounts import agent, feed_reader
from rollbook_services.settings import Conductor, Nats, Prometheus, Server, Settings
from tests.support.agents import MODEL, TIMEOUT_SECONDS, variant
from tests.support.nats import NatsServer, running_nats

STAGING, DEFAULT = StageName("staging"), TargetName("default")
PLACE = (STAGING, DEFAULT)
BOSS, REVIEWER = Principal("prn:" + "a" * 13), Principal("prn:" + "b" * 13)
AGENT = agent_name(*PLACE)


@dataclass(slots=True)
class System:
    """Registrar and conductor, as they run; `tell` sends a person's commands."""

    site: main.Site
    nats: NatsServer
    credentials: Credentials
    sender: CommandSender
    ledger: JetStreamLedger
    event_key: bytes
    folder: Path
    sent: int = 0
    conducting: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start_conductor(self) -> None:
        credential = self.credentials.token(CONDUCTOR)
        await self.conducting.enter_async_context(
            main.conductor(self.site, credential=credential)
        )

    async def stop_conductor(self) -> None:
        await self.conducting.aclose()
        self.conducting = AsyncExitStack()

    @asynccontextmanager
    async def another_conductor(self) -> AsyncIterator[None]:
        """Run a second conductor, with a database of its own."""
        data = self.folder / "data" / "other"
        data.mkdir()
        settings = self.site.settings.model_copy(update={"server": Server(data=data)})
        site = main.Site(settings, self.site.url, self.site.seeds)
        credential = self.credentials.token(CONDUCTOR)
        async with main.conductor(site, credential=credential):
            yield

    async def tell(self, command: AnyCommand) -> Done:
        self.sent += 1
        request = Request(id=CommandId(f"test/{self.sent}"), command=command)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                answer = await self.sender.send(
                    request, credential=self.credentials.token(BOSS)
                )
                if isinstance(answer, Done):
                    return answer
                assert answer.code in ("unavailable", "outcome-unknown"), answer
                await asyncio.sleep(0.05)

    async def register(self, file: Path, *, model: ModelName = MODEL) -> None:
        real = variant(file)
        await self.tell(
            RegisterVersion(
                model=model,
                artifact=Artifact(
                    uri=real.uri, digest=real.digest, size_bytes=real.size_bytes
                ),
            )
        )

    async def promote(self, version: int, stage: str = "staging") -> None:
        await self.tell(
            RequestPromotion(
                model=MODEL, stage=StageName(stage), version=Version(version)
            )
        )

    async def govern(self, *stages: dict[str, Any]) -> None:
        """Let a policy of one's own hold for every model of the team."""
        document = {
            "apiVersion": "rollbook/v1",
            "kind": "ReleasePolicy",
            "metadata": {"name": "ours"},
            "spec": {
                "applies_to": {"models": ["acme/*"]},
                "change_control": {"endorsements": 0},
                "stages": list(stages),
            },
        }
        why = Reason("a test")
        answer = await self.tell(ProposePolicy(document=document, reason=why))
        digest = Digest(answer.events[0]["data"]["digest"])
        await self.tell(ActivatePolicy(policy=PolicyName("ours"), digest=digest))

    async def types(self) -> list[str]:
        """Name what happened, valid messages only."""
        chain, found = Chain(), []
        async for batch in self.ledger.replay():
            for message in batch:
                verdict = check(message.body, message.subject, message.sequence, chain)
                assert isinstance(verdict, Accepted), verdict
                chain.accept(verdict)
                found.append(_short(codec.parse(message.body)))
        return found

    async def until(self, event: str, count: int = 1) -> list[str]:
        """Wait until something happened so often."""
        found: list[str] = []
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while True:
                    found = await self.types()
                    if found.count(event) >= count:
                        return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"no {event} in {found}") from None

    def agent(self) -> AgentSettings:
        return AgentSettings(
            Config(stage=STAGING, target=DEFAULT, root=self.folder / "served"),
            nats_url=self.nats.url,
            trusted=Trusted(self.site.settings.server.origin, self.event_key),
            user=AGENT,
            seed=self.nats.seed(AGENT),
            token=self.credentials.token(f"svc:{AGENT}"),
        )

    @property
    def served(self) -> bytes:
        current = self.folder / "served" / "acme" / "fraud" / "current"
        return (current / "model.bin").read_bytes()


def _short(event: object) -> str:
    assert isinstance(event, dict)
    parsed = parse_type(str(event["type"]))
    assert parsed is not None
    return parsed[0]


@asynccontextmanager
async def system(
    folder: Path, *, lease_seconds: int = 45, metrics: str = ""
) -> AsyncIterator[System]:
    roles = ("publisher", "release-manager", "policy-owner")
    holders: Sequence[Holder] = (
        Holder(BOSS, tuple(RoleName(role) for role in roles)),
        Holder(REVIEWER, (RoleName("reviewer"),)),
        Holder(CONDUCTOR, (RoleName("viewer"),)),
        Holder(
            Principal(f"svc:{AGENT}"),
            (RoleName("agent"),),
            Place(stage=STAGING, target=DEFAULT),
        ),
    )
    data = folder / "data"
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(
            running_nats(
                data,
                clients=[
                    agent(AGENT, stage=STAGING, target=DEFAULT),
                    feed_reader("reader"),
                ],
            )
        )
        settings = Settings(
            server=Server(data=data),
            nats=Nats(url=nats.url),
            conductor=Conductor(lease_seconds=lease_seconds),
            prometheus=Prometheus(url=metrics),
        )
        site = main.Site(settings, nats.url, data / "nats")
        credentials = Credentials(data / "credentials.json")
        tokens = credentials.renew(holders, now=main.EDGE.now())
        agents = enrolments(credentials, [PLACE])
        registrar = await stack.enter_async_context(
            main.registrar(site, tokens=tokens, agents=agents)
        )
        gateway = await stack.enter_async_context(nats.client("gateway"))
        made = System(
            site=site,
            nats=nats,
            credentials=credentials,
            sender=CommandSender(gateway, user="gateway", timeout_seconds=2),
            ledger=JetStreamLedger(nats.core_admin),
            event_key=registrar.event_key,
            folder=folder,
        )
        await made.start_conductor()
        try:
            await made.tell(RegisterModel(model=MODEL))
            yield made
        finally:
            await made.stop_conductor()
