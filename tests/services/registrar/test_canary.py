"""A version comes onto three targets by waves and steps, or goes back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.lane import DesiredSet, SlotReleased, StableAdvanced
from rollbook.catalogue.parts import Scope
from rollbook.catalogue.promotion import (
    AnalysisRecorded,
    PauseCause,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionPaused,
    PromotionResumed,
    PromotionSucceeded,
    PromotionVerifying,
    RollbackTriggered,
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    EvaluatePromotion,
    RecordAnalysis,
    ResumePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.commands.version import QuarantineVersion
from rollbook.names import PromotionId, Reason, StageName, TargetName
from rollbook.refusals import Reason as Why
from tests.support.governed import OWNER, policy, under
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    Scenario,
    agent,
    fraud,
    promote,
    report,
    roll_back,
)

PROD = StageName("prod")
WHY = Reason("because")
IT = PromotionId(2)
EU_1, EU_2, US_1 = (TargetName(name) for name in ("eu-1", "eu-2", "us-1"))
STEPS: list[dict[str, Any]] = [
    {"weight": 10, "bake": "30m"},
    {"pause": "model-owner"},
    {"weight": 100, "bake": "1h"},
]
ERRORS = {
    "metric": "error_rate",
    "expr": "value < 0.01",
    "min_samples": 100,
    "failure_limit": 2,
    "on_missing": "pause",
}


def rolling(*, rollback: Any = None, **canary: Any) -> Scenario:
    """Version 2 was dispatched over version 1."""
    stage = {"name": "prod", "targets": ["eu-1", "eu-2", "us-1"]}
    model = under(fraud(3), policy(stage))
    model = model.given(promote(1, PROD), by=PIPELINE).dispatched(1)
    model = apply(model, EU_1, EU_2, US_1)
    settings = {"waves": [["eu-1"], ["eu-2", "us-1"]], "steps": STEPS, **canary}
    rules = {"strategy": {"canary": settings}, "rollback": rollback or {}}
    model = under(model, policy({**stage, **rules}))
    return model.given(promote(2, PROD), by=PIPELINE).dispatched(2)


def say(
    model: Scenario, target: TargetName, state: ReportedState, code: str | None = None
) -> Scenario:
    said = report(model, PROD, state, target=target, code=code)
    place = {"token": "t", "stage": "prod", "target": target}
    return model.given(said, by=replace(agent(PROD), credential=place))


def apply(model: Scenario, *targets: TargetName) -> Scenario:
    for target in targets:
        model = say(model, target, ReportedState.APPLIED)
    return model


def look(model: Scenario, **after: float) -> Scenario:
    command = AdvancePromotion(model=FRAUD, promotion=IT)
    return model.given(command, by=CONDUCTOR, after=timedelta(**after))


def resume(model: Scenario, wave: int, step: int, by: Any = OWNER) -> Scenario:
    command = ResumePromotion(
        model=FRAUD, promotion=IT, wave=wave, step=step, reason=WHY
    )
    return model.when(command, by=by)


def measured(
    model: Scenario, rate: float, *, samples: int = 500, minutes: float = 5
) -> Scenario:
    now = model.promotion(IT).underway
    assert now is not None
    until = model.at + timedelta(minutes=minutes)
    command = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        wave=now.wave,
        step=now.step,
        metrics={"candidate": {"error_rate": rate}},
        samples=samples,
        from_at=now.step_since,
        until_at=until,
    )
    return model.given(command, by=PIPELINE, after=timedelta(minutes=minutes))


def shares(model: Scenario) -> dict[str, dict[str, int]]:
    """Say by target what each version gets now."""
    desired = model.lane(PROD).desired
    assert desired is not None
    return {
        target: {
            f"v{desired.variants[name].version}": weight
            for name, weight in weights.items()
        }
        for target, weights in desired.targets.items()
    }


def test_the_first_step_gives_a_little_to_the_first_wave_alone() -> None:
    model = rolling()
    assert shares(model) == {
        "eu-1": {"v1": 90, "v2": 10},
        "eu-2": {"v1": 100},
        "us-1": {"v1": 100},
    }
    started = model.event(StepStarted)
    assert (started.wave, started.step, started.weight) == (0, 0, 10)
    assert started.targets == ("eu-1",)
    plan = model.event(PromotionDispatched).rollout
    assert plan is not None
    assert [wave.needed for wave in plan.waves] == [1, 2]


def test_a_step_ends_when_it_is_applied_and_has_baked() -> None:
    model = rolling()
    model = say(model, EU_1, ReportedState.ACKNOWLEDGED)
    look(model, minutes=40).then()
    model = apply(model, EU_1)
    assert model.event(StepApplied).bake_until == model.at + timedelta(minutes=30)
    early = look(model, minutes=29)
    early.then()
    model = look(early, minutes=1)
    assert model.event(StepCompleted).step == 0
    assert model.event(PromotionPaused).cause is PauseCause.STEP
    assert model.event(PromotionPaused).role == "model-owner"
    assert model.event(StepStarted).step_by is None


def paused() -> Scenario:
    return look(apply(rolling(), EU_1), minutes=30)


def test_a_pause_of_the_plan_ends_only_by_its_role_at_its_step() -> None:
    model = paused()
    desired = model.lane(PROD).desired
    assert desired is not None
    look(model, hours=20).then()
    resume(model, 0, 1, by=DAVE).then_refused(Why.FORBIDDEN, needed=["model-owner"])
    resume(model, 0, 0).then_refused(Why.WRONG_STEP, current=[0, 1])
    going = resume(model, 0, 1)
    assert going.event(PromotionResumed).cause is PauseCause.STEP
    assert going.event(DesiredSet).revision == desired.revision + 1
    assert shares(going)["eu-1"] == {"v2": 100}
    assert going.event(StepStarted).step == 2


def test_the_second_wave_begins_when_the_first_is_through_and_the_last_verifies() -> (
    None
):
    model = apply(resume(paused(), 0, 1), EU_1)
    model = look(model, hours=1)
    assert shares(model) == {
        "eu-1": {"v2": 100},
        "eu-2": {"v1": 90, "v2": 10},
        "us-1": {"v1": 90, "v2": 10},
    }
    assert model.event(StepStarted).wave == 1
    model = look(apply(model, EU_2, US_1), minutes=30)
    model = resume(model, 1, 1)
    desired = model.event(DesiredSet)
    assert set(desired.variants) == {"stable"}
    assert shares(model) == {each: {"v2": 100} for each in ("eu-1", "eu-2", "us-1")}
    model = apply(model, US_1, EU_2)
    assert model.event(PromotionVerifying).bake_until == model.at + timedelta(hours=1)
    model = look(model, hours=1)
    model.then(PromotionSucceeded, SlotReleased, StableAdvanced)
    assert model.stack(PROD) == [1, 2]


def test_a_first_version_shares_with_nobody_and_later_waves_wait() -> None:
    stage = {
        "name": "prod",
        "targets": ["eu-1", "eu-2"],
        "strategy": {"canary": {"waves": [["eu-1"], ["eu-2"]], "steps": STEPS}},
    }
    model = under(fraud(1), policy(stage)).given(promote(1, PROD), by=PIPELINE)
    model = model.dispatched(1)
    assert shares(model) == {"eu-1": {"v1": 100}, "eu-2": {}}


def test_bad_measurements_in_a_row_take_it_back_on_every_target() -> None:
    model = rolling(analysis=[ERRORS], rollback={"when": ["failed"]})
    model = apply(model, EU_1)
    model = measured(model, 0.5)
    assert model.state(IT) == "PROGRESSING"
    model = measured(model, 0.5)
    assert model.event(PromotionFailed).reason_code == "analysis_breached"
    assert model.event(RollbackTriggered).to == 1
    assert shares(model) == {each: {"v1": 100} for each in ("eu-1", "eu-2", "us-1")}
    model = apply(model, EU_1, EU_2, US_1)
    assert model.state(3) == "SUCCEEDED"
    assert model.stack(PROD) == [1]


def test_what_was_measured_before_a_step_says_nothing_of_it() -> None:
    steps = [{"weight": 10, "bake": "30m"}, {"weight": 50, "bake": "30m"}]
    model = rolling(analysis=[ERRORS], steps=[*steps, {"weight": 100}])
    model = measured(apply(model, EU_1), 0.001)
    model = look(model, minutes=30)
    assert model.event(StepStarted).step == 1
    now = model.promotion(IT).underway
    assert now is not None
    assert (now.analysed, now.breaches, now.step_since) == ({}, {}, model.at)
    model = apply(model, EU_1)
    stopped = look(model, minutes=30).event(PromotionPaused)
    assert stopped.cause is PauseCause.UNKNOWN
    assert "error_rate" in stopped.reason


def test_a_measurement_of_another_step_is_refused() -> None:
    model = apply(rolling(analysis=[ERRORS]), EU_1)
    now = model.promotion(IT).underway
    assert now is not None
    late = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        wave=1,
        step=0,
        metrics={"candidate": {"error_rate": 0.1}},
        samples=1,
        from_at=now.step_since,
        until_at=model.at,
    )
    model.when(late, by=PIPELINE).then_refused(Why.WRONG_STEP, current=[0, 0])


def test_too_few_samples_are_no_word_and_a_bad_bake_is_judged_while_it_lasts() -> None:
    model = apply(rolling(analysis=[ERRORS]), EU_1)
    few = measured(model, 0.001, samples=99)
    assert few.event(AnalysisRecorded).judged[0].status == "wait"
    assert look(few, minutes=30).event(PromotionPaused).cause is PauseCause.UNKNOWN


def test_a_crossed_threshold_during_a_pause_of_the_plan_fails_it() -> None:
    model = rolling(analysis=[ERRORS], rollback={"when": ["failed"]})
    model = measured(apply(model, EU_1), 0.001)
    model = look(model, minutes=30)
    assert model.state(IT) == "PAUSED"
    model = measured(measured(model, 0.9), 0.9)
    assert model.event(PromotionFailed).reason_code == "analysis_breached"
    assert model.event(RollbackTriggered).to == 1


@pytest.mark.parametrize(
    ("least", "needed"), [("all", 2), (1, 1), ("50%", 1), ("51%", 2), (9, 2)]
)
def test_as_many_targets_as_a_wave_needs_are_enough(least: Any, needed: int) -> None:
    model = rolling(min_success=least, waves=[["eu-1", "eu-2"], ["us-1"]])
    for target in (EU_1, EU_2)[: needed - 1]:
        model = apply(model, target)
        assert not any(isinstance(each, StepApplied) for each in model.events)
    model = apply(model, EU_2)
    assert model.event(StepApplied).step == 0
    ended = look(model, minutes=30).event(StepCompleted)
    assert len(ended.stragglers) == 2 - needed


def test_targets_of_other_waves_neither_hold_nor_fail_a_step() -> None:
    model = say(rolling(), US_1, ReportedState.UNAPPLIED, "load_failed")
    assert model.state(IT) == "DISPATCHED"
    model = say(model, EU_1, ReportedState.UNAPPLIED, "load_failed")
    assert model.event(PromotionFailed).reason_code == "load_failed"


def test_a_lost_target_ends_its_wave_at_the_deadline_of_the_step() -> None:
    model = look(apply(rolling(steps=[STEPS[0], STEPS[2]]), EU_1), minutes=30)
    model = look(apply(model, EU_1), hours=1)
    model = apply(model, EU_2)
    assert model.event is not None
    look(model, hours=3, minutes=50).then()
    ended = look(model, hours=4).event(PromotionErrored)
    assert ended.reason_code == "step_timeout"


def test_drained_targets_are_told_and_not_waited_for() -> None:
    model = rolling()
    drained = frozenset({(PROD, EU_1), (PROD, US_1)})
    model = replace(model, context=replace(model.context, drained=drained))
    abort = AbortPromotion(model=FRAUD, promotion=IT, reason=WHY)
    model = model.given(abort, by=DAVE)
    model = apply(model.given(roll_back(PROD), by=DAVE), EU_2)
    assert model.state(3) == "SUCCEEDED"
    assert model.event(StepCompleted).stragglers == ("eu-1", "us-1")
    hold = model.lane(PROD).hold
    assert hold is not None
    wish = promote(3, PROD, acknowledge_hold=hold.id)
    model = model.given(wish, by=PIPELINE)
    plan = model.dispatched(4).event(PromotionDispatched).rollout
    assert plan is not None
    assert [(wave.targets, wave.needed) for wave in plan.waves] == [
        (("eu-2", "us-1", "eu-1"), 1)
    ]
    assert plan.drained == ("eu-1", "us-1")


def test_a_straggler_keeps_the_lane_back_until_it_is_drained() -> None:
    strategy = {"all_at_once": {"min_success": 1}}
    stage = {"name": "prod", "targets": ["eu-1", "eu-2"], "strategy": strategy}
    model = under(fraud(2), policy(stage))
    model = model.given(promote(1, PROD), by=PIPELINE).dispatched(1)
    model = apply(model, EU_1).given(promote(2, PROD), by=PIPELINE)
    assert model.state(2) == "GATING"
    assert "eu-2" in model.words()["lane"].detail
    drained = frozenset({(PROD, EU_2)})
    model = replace(model, context=replace(model.context, drained=drained))
    look = EvaluatePromotion(model=FRAUD, promotion=PromotionId(2))
    assert model.given(look, by=CONDUCTOR).state(2) == "READY"


def test_the_word_of_a_drained_target_ends_no_step() -> None:
    stage = {"name": "prod", "targets": ["eu-1", "eu-2"]}
    model = under(fraud(1), policy(stage))
    drained = frozenset({(PROD, EU_2)})
    model = replace(model, context=replace(model.context, drained=drained))
    model = model.given(promote(1, PROD), by=PIPELINE).dispatched(1)
    model = apply(model, EU_2)
    assert model.state(1) == "PROGRESSING"
    assert apply(model, EU_1).state(1) == "SUCCEEDED"


def test_where_every_target_is_drained_one_has_to_come_back() -> None:
    stage = {"name": "prod", "targets": ["eu-1"]}
    model = under(fraud(1), policy(stage))
    drained = frozenset({(PROD, EU_1)})
    model = replace(model, context=replace(model.context, drained=drained))
    model = model.given(promote(1, PROD), by=PIPELINE).dispatched(1)
    assert model.state(1) == "DISPATCHED"
    assert apply(model, EU_1).state(1) == "SUCCEEDED"


def test_a_rollback_by_the_same_profile_goes_by_waves() -> None:
    model = rolling(rollback={"profile": "same"}, steps=[STEPS[0], STEPS[2]])
    model = model.given(roll_back(PROD), by=DAVE)
    plan = model.event(PromotionDispatched).rollout
    assert plan is not None
    assert len(plan.waves) == 2
    assert len(plan.steps) == 2


def test_a_barred_stable_version_never_gets_more() -> None:
    model = rolling()
    bar = QuarantineVersion(model=FRAUD, version=1, scope=Scope(), reason=WHY)
    model = model.given(bar, by=DAVE)
    abort = AbortPromotion(model=FRAUD, promotion=IT, reason=WHY)
    model = model.given(abort, by=DAVE)
    model = apply(model, EU_1, EU_2, US_1)
    model = model.given(promote(3, PROD), by=PIPELINE).dispatched(3)
    assert shares(model)["eu-1"] == {"v1": 90, "v3": 10}
    assert shares(model)["eu-2"] == {"v1": 100}
