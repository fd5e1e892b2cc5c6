"""Questions are answered from what the ledger holds, now or then, and leave nothing."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rollbook.commands.access import IssueToken
from rollbook.commands.calendar import DeclareFreeze
from rollbook.commands.explain import Explain
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.wire import AnyCommand, Done, Problem, Request, Told
from rollbook.errors import Unavailable
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Message
from rollbook.names import (
    CommandId,
    Principal,
    PromotionId,
    Reason,
    RoleName,
    StageName,
    TokenId,
    Version,
)
from rollbook.subjects import Aggregate, model, subject
from rollbook.tokens import NewToken, new_token
from rollbook_services.registrar.service import Registrar
from tests.services.registrar.installation import OWNER, activate, propose, written
from tests.services.registrar.registering import (
    FRAUD,
    SIGNER,
    Clock,
    Desk,
    desk,
    new_model,
    new_version,
    recorded,
)

READER = new_token(bytes(range(10)), bytes(range(32)))
PUBLISHER = new_token(bytes(10), bytes(range(32)))
LIVE, DEVELOPMENT = StageName("live"), StageName("development")


@dataclass
class House:
    """A registrar as the wire sees it, and the desk behind it."""

    desk: Desk
    registrar: Registrar
    clock: Clock

    async def ask(
        self, command: AnyCommand, *, credential: str = "", **changes: Any
    ) -> Done | Told | Problem:
        request = Request(id=CommandId("q"), command=command, **changes)
        return await self.registrar.answer(
            request.model_dump_json().encode(),
            subject="rollbook.command.core.gateway.Explain",
            credential=credential or READER.text,
        )

    def token(self, secret: NewToken, role: str) -> IssueToken:
        return IssueToken(
            token=TokenId(secret.id),
            sha256=secret.sha256,
            principal=Principal("prn:" + "r" * 13),
            roles=(RoleName(role),),
            until=self.clock.now + timedelta(days=30),
        )

    async def told(self, **changes: Any) -> Told:
        answer = await self.ask(explain(**changes))
        assert isinstance(answer, Told), answer
        return answer

    async def head(self) -> int:
        return await self.desk.ledger.head()


def explain(**changes: Any) -> Explain:
    fields = {"stage": DEVELOPMENT, "version": Version(1), **changes}
    return Explain(model=FRAUD, **fields)


def promote(stage: StageName) -> RequestPromotion:
    return RequestPromotion(model=FRAUD, stage=stage, version=Version(1))


async def opened(ledger: MemoryLedger, folder: Path, clock: Clock) -> House:
    started = await desk(ledger, folder, clock)
    registrar = Registrar(
        started.cache, started.handler, clock.edge, event_key=SIGNER.public
    )
    return House(started, registrar, clock)


@pytest.fixture
async def house(tmp_path: Path) -> House:
    """A model with one version, and a reader by a role of a policy's own."""
    clock = Clock()
    found = await opened(MemoryLedger(), tmp_path / "one", clock)
    reader = found.token(READER, "risk-officer")
    for id_, command in (("t", reader), ("m", new_model()), ("v", new_version())):
        recorded(await found.desk.ask(id_, command))
    return found


async def test_a_question_is_answered_and_leaves_nothing(house: House) -> None:
    head = await house.head()
    told = await house.told()
    assert told.sequence == await house.head() == head
    assert told.answer["stage"] == DEVELOPMENT
    assert told.answer["policy"] == "built-in"


async def test_an_answer_knows_what_another_registrar_recorded(
    house: House, tmp_path: Path
) -> None:
    other = await desk(house.desk.ledger, tmp_path / "two", house.clock)
    recorded(await other.ask("p", promote(DEVELOPMENT)))
    recorded(await other.ask("f", DeclareFreeze(reason=Reason("year end"))))
    told = await house.told()
    assert told.answer["promotion"] == 1
    [freeze] = [each for each in told.answer["gates"] if each["kind"] == "freeze"]
    assert "year end" in freeze["why"]
    assert told.sequence == await house.head()


async def test_what_was_is_told_as_it_was_told_then(house: House) -> None:
    """Fold to every place of the ledger: the answers are those that were given."""
    then: dict[int, Told] = {}
    document = written("tier1", FRAUD, stages=[{"name": DEVELOPMENT}])
    story: list[tuple[AnyCommand, Any]] = [
        (promote(DEVELOPMENT), None),
        (DeclareFreeze(reason=Reason("year end")), None),
        (propose(document), OWNER),
        (activate(document), OWNER),
        (new_version("b"), None),
    ]
    for number, (command, by) in enumerate(story):
        by = {"by": by} if by else {}
        recorded(await house.desk.ask(f"s{number}", command, **by))
        house.clock.now += timedelta(hours=1)
        then[await house.head()] = await house.told(as_of=await house.head())
    assert len({str(each.answer["gates"]) for each in then.values()}) >= 2
    policies = [each.answer["policy"] for each in then.values()]
    assert policies == ["built-in", "built-in", "built-in", "tier1", "tier1"]
    for sequence, told in then.items():
        again = await house.told(as_of=sequence)
        assert (again.sequence, again.answer) == (sequence, told.answer)


async def test_what_was_is_the_same_without_what_is_held_in_memory(
    house: House, tmp_path: Path
) -> None:
    recorded(await house.desk.ask("p", promote(DEVELOPMENT)))
    place = await house.head()
    told = await house.told(as_of=place)
    recorded(await house.desk.ask("w", new_version("b")))
    await house.desk.cache.close()
    assert isinstance(house.desk.ledger, MemoryLedger)
    for folder in ("one", "cold"):
        later = await opened(house.desk.ledger, tmp_path / folder, house.clock)
        assert (await later.told(as_of=place)).answer == told.answer


async def test_the_time_of_the_past_is_that_of_the_last_event_then(
    house: House,
) -> None:
    house.clock.now += timedelta(hours=5)
    other = recorded(await house.desk.ask("other", new_model("acme/other")))
    house.clock.now += timedelta(hours=5)
    assert isinstance(house.desk.ledger, MemoryLedger)
    house.desk.ledger.inject(subject(model(FRAUD)), b'{"time":"2099-01-01"}')
    at = other.envelopes[0].at.isoformat(timespec="milliseconds")
    for place in (other.envelopes[0].sequence, await house.head()):
        told = await house.told(as_of=place)
        assert told.answer["as_of"] == at.replace("+00:00", "Z")


async def test_a_place_that_has_not_come_is_refused(house: House) -> None:
    answer = await house.ask(explain(as_of=await house.head() + 1))
    assert isinstance(answer, Problem)
    assert answer.code == "invalid-request"
    assert f"ends at {await house.head()}" in answer.message


async def test_before_a_model_there_is_none(house: House) -> None:
    for place in (0, 1):
        answer = await house.ask(explain(as_of=place))
        assert isinstance(answer, Problem)
        assert answer.reason == "unknown_model"


async def test_what_is_unknown_is_said(house: House) -> None:
    for changes, reason in (
        ({"version": Version(7)}, "unknown_version"),
        ({"stage": LIVE}, "unknown_stage"),
        ({"promotion": PromotionId(3)}, "unknown_promotion"),
    ):
        answer = await house.ask(explain(**changes))
        assert isinstance(answer, Problem)
        assert answer.reason == reason


async def test_who_may_not_read_gets_no_answer(house: House) -> None:
    house.clock.now += timedelta(days=31)
    answer = await house.ask(explain())
    assert isinstance(answer, Problem)
    assert answer.code == "unauthenticated"


class Away(MemoryLedger):
    """A ledger whose replicas lag, and whose leader does not have the rest either."""

    is_away: bool = False

    async def history(
        self, aggregate: Aggregate, *, after: int = 0, most: int | None = None
    ) -> list[Message]:
        found = await super().history(aggregate, after=after, most=most)
        return [] if self.is_away else found

    async def next(self, aggregate: Aggregate, *, after: int) -> Message | None:
        return None if self.is_away else await super().next(aggregate, after=after)


async def test_without_the_ledger_there_is_no_answer_rather_than_half_of_one(
    tmp_path: Path,
) -> None:
    ledger = Away()
    asked = await desk(ledger, tmp_path / "one", Clock())
    recorded(await asked.ask("m", new_model()))
    later = await desk(ledger, tmp_path / "two", Clock())
    ledger.is_away = True
    with pytest.raises(Unavailable):
        await later.cache.as_of(model(FRAUD), await ledger.head())


async def test_a_rehearsal_looks_on_the_wire_like_what_it_rehearses(
    house: House,
) -> None:
    answer = await house.ask(new_model("acme/new"), dry_run=True)
    assert isinstance(answer, Problem)
    assert answer.reason == "forbidden"
    recorded(await house.desk.ask("t2", house.token(PUBLISHER, "publisher")))
    head = await house.head()
    by = {"credential": PUBLISHER.text}
    answer = await house.ask(new_model("acme/new"), **by, dry_run=True)
    assert isinstance(answer, Done)
    assert (answer.sequence, answer.replayed, len(answer.events)) == (0, False, 1)
    assert answer.events[0]["commandid"] == "q"
    assert await house.head() == head
    meant = await house.ask(new_model("acme/new"), **by)
    assert isinstance(meant, Done)
    assert meant.events[0]["data"] == answer.events[0]["data"]
