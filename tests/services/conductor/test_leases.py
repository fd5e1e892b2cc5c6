"""Who gets a lease, for how long, and what is an agent told with it?"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from pydantic import BaseModel

from rollbook import tokens
from rollbook.catalogue.access import Place
from rollbook.catalogue.fleet import AgentDrained, AgentRevoked, AgentUndrained
from rollbook.commands.desired import ONLY_LOOKS, LeaseRequest
from rollbook.commands.desired import Lease as Answer
from rollbook.commands.wire import Problem
from rollbook.event import Event
from rollbook.ledger.bucket import NOTHING, Entry, LeaseBucket
from rollbook.ledger.edge import LEASE_PREFIX
from rollbook.names import AgentName, StageName, TargetName, TokenId
from rollbook.subjects import ACCESS, FLEET
from rollbook_projections.projector import Projector
from rollbook_services.conductor.leases import Leases, read_lease
from tests.services.conductor.happening import (
    AGENT,
    PLACE,
    WHY,
    enrolled,
    issued,
)
from tests.support.agents import STAGE, TARGET, TIMEOUT_SECONDS
from tests.support.conducting import Clock, Registrar, dispatched, requested

TOKEN = tokens.new_token(bytes(10), bytes(32))
NAME = AgentName("agent")
KEY = f"{STAGE}.{TARGET}.agent"


@dataclass(slots=True)
class Desk:
    """A conductor that knows one agent, and answers it."""

    view: Projector
    registrar: Registrar
    bucket: LeaseBucket
    clock: Clock = field(default_factory=Clock)
    noticed: list[str] = field(default_factory=list)
    lease_seconds: int = 60

    async def happened(self, *events: Event) -> None:
        await self.registrar.record_on(FLEET, *events)
        await self.view.catch_up(self.registrar.ledger)

    async def ask(
        self,
        session: str = "first",
        *,
        stage: str = STAGE,
        target: str = TARGET,
        user: str = "agent",
        credential: str = TOKEN.text,
    ) -> BaseModel:
        asked = LeaseRequest(
            stage=StageName(stage), target=TargetName(target), session=session
        )
        return await self.answer(
            asked.model_dump_json().encode(), user=user, credential=credential
        )

    async def answer(
        self, body: bytes, *, user: str = "agent", credential: str = TOKEN.text
    ) -> BaseModel:
        leases = Leases(
            self.view.database,
            self.bucket,
            now=self.clock,
            noticed=lambda: self.noticed.append("look"),
            lease_seconds=self.lease_seconds,
        )
        return await leases.answer(
            body, subject=LEASE_PREFIX + user, credential=credential
        )

    async def session(self) -> str | None:
        lease = read_lease(await self.bucket.get(KEY))
        return lease.session if lease else None


@pytest_asyncio.fixture(loop_scope="session")
async def desk(
    view: Projector, registrar: Registrar, leases: LeaseBucket
) -> AsyncIterator[Desk]:
    made = Desk(view, registrar, leases)
    token = issued(AGENT, PLACE, token=TokenId(TOKEN.id), sha256=TOKEN.sha256)
    await registrar.record_on(ACCESS, token)
    await made.happened(enrolled())
    yield made


async def test_an_agent_is_told_its_keys_and_when_to_ask_again(desk: Desk) -> None:
    await desk.registrar.record(requested(1), *dispatched(1, revision=4))
    await desk.view.catch_up(desk.registrar.ledger)
    assert await desk.ask() == Answer(
        keys={f"{STAGE}.{TARGET}.acme.fraud": 4}, is_drained=False, renew_seconds=20
    )
    held = read_lease(await desk.bucket.get(KEY))
    assert held is not None
    assert (held.session, held.at) == ("first", desk.clock.at)


async def test_who_only_looks_holds_no_lease_and_keeps_nobody_out(desk: Desk) -> None:
    assert isinstance(await desk.ask(ONLY_LOOKS), Answer)
    assert await desk.session() is None
    assert desk.noticed == []
    assert isinstance(await desk.ask("first"), Answer)
    assert isinstance(await desk.ask(ONLY_LOOKS), Answer)
    assert await desk.session() == "first"


async def test_asking_again_renews(desk: Desk) -> None:
    desk.lease_seconds = 2
    other = f"{STAGE}.other.agent"
    await desk.ask()
    async with asyncio.timeout(TIMEOUT_SECONDS):
        await desk.bucket.renew(other, b"", expected=0, ttl_seconds=3)
        while await desk.bucket.get(other) != NOTHING:
            assert isinstance(await desk.ask(), Answer)
            await asyncio.sleep(0.2)  # as agents do; each answer writes to disk
    assert await desk.session() == "first"


async def test_another_process_of_the_same_agent_stands_by(desk: Desk) -> None:
    await desk.ask("first")
    refused = await desk.ask("second")
    assert isinstance(refused, Problem)
    assert (refused.code, refused.reason) == ("conflict", "another_session")
    assert "60 s after its last word" in refused.message
    assert refused.detail["session"] == "first"
    assert await desk.session() == "first"
    assert isinstance(await desk.ask("first"), Answer)


async def test_it_takes_over_when_the_lease_ran_out(desk: Desk) -> None:
    desk.lease_seconds = 2
    await desk.ask("first")
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while isinstance(await desk.ask("second"), Problem):
            continue
    assert await desk.session() == "second"
    assert isinstance(await desk.ask("first"), Problem)


async def test_of_two_that_come_at_once_one_holds_the_lease(desk: Desk) -> None:
    sessions = [str(number) for number in range(8)]
    answers = await asyncio.gather(*(desk.ask(each) for each in sessions))
    holders = [
        session
        for session, answer in zip(sessions, answers, strict=True)
        if isinstance(answer, Answer)
    ]
    assert holders == [await desk.session()]


async def test_what_nobody_can_read_keeps_nobody_out(desk: Desk) -> None:
    await desk.bucket.renew(KEY, b"nonsense", expected=0, ttl_seconds=60)
    assert isinstance(await desk.ask(), Answer)
    assert await desk.session() == "first"


async def test_a_drained_agent_is_told_so_until_it_is_not(desk: Desk) -> None:
    for event, is_drained in (
        (AgentDrained(agent=NAME, reason=WHY), True),
        (AgentUndrained(agent=NAME, reason=WHY), False),
    ):
        await desk.happened(event)
        answer = await desk.ask()
        assert isinstance(answer, Answer)
        assert answer.is_drained is is_drained


async def test_who_the_ledger_does_not_know_to_be_there_is_looked_at_soon(
    desk: Desk,
) -> None:
    await desk.ask()
    assert desk.noticed == ["look"]


async def test_a_token_of_before_there_were_fleets_is_good(
    view: Projector, registrar: Registrar, leases: LeaseBucket
) -> None:
    desk = Desk(view, registrar, leases)
    token = issued(AGENT, PLACE, token=TokenId(TOKEN.id), sha256=TOKEN.sha256)
    await registrar.record_on(ACCESS, token)
    await view.catch_up(registrar.ledger)
    assert isinstance(await desk.ask(), Answer)
    assert desk.noticed == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param({"stage": "staging"}, "forbidden", id="another stage"),
        pytest.param({"target": "eu-1"}, "forbidden", id="another target"),
        pytest.param({"user": "agent-2"}, "forbidden", id="another user"),
        pytest.param({"credential": "rbk_no"}, "unauthenticated", id="no token"),
        pytest.param(
            {"credential": tokens.new_token(bytes(10), bytes([1] * 32)).text},
            "unauthenticated",
            id="another secret",
        ),
    ],
)
async def test_a_lease_is_for_its_own_agent_alone(
    desk: Desk, asked: dict[str, str], code: str
) -> None:
    refused = await desk.ask(**asked)
    assert isinstance(refused, Problem)
    assert refused.code == code
    assert await desk.bucket.get(KEY) == NOTHING


async def test_a_revoked_agent_is_told_so(desk: Desk) -> None:
    await desk.happened(AgentRevoked(agent=NAME, reason=WHY))
    refused = await desk.ask()
    assert isinstance(refused, Problem)
    assert refused.code == "forbidden"
    assert "rollbook agent enrol" in refused.message
    place = Place(stage=StageName(STAGE), target=TargetName(TARGET))
    await desk.happened(enrolled(place=place))
    assert isinstance(await desk.ask(), Answer)


async def test_what_is_no_request_is_told_so(desk: Desk) -> None:
    refused = await desk.answer(b"{}")
    assert isinstance(refused, Problem)
    assert refused.code == "invalid-request"


async def test_where_leases_cannot_be_kept_the_agent_asks_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook_services.conductor.leases.CONFLICT_SECONDS", 0.1)

    class Contested(LeaseBucket):
        """Somebody else writes between each look and each write."""

        async def get(self, key: str) -> Entry:
            held = await super().get(key)
            return Entry(held.value, held.sequence + 1)

    desk.bucket = Contested(desk.bucket._client)  # noqa: SLF001
    refused = await desk.ask()
    assert isinstance(refused, Problem)
    assert refused.code == "unavailable"
