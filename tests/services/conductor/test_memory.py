"""What does each event leave in memory of a promotion, and when is it read again?"""

from collections.abc import Sequence
from typing import Any

import pytest

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionErrored,
    PromotionExpired,
    PromotionFailed,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionSuperseded,
)
from rollbook.event import Event
from rollbook.names import PromotionId, Version
from rollbook_projections.projector import Projector
from rollbook_services.conductor.queries.moment import Looked
from rollbook_services.conductor.react.memory import Memory
from tests.services.conductor.happening import (
    DEADLINES,
    WHY,
    acknowledged,
    paused,
    resumed,
    verifying,
)
from tests.services.conductor.remembering import at, minute, remembered
from tests.support.agents import sha256_of
from tests.support.conducting import (
    PRODUCTION,
    Registrar,
    dispatched,
    ended,
    judged,
    readied,
    requested,
    succeeded,
)

ONE = PromotionId(1)
OF_PRODUCTION: dict[str, Any] = {
    "promotion": ONE,
    "stage": PRODUCTION,
    "version": Version(1),
}
ENDS: Sequence[Event] = (
    succeeded(1),
    PromotionFailed(**OF_PRODUCTION, reason_code="load_failed", inputs=()),
    PromotionErrored(**OF_PRODUCTION, reason_code="ack_timeout", inputs=()),
    PromotionAborted(
        **OF_PRODUCTION, reason_code="aborted", by_promotion=None, reason=WHY
    ),
    PromotionCancelled(promotion=ONE, reason=WHY),
    PromotionRejected(promotion=ONE, reason_code="votes", inputs=()),
    PromotionSuperseded(
        promotion=ONE, reason_code="newer_ready", superseded_by=PromotionId(2)
    ),
    PromotionExpired(promotion=ONE, expires_at=minute(9)),
)


def timers(memory: Memory) -> dict[str, str]:
    return {timer.name: timer.at for timer in memory.timers}


async def test_what_waits_expires_and_is_judged_again(
    view: Projector, registrar: Registrar
) -> None:
    [request] = await registrar.record(requested(1, expires_at=minute(90)))
    await registrar.record(judged(1, minute(60)), judged(1, None, gate="rate"))
    memory = await remembered(view, registrar)
    assert timers(memory) == {"expire": at(90), "gate/soak": at(60)}
    assert {timer.event for timer in memory.timers} >= {request}


async def test_an_instant_that_has_not_come_only_says_when_to_wake(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1, expires_at=minute(90)), judged(1, minute(60)))
    before = await remembered(view, registrar, minute(59))
    assert (before.timers, before.next_at) == ([], at(60))
    then = await remembered(view, registrar, minute(60))
    assert (timers(then), then.next_at) == ({"gate/soak": at(60)}, at(90))
    after = await remembered(view, registrar, minute(90))
    assert after.next_at is None


async def test_a_gates_newest_word_counts(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1), judged(1, minute(60)))
    await registrar.record(judged(1, minute(70)))
    assert timers(await remembered(view, registrar)) == {"gate/soak": at(70)}
    await registrar.record(judged(1, None))
    assert timers(await remembered(view, registrar)) == {}


async def test_once_dispatched_its_deadlines_count(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1, expires_at=minute(90)), judged(1, minute(60)))
    await registrar.record(
        *dispatched(1, revision=1, deadlines=DEADLINES, wake_at=minute(210))
    )
    await registrar.record(judged(1, minute(70)))
    assert timers(await remembered(view, registrar)) == {
        "acknowledge": at(205),
        "wake": at(210),
        "step": at(240),
        "end": at(300),
    }


async def test_once_acknowledged_that_deadline_is_met(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    await registrar.record(*dispatched(1, revision=1, deadlines=DEADLINES))
    await registrar.record(acknowledged(1))
    assert timers(await remembered(view, registrar)) == {
        "step": at(240),
        "end": at(300),
    }


async def test_a_late_report_changes_nothing(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1), *dispatched(1, revision=1))
    await registrar.record(*ended(1, token=1))
    await registrar.record(acknowledged(1))
    assert timers(await remembered(view, registrar)) == {}


async def test_a_pause_says_when_to_look_and_does_not_count_against_the_step(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    await registrar.record(*dispatched(1, revision=1, deadlines=DEADLINES))
    registrar.recorder.at = minute(210)
    await registrar.record(acknowledged(1), paused(1, minute(220)))
    assert timers(await remembered(view, registrar))["wake"] == at(220)
    registrar.recorder.at = minute(217)
    await registrar.record(resumed(1, None))
    assert timers(await remembered(view, registrar)) == {
        "step": at(247),
        "end": at(300),
    }


async def test_a_pause_does_not_count_against_the_first_word_either(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    await registrar.record(*dispatched(1, revision=1, deadlines=DEADLINES))
    registrar.recorder.at = minute(202)
    await registrar.record(paused(1, None))
    registrar.recorder.at = minute(212)
    await registrar.record(resumed(1, None))
    moved = timers(await remembered(view, registrar))
    lasted = {name: moved[name] for name in ("acknowledge", "step", "end")}
    assert lasted == {"acknowledge": at(215), "step": at(250), "end": at(300)}


async def test_while_it_proves_itself_the_bake_counts(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    await registrar.record(*dispatched(1, revision=1, deadlines=DEADLINES))
    await registrar.record(verifying(1, minute(280)))
    assert timers(await remembered(view, registrar)) == {
        "bake": at(280),
        "end": at(300),
    }


@pytest.mark.parametrize("end", ENDS, ids=lambda end: str(end.recorded_as))
@pytest.mark.parametrize("is_running", [False, True], ids=["waiting", "under way"])
async def test_what_ended_is_forgotten(
    view: Projector, registrar: Registrar, end: Event, is_running: bool
) -> None:
    await registrar.record(
        requested(1, expires_at=minute(90)), judged(1, minute(60)), readied(1)
    )
    if is_running:
        await registrar.record(*dispatched(1, revision=1, deadlines=DEADLINES))
    await registrar.record(end)
    memory = await remembered(view, registrar)
    assert (memory.timers, memory.lanes, memory.next_at) == ([], [], None)


REBOUND = PromotionRebound(
    promotion=ONE,
    from_digest=sha256_of(b"old"),
    to_digest=sha256_of(b"new"),
    policy="other",
    voided=(),
)
REBASED = PromotionRebased(
    promotion=ONE, from_version=None, to_version=Version(1), voided=()
)


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (PromotionBlocked(promotion=ONE, gates=()), {"expire", "gate/soak"}),
        (REBOUND, {"expire"}),
        (REBASED, {"expire"}),
    ],
    ids=["blocked", "rebound", "rebased"],
)
async def test_what_is_judged_anew_is_not_ready(
    view: Projector, registrar: Registrar, event: Event, left: set[str]
) -> None:
    await registrar.record(
        requested(1, expires_at=minute(90)), judged(1, minute(60)), readied(1)
    )
    assert (await remembered(view, registrar)).lanes
    await registrar.record(event)
    memory = await remembered(view, registrar)
    assert (memory.lanes, set(timers(memory))) == ([], left)
    await registrar.record(readied(1))
    [lane] = (await remembered(view, registrar)).lanes
    assert [each.promotion for each in lane.waiting] == [1]


async def test_a_bundles_rollback_goes_on_its_own(
    view: Projector, registrar: Registrar
) -> None:
    rollback = requested(1, bundle=4, kind=PromotionKind.ROLLBACK)
    await registrar.record(rollback, readied(1))
    assert (await remembered(view, registrar)).lanes


async def test_what_was_looked_at_is_not_read_again(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(
        requested(1, expires_at=minute(90)), judged(1, minute(60)), readied(1)
    )
    first = await remembered(view, registrar, minute(70))
    assert (len(first.lanes), len(first.timers)) == (1, 1)
    looked = Looked(first.position, at(70))
    second = await remembered(view, registrar, minute(80), looked=looked)
    assert (second.lanes, second.timers) == ([], [])
    third = await remembered(view, registrar, minute(90), looked=looked)
    assert timers(third) == {"expire": at(90)}


async def test_an_instant_told_of_too_late_is_read_all_the_same(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    looked = Looked((await remembered(view, registrar)).position, at(100))
    await registrar.record(judged(1, minute(60)))
    memory = await remembered(view, registrar, minute(101), looked=looked)
    assert timers(memory) == {"gate/soak": at(60)}


async def test_all_that_wait_for_a_lane_are_read_when_one_gets_ready(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1), readied(1))
    looked = Looked((await remembered(view, registrar)).position)
    await registrar.record(requested(2), readied(2))
    [lane] = (await remembered(view, registrar, looked=looked)).lanes
    assert [each.promotion for each in lane.waiting] == [1, 2]
