"""Does what time makes due happen: at its time, after any absence, once?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rollbook.catalogue.promotion import PromotionExpired
from rollbook.commands.promotion import (
    AdvancePromotion,
    EvaluatePromotion,
    ExpirePromotion,
)
from rollbook.commands.wire import Problem
from rollbook.errors import Unavailable
from rollbook.event import Event
from rollbook.ledger.bucket import DesiredBucket
from rollbook.names import PromotionId
from rollbook.subjects import CALENDAR
from rollbook_projections.projector import Projector
from rollbook_services import main
from rollbook_services.conductor.conductor import Conductor
from tests.services.conductor.happening import DEADLINES, frozen
from tests.services.conductor.remembering import at, minute
from tests.support.agents import TIMEOUT_SECONDS, until
from tests.support.conducting import (
    Clock,
    Registrar,
    commands,
    conductor,
    dispatched,
    judged,
    no,
    projector,
    readied,
    requested,
    rounds,
)


def expired(command: ExpirePromotion) -> Sequence[Event]:
    return [PromotionExpired(promotion=command.promotion, expires_at=minute(60))]


@dataclass(slots=True)
class Judge:
    """A registrar's evaluator with a clock of its own: open from an instant on."""

    clock: Clock
    opens_at: datetime
    behind_seconds: float = 0

    def __call__(self, command: EvaluatePromotion) -> Sequence[Event]:
        now = self.clock.at - timedelta(seconds=self.behind_seconds)
        if now < self.opens_at:
            return ()
        number = command.promotion
        return [judged(number, None), readied(number)]


async def test_nothing_is_sent_before_its_time_and_everything_once_then(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(59))
    registrar.decides[EvaluatePromotion] = Judge(clock, minute(60))
    registrar.decides[ExpirePromotion] = expired
    await registrar.record(requested(1, expires_at=minute(90)), judged(1, minute(60)))
    await registrar.record(requested(2, expires_at=minute(60)))
    conducting = conductor(view, registrar, bucket, now=clock)
    await rounds(view, registrar, conducting)
    assert not registrar.requests
    assert conducting.rest_seconds() == 60
    clock.at = minute(60)
    await rounds(view, registrar, conducting)
    assert sorted(registrar.sent()) == [
        "dispatch/1",
        f"evaluate/{at(60)}/1",
        "expire/2",
    ]


async def test_a_conductor_that_was_away_owes_all_that_is_overdue(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    registrar.decides[ExpirePromotion] = expired
    await registrar.record(requested(1, expires_at=minute(60)))
    await registrar.record(requested(2), judged(2, minute(50)))
    await registrar.record(requested(3))
    await registrar.record(*dispatched(3, revision=1, deadlines=DEADLINES))
    await registrar.record_on(CALENDAR, frozen(from_at=minute(40), until=minute(45)))
    clock = Clock(minute(10_000))
    sent = []
    for file in ("1.db", "2.db", "2.db"):
        async with projector(tmp_path / file) as view:
            await rounds(view, registrar, conductor(view, registrar, bucket, now=clock))
        sent.append(set(registrar.sent()))
        registrar.requests.clear()
    still = {
        f"evaluate/{at(50)}/2",
        f"evaluate/{at(45)}/acme/fraud:2",
        f"advance/{at(300)}/3",
        f"advance/{at(45)}/acme/fraud:3",
    }
    assert sent == [
        {"expire/1", f"evaluate/{at(45)}/acme/fraud:1", *still},
        still,
        still,
    ]


@pytest.mark.parametrize("behind_seconds", [0.2, 5, 40])
async def test_a_registrar_whose_clock_is_behind_is_asked_again(
    view: Projector,
    registrar: Registrar,
    bucket: DesiredBucket,
    behind_seconds: float,
) -> None:
    clock = Clock(minute(60))
    registrar.decides[EvaluatePromotion] = Judge(clock, minute(60), behind_seconds)
    await registrar.record(requested(1), judged(1, minute(60)))
    conducting = conductor(view, registrar, bucket, now=clock)
    await rounds(view, registrar, conducting)
    assert len(registrar.requests) == 1
    while "dispatch/1" not in registrar.sent():
        assert 1 <= conducting.rest_seconds() <= 2 * behind_seconds + 1
        clock.go(conducting.rest_seconds())
        await rounds(view, registrar, conducting)
    assert clock.at <= minute(60) + timedelta(seconds=2 * behind_seconds + 1)
    assert len({each.id for each in registrar.requests}) == len(registrar.requests)
    clock.go(86_400)
    count = len(registrar.requests)
    await rounds(view, registrar, conducting)
    assert len(registrar.requests) == count


async def test_what_is_not_due_yet_is_tried_again_then(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(60))
    await registrar.record(requested(1, expires_at=minute(60)))

    def expire(command: ExpirePromotion) -> Sequence[Event] | Problem:
        early = clock.at < minute(61)
        return no("not_due", at=minute(61).isoformat()) if early else expired(command)

    registrar.decides[ExpirePromotion] = expire
    conducting = conductor(view, registrar, bucket, now=clock)
    await rounds(view, registrar, conducting)
    assert (registrar.sent(), conducting.rest_seconds()) == (["expire/1"], 60)
    clock.go(60)
    await rounds(view, registrar, conducting)
    clock.go(86_400)
    await rounds(view, registrar, conducting)
    assert registrar.sent() == ["expire/1", "expire/1/1"]


@pytest.mark.parametrize("reason", ["not_open", "not_dispatched", "forbidden"])
async def test_any_other_no_is_final(
    view: Projector, registrar: Registrar, bucket: DesiredBucket, reason: str
) -> None:
    clock = Clock(minute(60))
    await registrar.record(requested(1, expires_at=minute(60)))
    registrar.decides[ExpirePromotion] = lambda _: no(reason)
    conducting = conductor(view, registrar, bucket, now=clock)
    for _ in range(5):
        await rounds(view, registrar, conducting)
        clock.go(600)
    assert registrar.sent() == ["expire/1"]


async def test_what_time_does_not_change_is_soon_left_alone(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(60))
    await registrar.record(requested(1), judged(1, minute(60)))
    conducting = conductor(view, registrar, bucket, now=clock)
    while clock.at < minute(60 + 3 * 60):
        await rounds(view, registrar, conducting, count=1)
        assert conducting.rest_seconds() >= 1
        clock.go(conducting.rest_seconds())
    assert 10 < len(registrar.requests) < 20


async def test_an_edge_of_a_freeze_is_tried_again_for_what_is_under_way(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(59))
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record_on(CALENDAR, frozen(from_at=minute(60)))
    conducting = conductor(view, registrar, bucket, now=clock)
    await rounds(view, registrar, conducting)
    assert registrar.sent() == ["advance/acme/fraud:1"]
    for _ in range(3):
        clock.go(conducting.rest_seconds())
        await rounds(view, registrar, conducting)
    edge = f"advance/{at(60)}/acme/fraud:1"
    assert registrar.sent()[1:] == [edge, f"{edge}/1", f"{edge}/2"]


async def test_two_conductors_ask_under_the_same_ids(
    registrar: Registrar, bucket: DesiredBucket, tmp_path: Path
) -> None:
    clock = Clock(minute(10_000))
    registrar.decides[ExpirePromotion] = expired
    registrar.decides[EvaluatePromotion] = Judge(clock, minute(60))
    await registrar.record(requested(1, expires_at=minute(60)))
    await registrar.record(requested(2), judged(2, minute(60)))
    await registrar.record(requested(3))
    await registrar.record(*dispatched(3, revision=1, deadlines=DEADLINES))
    async with (
        projector(tmp_path / "1.db") as one,
        projector(tmp_path / "2.db") as two,
    ):
        for view in (one, two):  # both have seen the same before either acts
            await view.catch_up(registrar.ledger)
        both = [conductor(view, registrar, bucket, now=clock) for view in (one, two)]
        await asyncio.gather(*(each.act() for each in both))
    sent = registrar.sent()
    assert sorted(set(sent)) == [
        f"advance/{at(300)}/3",
        f"evaluate/{at(60)}/2",
        "expire/1",
    ]
    assert len(sent) == 6
    assert len(registrar.answered) == 2  # what changed something did so once


async def test_without_an_answer_everything_is_tried_again(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(60))
    registrar.says = no("no_registrar", code="unavailable")
    await registrar.record(requested(1, expires_at=minute(60)))
    await registrar.record(requested(2), judged(2, minute(50)))
    conducting = conductor(view, registrar, bucket, now=clock)
    await view.catch_up(registrar.ledger)
    with pytest.raises(Unavailable):
        await conducting.act()
    registrar.says = None
    await rounds(view, registrar, conducting)
    assert sorted(registrar.sent()) == [f"evaluate/{at(50)}/2", "expire/1"]


async def test_one_without_an_answer_keeps_no_other_waiting(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    def evaluate(command: EvaluatePromotion) -> Sequence[Event] | Problem:
        return no("conflict", code="unavailable") if command.promotion == 1 else ()

    registrar.decides[EvaluatePromotion] = evaluate
    for number in (1, 2, 3):
        await registrar.record(requested(number), judged(number, minute(50)))
    conducting = conductor(view, registrar, bucket)
    await view.catch_up(registrar.ledger)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await conducting.act()
    of_each = [each.split("/")[-1] for each in registrar.sent()]
    assert sorted(of_each) == ["1", "1", "2", "3"]


async def test_it_wakes_by_itself(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    soon = main.EDGE.now() + timedelta(seconds=0.3)
    await registrar.record(requested(1, expires_at=soon))
    await registrar.record(requested(2))
    await registrar.record(*dispatched(2, revision=1, wake_at=soon))
    await view.catch_up(registrar.ledger)
    conducting = conductor(view, registrar, bucket, now=main.EDGE.now)
    running = asyncio.create_task(conducting.run())
    try:
        await until(lambda: len(registrar.requests) >= 2)
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=TIMEOUT_SECONDS)
    assert main.EDGE.now() >= soon
    kinds = {type(each.command) for each in registrar.requests}
    assert kinds == {ExpirePromotion, AdvancePromotion}


async def test_a_clock_set_back_misses_nothing(
    view: Projector, registrar: Registrar, bucket: DesiredBucket
) -> None:
    clock = Clock(minute(500))
    conducting: Conductor = conductor(view, registrar, bucket, now=clock)
    await registrar.record(requested(1))
    await rounds(view, registrar, conducting)
    clock.at = minute(10)
    await registrar.record(judged(1, minute(60)))
    await rounds(view, registrar, conducting)
    assert not commands(registrar)
    clock.at = minute(60)
    await rounds(view, registrar, conducting)
    assert commands(registrar) == [f"evaluate/{at(60)}/1"]
    assert registrar.requests[0].command == EvaluatePromotion(
        model=registrar.requests[0].command.model,  # type: ignore[union-attr]
        promotion=PromotionId(1),
    )
