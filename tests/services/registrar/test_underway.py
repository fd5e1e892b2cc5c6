"""What happens to a change that is under way: pauses, bakes, deadlines, analyses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.lane import SlotReleased, StableAdvanced
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PauseCause,
    PromotionAborted,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionPaused,
    PromotionResumed,
    PromotionSucceeded,
    PromotionVerifying,
    StepCompleted,
)
from rollbook.commands.promotion import (
    AdvancePromotion,
    PausePromotion,
    ResumePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.commands.waiver import WaiveGates
from rollbook.names import PromotionId, Reason, TargetName
from rollbook.refusals import Reason as Why
from tests.support.governed import frozen, policy, thawed, under
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    agent,
    fraud,
    promote,
    report,
    roll_back,
)

WHY = Reason("because")
IT = PromotionId(1)
BAKE = {"all_at_once": {"bake": "1h"}}


def dispatched(**settings: Any) -> Scenario:
    """Version 1 was dispatched to a staging that says this."""
    stage = {"name": "staging", "targets": ["default"], **settings}
    model = under(fraud(2), policy(stage))
    return model.given(promote(1, STAGING), by=PIPELINE).dispatched(1)


def look(model: Scenario, **after: float) -> Scenario:
    """Let the conductor wake the rules after some time."""
    command = AdvancePromotion(model=FRAUD, promotion=IT)
    return model.given(command, by=CONDUCTOR, after=timedelta(**after))


def acknowledged(model: Scenario) -> Scenario:
    said = report(model, STAGING, ReportedState.ACKNOWLEDGED)
    return model.given(said, by=agent(STAGING))


def pause(model: Scenario) -> Scenario:
    command = PausePromotion(model=FRAUD, promotion=IT, reason=WHY)
    return model.given(command, by=DAVE)


def resume(model: Scenario, *accept: str, step: int = 0) -> Scenario:
    command = ResumePromotion(
        model=FRAUD, promotion=IT, step=step, accept=accept, reason=WHY
    )
    return model.when(command, by=DAVE)


def test_a_version_that_has_to_prove_itself_keeps_its_slot_until_then() -> None:
    model = dispatched(strategy=BAKE).applied(STAGING)
    verifying = model.event(PromotionVerifying)
    assert verifying.bake_until == model.at + timedelta(hours=1)
    assert model.lane(STAGING).slot is not None
    early = look(model, minutes=59)
    early.then()
    look(early, minutes=1).event(PromotionSucceeded)


def test_nobody_acknowledging_in_time_is_the_platforms_fault() -> None:
    model = dispatched()
    look(model, minutes=4).then()
    assert look(model, minutes=5).event(PromotionErrored).reason_code == "ack_timeout"
    begun = acknowledged(model)
    look(begun, minutes=30).then()
    ended = look(begun, hours=4).event(PromotionErrored)
    assert ended.reason_code == "step_timeout"


def test_a_failed_target_ends_it_and_late_reports_change_only_the_lane() -> None:
    model = dispatched().failed(STAGING)
    assert model.event(PromotionFailed).reason_code == "load_failed"
    late = report(model, STAGING, ReportedState.APPLIED, seq=99)
    assert model.given(late, by=agent(STAGING)).state(1) == "FAILED"


def test_enough_targets_are_enough_and_the_others_are_named() -> None:
    targets = ["default", "eu-2", "us-1"]
    strategy = {"all_at_once": {"min_success": 2}}
    model = dispatched(targets=targets, strategy=strategy)
    for target in ("default", "us-1"):
        assert model.state(1) in ("DISPATCHED", "PROGRESSING")
        said = report(model, STAGING, ReportedState.APPLIED, target=TargetName(target))
        place = {"token": "t", "stage": "staging", "target": target}
        model = model.given(said, by=replace(agent(STAGING), credential=place))
    assert model.state(1) == "SUCCEEDED"
    assert model.event(StepCompleted).stragglers == ("eu-2",)


def test_one_failed_target_is_borne_while_enough_are_left() -> None:
    targets = ["default", "eu-2"]
    strategy = {"all_at_once": {"min_success": 1}}
    model = dispatched(targets=targets, strategy=strategy).failed(STAGING)
    assert model.state(1) in ("DISPATCHED", "PROGRESSING")
    said = report(
        model,
        STAGING,
        ReportedState.UNAPPLIED,
        code="unreachable",
        target=TargetName("eu-2"),
    )
    place = {"token": "t", "stage": "staging", "target": "eu-2"}
    model = model.given(said, by=replace(agent(STAGING), credential=place))
    assert model.event(PromotionErrored).reason_code == "unreachable"


def test_a_person_stops_it_and_lets_it_go_on_where_it_was() -> None:
    model = pause(dispatched())
    assert model.event(PromotionPaused).cause is PauseCause.PERSON
    assert look(model, hours=5).state(1) == "PAUSED", "pauses count for the whole alone"
    model = model.applied(STAGING)
    assert model.state(1) == "PAUSED"
    resume(model, step=1).then_refused(Why.WRONG_STEP)
    model = resume(model)
    model.then(PromotionResumed, PromotionSucceeded, SlotReleased, StableAdvanced)
    assert model.state(1) == "SUCCEEDED"
    resume(model).then_refused(Why.NOT_PAUSED)


def test_the_step_has_as_much_time_after_a_pause_as_it_had_before() -> None:
    model = acknowledged(dispatched())
    model = pause(look(model, hours=3))
    model = resume(look(model, hours=10))
    assert look(model, minutes=30).state(1) == "PROGRESSING"
    assert look(model, minutes=61).event(PromotionErrored).reason_code == "step_timeout"


def test_everything_ends_at_last_paused_or_not() -> None:
    model = pause(dispatched())
    ended = look(model, hours=96).event(PromotionErrored)
    assert ended.reason_code == "total_timeout"


@pytest.mark.parametrize("moving", [dispatched, lambda: acknowledged(dispatched())])
def test_a_freeze_that_pauses_stops_it_and_its_end_lets_it_go_on(moving: Any) -> None:
    model = moving()
    state = model.state(1)
    model = look(frozen(model, in_flight=InFlight.PAUSE), minutes=1)
    assert model.event(PromotionPaused).cause is PauseCause.FREEZE
    resume(model).then_refused(Why.LANE_FROZEN)
    look(model, minutes=1).then()
    model = look(thawed(model), minutes=1)
    assert model.event(PromotionResumed).cause is PauseCause.FREEZE
    assert model.state(1) == state


def test_a_freeze_that_aborts_ends_it_and_one_that_lets_finish_does_not() -> None:
    model = dispatched()
    look(frozen(model, in_flight=InFlight.FINISH), minutes=1).then()
    ended = look(frozen(model, in_flight=InFlight.ABORT), minutes=1)
    assert ended.event(PromotionAborted).reason_code == "frozen"


def test_a_freeze_stops_no_rollback_unless_it_says_so() -> None:
    model = dispatched().applied(STAGING)
    model = model.given(promote(2, STAGING), by=PIPELINE).dispatched(2)
    model = model.applied(STAGING)
    model = frozen(model, in_flight=InFlight.ABORT)
    model = model.given(roll_back(STAGING), by=DAVE)
    assert model.event(PromotionDispatched).promotion == 3
    command = AdvancePromotion(model=FRAUD, promotion=PromotionId(3))
    model.when(command, by=CONDUCTOR).then()
    strict = frozen(thawed(model), in_flight=InFlight.ABORT, exempt=())
    strict.when(command, by=CONDUCTOR).event(PromotionAborted)


def test_a_window_that_shuts_does_what_the_stage_says() -> None:
    office = {
        "name": "office",
        "kind": "allow",
        "zone": "UTC",
        "start": "2026-11-24T08:00",
        "lasts": "2h",
        "rrule": "FREQ=DAILY",
    }
    model = dispatched(windows=[office], in_flight_when_closed="pause")
    shuts = model.event(PromotionDispatched).wake_at
    assert shuts is not None
    model = look(model, seconds=(shuts - model.at).total_seconds())
    assert model.event(PromotionPaused).cause is PauseCause.WINDOW
    opens = model.event(PromotionPaused).wake_at
    assert opens == shuts + timedelta(hours=22)
    look(model, hours=21).then()
    again = look(model, hours=22)
    assert again.event(PromotionResumed).cause is PauseCause.WINDOW
    assert look(dispatched(windows=[office]), hours=2).state(1) == "ERRORED"


def test_what_waits_or_has_ended_is_neither_paused_nor_advanced() -> None:
    model = under(fraud(1), policy({"name": "staging", "targets": ["default"]}))
    model = model.given(promote(1, STAGING), by=PIPELINE)
    for command in (
        PausePromotion(model=FRAUD, promotion=IT, reason=WHY),
        AdvancePromotion(model=FRAUD, promotion=IT),
    ):
        by = CONDUCTOR if isinstance(command, AdvancePromotion) else DAVE
        model.when(command, by=by).then_refused(Why.NOT_DISPATCHED)
    kind = model.promotion(1).kind
    assert kind is PromotionKind.FORWARD


def test_the_first_word_has_as_much_time_after_a_pause_as_before() -> None:
    model = pause(dispatched())
    model = resume(replace(model, at=model.at + timedelta(hours=1)))
    assert model.state(1) == "DISPATCHED"
    now = model.promotion(1).underway
    assert now is not None
    assert now.deadlines is not None
    left = now.deadlines.acknowledge_by - model.at
    late = look(model, seconds=left.total_seconds())
    assert late.event(PromotionErrored).reason_code == "ack_timeout"


def test_what_stands_still_is_not_paused_again() -> None:
    model = pause(dispatched())
    again = PausePromotion(model=FRAUD, promotion=IT, reason=WHY)
    said = model.when(again, by=DAVE).then_refused(Why.NOT_DISPATCHED).outcome
    assert "ended" not in getattr(said, "message", "ended")


def test_a_strict_freeze_stops_also_what_a_waiver_led_past_another() -> None:
    glass = {
        "name": "sev2",
        "waives": ["freeze"],
        "roles": ["incident-commander"],
        "second_person": False,
        "incident_required": False,
        "valid_for": "8h",
        "review_within": "24h",
    }
    stage = {"name": "staging", "targets": ["default"], "break_glass": [glass]}
    soft = frozen(under(fraud(1), policy(stage)), waivable=True)
    model = soft.given(promote(1, STAGING), by=PIPELINE)
    waive = WaiveGates(
        model=FRAUD, promotion=IT, break_glass="sev2", gates=("freeze",), reason=WHY
    )
    model = model.given(waive, by=DAVE).dispatched(1)
    assert look(frozen(model, waivable=True, in_flight=InFlight.PAUSE)).events == []
    strict = look(frozen(model, in_flight=InFlight.PAUSE))
    assert strict.event(PromotionPaused).cause is PauseCause.FREEZE


def daily(name: str, start: str, lasts: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": "allow",
        "zone": "UTC",
        "start": f"2026-11-24T{start}",
        "lasts": lasts,
        "rrule": "FREQ=DAILY",
    }


def test_a_window_that_shuts_beside_an_open_one_is_no_reason_to_wake() -> None:
    """Nothing would be recorded then, so nobody would wake it when the other shuts."""
    windows = [daily("early", "08:00", "2h"), daily("late", "09:00", "4h")]
    model = dispatched(windows=windows, in_flight_when_closed="pause")
    shuts = model.event(PromotionDispatched).wake_at
    assert shuts is not None
    assert (shuts.hour, shuts.minute) == (13, 0)
    late = look(acknowledged(model), seconds=(shuts - model.at).total_seconds())
    assert late.event(PromotionPaused).cause is PauseCause.WINDOW


def test_a_freeze_that_ends_outside_its_windows_leaves_it_to_them() -> None:
    """Else nobody would wake it when they open."""
    windows = [daily("office", "08:00", "2h")]
    model = acknowledged(dispatched(windows=windows, in_flight_when_closed="pause"))
    model = look(frozen(model, in_flight=InFlight.PAUSE), minutes=1)
    model = look(thawed(model), hours=2).then(PromotionResumed, PromotionPaused)
    paused = model.event(PromotionPaused)
    assert paused.cause is PauseCause.WINDOW
    assert paused.wake_at is not None
    assert paused.wake_at.hour == 8
    look(model, hours=1).then()
    going = look(model, seconds=(paused.wake_at - model.at).total_seconds())
    assert going.state(1) == "PROGRESSING"
