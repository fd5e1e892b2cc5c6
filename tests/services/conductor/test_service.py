"""Does a promotion go all its way through real services, whatever dies on it?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rollbook import codec
from rollbook.agent.desired import Trusted
from rollbook.agent.driver import DriverOptions
from rollbook.agent.settings import Settings as AgentSettings
from rollbook.catalogue.access import Place
from rollbook.catalogue.parts import Artifact
from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion, RequestRollback
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done, Problem, Request
from rollbook.ledger.bucket import NOTHING, DesiredBucket
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.edge import edge
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.names import (
    CommandId,
    Principal,
    Reason,
    RoleName,
    StageName,
    TargetName,
    Version,
)
from rollbook.proof.validity import Accepted, Chain, check
from rollbook_services import main
from rollbook_services.credentials import CONDUCTOR, Credentials, Holder, agent_name
from rollbook_services.local.accounts import agent, feed_reader
from rollbook_services.settings import Nats, Server, Settings
from tests.support.agents import MODEL, TIMEOUT_SECONDS, artifact, running, variant
from tests.support.nats import NatsServer, running_nats

STAGING, DEFAULT = StageName("staging"), TargetName("default")
PLACE = (STAGING, DEFAULT)
BOSS = Principal("prn:aaaaaaaaaaaaa")
AGENT = agent_name(*PLACE)
CLIENTS = (agent(AGENT, stage=STAGING, target=DEFAULT), feed_reader("reader"))


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

    async def tell(self, command: AnyCommand) -> None:
        self.sent += 1
        request = Request(id=CommandId(f"test/{self.sent}"), command=command)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                answer = await self.sender.send(
                    request, credential=self.credentials.token(BOSS)
                )
                if isinstance(answer, Done):
                    return
                assert answer.code in ("unavailable", "outcome-unknown"), answer
                await asyncio.sleep(0.05)

    async def register(self, file: Path) -> None:
        real = variant(file)
        await self.tell(
            RegisterVersion(
                model=MODEL,
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
            stage=STAGING,
            target=DEFAULT,
            nats_url=self.nats.url,
            trusted=Trusted(self.site.settings.server.origin, self.event_key),
            user=AGENT,
            seed=self.nats.seed(AGENT),
            token=self.credentials.token(f"svc:{AGENT}"),
            options=DriverOptions(root=self.folder / "served"),
        )

    @property
    def served(self) -> bytes:
        current = self.folder / "served" / "acme" / "fraud" / "current"
        return (current / "model.bin").read_bytes()


def _short(event: object) -> str:
    assert isinstance(event, dict)
    return str(event["type"]).removeprefix("io.rollbook.").removesuffix(".v1")


@asynccontextmanager
async def system(folder: Path) -> AsyncIterator[System]:
    roles = ("publisher", "release-manager")
    holders: Sequence[Holder] = (
        Holder(BOSS, tuple(RoleName(role) for role in roles)),
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
        settings = Settings(server=Server(data=data), nats=Nats(url=nats.url))
        site = main.Site(settings, nats.url, data / "nats")
        credentials = Credentials(data / "credentials.json")
        tokens = credentials.renew(holders, now=main.EDGE.now())
        registrar = await stack.enter_async_context(main.registrar(site, tokens=tokens))
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


async def test_a_stage_without_targets_only_records(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1, "development")
        await it.until("promotion.succeeded")


async def test_a_promotion_is_dispatched_applied_and_succeeds(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        happened = await it.until("promotion.succeeded")
        assert it.served == b"one"
    assert happened.count("promotion.dispatched") == 1
    assert happened.count("target.applied") == 1
    assert "lane.stable_advanced" in happened


async def test_a_queue_drains_in_order(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        for number, content in enumerate((b"one", b"two", b"three"), 1):
            await it.register(artifact(tmp_path, content))
            await it.promote(number)
            await it.until("promotion.succeeded", number)
        assert it.served == b"three"


async def test_other_bytes_fail_the_promotion_and_a_rollback_goes_back(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.succeeded")
        changed = artifact(tmp_path, b"two")
        await it.register(changed)
        changed.write_bytes(b"TWO")
        await it.promote(2)
        happened = await it.until("promotion.failed")
        assert "target.failed" in happened
        assert it.served == b"one"
        await it.tell(
            RequestRollback(model=MODEL, stage=STAGING, reason=Reason("it failed"))
        )
        await it.until("promotion.succeeded", 2)
        assert it.served == b"one"


async def test_a_conductor_that_was_away_owes_what_is_open(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.stop_conductor()
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.readied")
        assert "promotion.dispatched" not in await it.types()
        await it.start_conductor()
        await it.until("promotion.succeeded")


async def test_two_conductors_are_safe(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        other = main.Site(
            it.site.settings.model_copy(
                update={"server": Server(data=tmp_path / "data" / "other")}
            ),
            it.site.url,
            it.site.seeds,
        )
        other.settings.server.data.mkdir()
        token = it.credentials.token(CONDUCTOR)
        async with main.conductor(other, credential=token):
            for number, content in enumerate((b"one", b"two"), 1):
                await it.register(artifact(tmp_path, content))
                await it.promote(number)
                await it.until("promotion.succeeded", number)
        happened = await it.types()
        assert it.served == b"two"
        assert happened.count("promotion.dispatched") == 2
        assert happened.count("target.applied") == 2


async def test_a_killed_nats_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        for number in range(1, 4):
            await it.register(artifact(tmp_path, f"{number}".encode()))
            await it.promote(number)
            await it.nats.kill9()
            happened = await it.until("promotion.succeeded", number)
            assert happened.count("promotion.dispatched") == number
            assert happened.count("target.applied") == number
            assert it.served == f"{number}".encode()


async def test_a_wiped_bucket_is_rebuilt_at_the_next_start(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        async with running(it.agent()):
            await it.register(artifact(tmp_path, b"one"))
            await it.promote(1)
            await it.until("promotion.succeeded")
        await it.stop_conductor()
        await it.nats.core_admin.request("$JS.API.STREAM.DELETE.KV_DESIRED", timeout=5)
        await it.nats.edge_admin.request("$JS.API.STREAM.DELETE.DESIRED", timeout=5)
        await main.prepare(it.site)
        async with it.nats.client("conductor") as client:
            bucket = DesiredBucket.in_core(client)
            key = "staging.default.acme.fraud"
            assert await bucket.get(key) == NOTHING
            await it.start_conductor()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while await bucket.get(key) == NOTHING:
                    pass


async def test_a_lease_lists_an_agents_own_keys(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        async with running(it.agent()):
            await it.register(artifact(tmp_path, b"one"))
            await it.promote(1)
            await it.until("promotion.succeeded")
        token = it.credentials.token(f"svc:{AGENT}")
        own = await _lease(it, "staging", token)
        assert isinstance(own, Lease)
        assert own.keys == {"staging.default.acme.fraud": 1}


@pytest.mark.parametrize(
    ("stage", "holder", "code"),
    [
        ("production", f"svc:{AGENT}", "forbidden"),
        ("staging", BOSS, "unauthenticated"),
        ("staging", "", "unauthenticated"),
    ],
)
async def test_a_lease_is_for_its_agent_alone(
    tmp_path: Path, stage: str, holder: str, code: str
) -> None:
    async with system(tmp_path) as it:
        token = it.credentials.token(holder) if holder else "rbk_nonsense"
        answer = await _lease(it, stage, token)
        assert isinstance(answer, Problem)
        assert answer.code == code


async def _lease(it: System, stage: str, token: str) -> Lease | Problem:
    asked = LeaseRequest(stage=StageName(stage), target=DEFAULT)
    async with edge(
        it.nats.url, user=AGENT, seed=it.nats.seed(AGENT), credential=token
    ) as link:
        answer = await link.lease(asked.model_dump_json().encode())
    if b'"problem"' in answer:
        return Problem.model_validate_json(answer)
    return Lease.model_validate_json(answer)
