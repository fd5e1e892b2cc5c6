"""What becomes of a change that is under way when its rules or targets change?"""

from typing import Any

from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.promotion import PromotionAborted, StepCompleted
from rollbook.commands.promotion import AdvancePromotion
from rollbook.commands.target import ReportedState
from rollbook.names import PromotionId, TargetName
from rollbook.refusals import Reason as Why
from tests.support.governed import PRODUCTION as PRODUCTION_SPEC
from tests.support.governed import policy, under
from tests.support.scenario import (
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    agent,
    fraud,
    promote,
    report,
)

STAGE: dict[str, Any] = {"name": "staging", "targets": ["a", "b"]}


def moving() -> Scenario:
    """Version 1 is on its way to two targets, and the first has begun."""
    model = under(fraud(2), policy(STAGE))
    model = model.given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    return told(model, "a", ReportedState.ACKNOWLEDGED)


def told(model: Scenario, target: str, state: ReportedState) -> Scenario:
    """Let the agent of a target say something."""
    code = "load_failed" if state is ReportedState.UNAPPLIED else None
    said = report(model, STAGING, state, code=code, target=TargetName(target))
    return model.when(said, by=speaker(target))


def speaker(target: str) -> Any:
    known = agent(STAGING)
    place = {**known.credential, "target": target}
    return type(known)(known.id, known.kind, known.roles, place)


def looked(model: Scenario) -> Scenario:
    command = AdvancePromotion(model=FRAUD, promotion=PromotionId(1))
    return model.given(command, by=CONDUCTOR)


def test_a_change_without_rules_is_aborted_and_does_not_succeed() -> None:
    model = looked(under(moving(), policy({**PRODUCTION_SPEC, "after": None})))
    assert model.event(PromotionAborted).reason_code == "stage_removed"
    assert model.lane(STAGING).slot is None


def test_targets_that_leave_the_policy_still_have_to_run_it() -> None:
    model = looked(under(moving(), policy({**STAGE, "targets": ["c"]})))
    assert model.state(1) == "PROGRESSING"
    assert looked(under(moving(), policy({**STAGE, "targets": []}))).events == []


def test_a_target_that_left_the_policy_may_still_say_what_it_does() -> None:
    model = under(moving(), policy({**STAGE, "targets": ["a"]}))
    model = told(told(model, "a", ReportedState.APPLIED), "b", ReportedState.APPLIED)
    assert model.state(1) == "SUCCEEDED"
    assert model.event(StepCompleted).stragglers == ()


def test_a_target_that_left_the_policy_may_still_fail() -> None:
    model = under(moving(), policy({**STAGE, "targets": ["a"]}))
    assert told(model, "b", ReportedState.UNAPPLIED).state(1) == "FAILED"


def test_a_target_that_comes_later_is_not_waited_for() -> None:
    model = under(moving(), policy({**STAGE, "targets": ["a", "b", "c"]}))
    model = told(told(model, "a", ReportedState.APPLIED), "b", ReportedState.APPLIED)
    assert model.state(1) == "SUCCEEDED"


def test_a_target_that_comes_later_is_told_by_a_redeploy() -> None:
    """A change of version waits until it is known what runs there."""
    model = told(told(moving(), "a", ReportedState.APPLIED), "b", ReportedState.APPLIED)
    model = under(model, policy({**STAGE, "targets": ["a", "b", "c"]}))
    waits = model.given(promote(2, STAGING), by=PIPELINE)
    assert waits.words()["lane"].status == "wait"
    again = model.given(promote(1, STAGING, kind="redeploy"), by=PIPELINE)
    assert "c" in again.dispatched(2).event(DesiredSet).targets


def test_who_is_in_neither_is_unknown() -> None:
    told(moving(), "z", ReportedState.APPLIED).then_refused(Why.UNKNOWN_TARGET)
