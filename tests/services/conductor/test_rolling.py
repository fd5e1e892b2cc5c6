"""When is a step, its bake or an experiment looked at?"""

from collections.abc import Sequence
from datetime import datetime

import pytest

from rollbook.catalogue.experiment import (
    ExperimentConcluded,
    ExperimentInvalidated,
    Winner,
)
from rollbook.event import Event
from rollbook.names import PromotionId
from rollbook_projections.projector import Projector
from tests.services.conductor.happening import (
    DEADLINES,
    acknowledged,
    experiment,
    paused,
    resumed,
    step_applied,
    step_completed,
    step_started,
    verifying,
)
from tests.services.conductor.remembering import at, minute, remembered
from tests.support.conducting import (
    PRODUCTION,
    Registrar,
    dispatched,
    ended,
    requested,
)

END = {"end": at(300)}


async def rolling(
    view: Projector, registrar: Registrar, *events: Event | datetime
) -> dict[str, str]:
    """Dispatch, let this happen, and return the timers; a time says when."""
    batch = dispatched(1, revision=1, deadlines=DEADLINES)
    await registrar.record(requested(1))
    await registrar.record(*batch, step_started(1, step_by=minute(220)))
    await registrar.record(acknowledged(1))
    for event in events:
        if isinstance(event, datetime):
            registrar.recorder.at = event
        else:
            await registrar.record(event)
    memory = await remembered(view, registrar)
    return {timer.name: timer.at for timer in memory.timers}


async def test_a_step_has_a_deadline_of_its_own(
    view: Projector, registrar: Registrar
) -> None:
    assert await rolling(view, registrar) == {**END, "step": at(220)}


async def test_a_step_of_before_there_were_several_has_the_dispatchs(
    view: Projector, registrar: Registrar
) -> None:
    await registrar.record(requested(1))
    batch = dispatched(1, revision=1, deadlines=DEADLINES)
    await registrar.record(*batch, step_started(1), acknowledged(1))
    memory = await remembered(view, registrar)
    assert {timer.name: timer.at for timer in memory.timers} == {
        **END,
        "step": at(240),
    }


@pytest.mark.parametrize(
    ("events", "timers"),
    [
        pytest.param(
            [step_applied(1, minute(230))], {"bake": at(230)}, id="applied: it bakes"
        ),
        pytest.param(
            [step_applied(1, minute(230)), step_completed(1)], {}, id="it baked"
        ),
        pytest.param(
            [
                step_applied(1, minute(230)),
                step_completed(1),
                step_started(1, step=1, step_by=minute(250)),
            ],
            {"step": at(250)},
            id="the next",
        ),
        pytest.param(
            [step_completed(1), verifying(1, minute(260))],
            {"bake": at(260)},
            id="the last is verified",
        ),
        pytest.param(
            [step_completed(1), step_started(1, step=1), paused(1, None)],
            {},
            id="a person has to look",
        ),
    ],
)
async def test_each_event_of_a_step_says_what_is_awaited(
    view: Projector,
    registrar: Registrar,
    events: Sequence[Event],
    timers: dict[str, str],
) -> None:
    assert await rolling(view, registrar, *events) == {**END, **timers}


async def test_a_pause_moves_a_steps_deadline_and_not_its_bake(
    view: Projector, registrar: Registrar
) -> None:
    pause = (minute(210), paused(1, None), minute(217), resumed(1, None))
    assert await rolling(view, registrar, *pause) == {**END, "step": at(227)}
    baking = (step_applied(1, minute(280)), minute(230), paused(1, None))
    await registrar.record(step_completed(1))
    for event in (*baking, minute(237), resumed(1, None)):
        if isinstance(event, datetime):
            registrar.recorder.at = event
        else:
            await registrar.record(event)
    memory = await remembered(view, registrar)
    assert {timer.name: timer.at for timer in memory.timers} == {
        **END,
        "bake": at(280),
    }


async def test_what_ended_has_no_step_any_more(
    view: Projector, registrar: Registrar
) -> None:
    over = ended(1, token=1)
    assert await rolling(view, registrar, step_applied(1, minute(230)), *over) == {}


CONCLUDED = ExperimentConcluded(
    promotion=PromotionId(1),
    stage=PRODUCTION,
    winner=Winner.NONE,
    samples=0,
    summary={},
    evidence=None,
    cause="time",
)
INVALIDATED = ExperimentInvalidated(
    promotion=PromotionId(1), stage=PRODUCTION, cause="parent_moved", inputs=()
)


async def test_an_experiment_is_looked_at_when_its_time_is_over(
    view: Projector, registrar: Registrar
) -> None:
    timers = await rolling(view, registrar, experiment(1, minute(290)))
    assert timers == {**END, "step": at(220), "experiment": at(290)}


@pytest.mark.parametrize("over", [CONCLUDED, INVALIDATED], ids=["over", "invalid"])
async def test_an_experiment_that_is_over_is_not(
    view: Projector, registrar: Registrar, over: Event
) -> None:
    timers = await rolling(view, registrar, experiment(1, minute(290)), over)
    assert timers == {**END, "step": at(220)}


async def test_an_experiment_may_end_after_its_promotion(
    view: Projector, registrar: Registrar
) -> None:
    begun = experiment(1, minute(290))
    over = (*ended(1, token=1), INVALIDATED)
    assert await rolling(view, registrar, begun, *over) == {}
