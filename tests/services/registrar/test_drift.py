"""The rules of targets that run something else than is desired."""

from dataclasses import replace

import pytest

from rollbook.catalogue.lane import DesiredSet, DriftPolicy
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
)
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
    TargetApplied,
    TargetErrored,
)
from rollbook.commands.target import ReportedState
from rollbook.names import StageName, TargetName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook_services.policy.facts import LaneStatus
from rollbook_services.registrar.seeing import stage_of, status_of
from rollbook_services.registrar.state import Drift
from tests.services.registrar.targets import (
    ACKNOWLEDGED,
    APPLIED,
    BOTH,
    CONVERGED,
    DRIFTED,
    EU1,
    EU2,
    HOTFIX,
    LIVE,
    OTHER,
    UNAPPLIED,
    WHY,
    accept,
    agent,
    brought,
    dispatch,
    drifts,
    hears,
    lives,
    runs,
    says,
)
from tests.support.governed import policy, under
from tests.support.scenario import (
    ALICE,
    CAROL,
    CONDUCTOR,
    DAVE,
    PIPELINE,
    VIEWER,
    digest,
    fraud,
    promote,
    report,
    roll_back,
)

# What a report leads to.


@pytest.mark.parametrize("drift", [*DriftPolicy])
def test_a_drift_is_recorded_with_what_becomes_of_it(drift: DriftPolicy) -> None:
    model = hears(lives(drift), DRIFTED).then(DriftDetected)
    assert model.event(DriftDetected).policy is drift
    assert model.event(DriftDetected).report.observed == HOTFIX
    assert drifts(model) == {EU1: Drift(model.last_id(), drift, model.at)}
    now = model.lane(LIVE).targets[EU1]
    assert (now.state, now.observed) == ("drifted", HOTFIX)
    known = status_of(model.lane(LIVE), stage_of(model.context.policy, LIVE))
    assert known is LaneStatus.SETTLED
    assert (model.state(1), model.stack(LIVE)) == ("SUCCEEDED", [1])


def test_the_policy_of_a_drift_is_what_the_agent_was_told() -> None:
    model = lives("correct")
    model = under(model, policy({"name": "live", "targets": [*BOTH]}))
    model = hears(model, DRIFTED)
    assert model.event(DriftDetected).policy is DriftPolicy.CORRECT


def test_the_same_drift_is_recorded_once_and_another_one_anew() -> None:
    model = hears(lives(), DRIFTED)
    first = drifts(model)[EU1]
    model = model.given(accept(), by=DAVE)
    hears(model, DRIFTED).then()
    other = hears(model, DRIFTED, observed={}).then(DriftDetected)
    assert drifts(other)[EU1].id != first.id
    assert not drifts(other)[EU1].accepted
    both = hears(model, DRIFTED, EU2).then(DriftDetected)
    assert set(drifts(both)) == {EU1, EU2}
    assert drifts(both)[EU1].accepted


def test_something_besides_what_is_desired_is_a_drift() -> None:
    more = {"stable": digest(1), "canary": digest(9)}
    model = hears(lives(), DRIFTED, observed=more).then(DriftDetected)
    no = hears(model, CONVERGED, observed=more).then_refused(Why.INVALID)
    assert isinstance(no.outcome, Refusal)
    assert "canary" in no.outcome.message


def test_what_is_desired_is_no_drift() -> None:
    model = lives()
    same = {"stable": digest(1)}
    told = hears(model, DRIFTED, observed=same).then_refused(Why.INVALID)
    assert isinstance(told.outcome, Refusal)
    assert "converged" in told.outcome.message


def test_a_drift_of_the_past_or_of_another_token_changes_nothing() -> None:
    model = lives()
    hears(model, DRIFTED, revision=0).then()
    hears(model, DRIFTED, token=0).then_refused(Why.STALE_TOKEN, token=1)
    hears(model, DRIFTED, promotion=7).then_refused(Why.STALE_TOKEN)
    hears(model, DRIFTED, revision=2).then_refused(Why.STALE_TOKEN, revision=1)
    drifted = hears(model, DRIFTED)
    hears(drifted, CONVERGED, revision=0).then()
    hears(drifted, CONVERGED, token=0).then_refused(Why.STALE_TOKEN)
    hears(drifted, CONVERGED, seq=0).then()


def test_while_a_change_is_under_way_nothing_is_a_drift() -> None:
    model = brought(lives(), 2, applied=False)
    hears(model, DRIFTED).then()
    begun = hears(model, ACKNOWLEDGED)
    hears(begun, DRIFTED).then()
    hears(begun, CONVERGED).then()
    done = runs(begun)
    hears(done, DRIFTED).then(DriftDetected)


def test_a_target_that_was_told_nothing_cannot_drift() -> None:
    model = lives()
    third = TargetName("us-1")
    rules = policy({"name": "live", "targets": [*BOTH, third]})
    model = under(model, rules)
    for state in (DRIFTED, CONVERGED):
        hears(model, state, third).then()
    empty = under(fraud(1), rules)
    hears(empty, DRIFTED).then_refused(Why.STALE_TOKEN)


def test_after_a_failed_change_a_target_may_drift() -> None:
    model = brought(lives(), 2, applied=False)
    model = model.given(says(model, UNAPPLIED, code="load_failed"), by=agent())
    assert model.state(2) == "FAILED"
    model = hears(model, DRIFTED, EU2).then(DriftDetected)
    assert drifts(model).keys() == {EU2}


def test_what_was_drained_keeps_on_purpose_what_it_serves() -> None:
    model = lives("require_acceptance")
    aside = frozenset({(LIVE, EU1)})
    model = replace(model, context=replace(model.context, drained=aside))
    model = brought(model, 2, applied=False)
    model = hears(model, APPLIED, EU2)
    assert model.state(2) == "SUCCEEDED"
    hears(model, DRIFTED, observed={"stable": digest(1)}).then()
    awake = hears(model, APPLIED)
    hears(awake, DRIFTED, observed={"stable": digest(1)}).then(DriftDetected)
    hears(model, DRIFTED, EU2).then(DriftDetected)


def test_what_nobody_waited_for_counts_as_drifted_until_it_is_applied() -> None:
    model = lives(strategy={"all_at_once": {"min_success": 1}})
    model = brought(model, 2, applied=False)
    model = hears(model, APPLIED, EU2)
    assert model.state(2) == "SUCCEEDED"
    model = hears(model, DRIFTED, observed={"stable": digest(1)}).then(DriftDetected)
    hears(model, APPLIED).then(TargetApplied, DriftCorrected)


@pytest.mark.parametrize("state", [CONVERGED, APPLIED])
def test_what_runs_as_desired_again_has_converged(state: ReportedState) -> None:
    model = hears(lives(), DRIFTED)
    drift = drifts(model)[EU1]
    model = hears(model, state)
    kinds = (TargetApplied, DriftCorrected) if state is APPLIED else (DriftCorrected,)
    model.then(*kinds)
    assert model.event(DriftCorrected).drift == drift.id
    assert drifts(model) == {}
    now = model.lane(LIVE).targets[EU1]
    assert (now.state, now.observed) == ("applied", {"stable": digest(1)})
    hears(model, state).then()
    hears(model, DRIFTED).then(DriftDetected)


def test_what_never_drifted_cannot_converge() -> None:
    model = lives()
    hears(model, CONVERGED).then()
    hears(hears(model, DRIFTED), CONVERGED, EU2).then()


def test_only_observed_digests_say_that_it_converged() -> None:
    model = hears(lives(), DRIFTED)
    for observed in ({"stable": digest(9)}, {"other": digest(1)}, {}):
        told = hears(model, CONVERGED, observed=observed)
        assert isinstance(told.outcome, Refusal)
        assert told.outcome.reason in (Why.DIGEST_MISMATCH, Why.INVALID)
        hears(model, APPLIED, observed=observed).then_refused(Why.DIGEST_MISMATCH)


def test_what_could_not_be_mended_has_still_drifted() -> None:
    model = hears(lives("correct"), DRIFTED)
    drift = drifts(model)[EU1]
    model = hears(model, UNAPPLIED, code="no_capacity", observed=HOTFIX)
    model.then(TargetErrored)
    hears(model, DRIFTED).then()
    assert drifts(model) == {EU1: drift}
    hears(model, CONVERGED).then(DriftCorrected)


def test_a_change_tells_anew_what_to_run_and_forgets_every_drift() -> None:
    model = hears(hears(lives(), DRIFTED), DRIFTED, EU2)
    model = brought(model, 2, applied=False)
    assert drifts(model) == {}
    done = runs(model)
    hears(done, DRIFTED).then(DriftDetected)


def test_a_late_word_of_an_earlier_step_is_history_whatever_ran_then() -> None:
    canary = {"canary": {"steps": [{"weight": 10}, {"weight": 100}]}}
    rules = policy({"name": "live", "targets": [*BOTH], "strategy": canary})
    model = brought(under(lives(), rules), 2, applied=False)
    early = report(model, LIVE, APPLIED, target=EU1)
    model = runs(model)
    assert model.lane(LIVE).revision == early.report.revision + 1
    assert model.lane(LIVE).token == early.report.token
    model.when(early, by=agent()).then()


# Who accepts it.


def test_a_release_manager_accepts_a_drift() -> None:
    model = hears(lives(), DRIFTED)
    drift = drifts(model)[EU1].id
    for actor in (PIPELINE, ALICE, VIEWER, CONDUCTOR, agent()):
        model.when(accept(), by=actor).then_refused(Why.FORBIDDEN)
    model = model.given(accept(), by=CAROL).then(DriftAccepted)
    assert model.event(DriftAccepted) == DriftAccepted(
        stage=LIVE, target=EU1, drift=drift, reason=WHY
    )
    assert drifts(model)[EU1].accepted
    model.when(accept(), by=DAVE).then_refused(Why.ALREADY_ACCEPTED, drift=drift)


def test_what_has_not_drifted_is_not_accepted() -> None:
    model = lives()
    model.when(accept(), by=DAVE).then_refused(Why.NO_DRIFT, target=EU1, drifted=[])
    model = hears(model, DRIFTED)
    told = model.when(accept(EU2), by=DAVE)
    told.then_refused(Why.NO_DRIFT, target=EU2, drifted=[EU1])
    typo = model.when(accept(TargetName("eu1")), by=DAVE)
    typo.then_refused(Why.UNKNOWN_TARGET, targets=[*BOTH])
    nowhere = accept(stage=StageName("lve"))
    model.when(nowhere, by=DAVE).then_refused(Why.UNKNOWN_STAGE)
    converged = hears(model, CONVERGED)
    converged.when(accept(), by=DAVE).then_refused(Why.NO_DRIFT)


def test_a_drift_in_a_stage_that_left_the_policy_is_accepted_too() -> None:
    model = hears(lives(), DRIFTED)
    model = under(model, policy({"name": "other", "targets": [*BOTH]}))
    model.given(accept(), by=DAVE).then(DriftAccepted)


# What it keeps back.


@pytest.mark.parametrize("drift", [DriftPolicy.ALERT, DriftPolicy.CORRECT])
def test_a_drift_keeps_nothing_back_where_nobody_has_to_accept_it(
    drift: DriftPolicy,
) -> None:
    model = hears(lives(drift), DRIFTED).given(promote(2, LIVE), by=PIPELINE)
    assert model.state(2) == "READY"
    assert "drift" not in model.promotion(2).gates
    model.given(dispatch(2), by=CONDUCTOR)


def test_a_drift_keeps_back_what_comes_until_it_is_accepted() -> None:
    model = hears(lives("require_acceptance"), DRIFTED)
    model = model.given(promote(2, LIVE), by=PIPELINE)
    assert model.state(2) == "GATING"
    said = model.words()["drift"]
    assert said.status is GateStatus.WAIT
    assert said.inputs == (drifts(model)[EU1].id,)
    assert EU1 in said.detail
    model.when(dispatch(2), by=CONDUCTOR).then_refused(Why.NOT_READY, gates=["drift"])
    model = model.given(accept(), by=DAVE).then(DriftAccepted, PromotionReadied)
    model = model.given(dispatch(2), by=CONDUCTOR)
    [gate] = (
        each for each in model.event(PromotionDispatched).gates if each.gate == "drift"
    )
    assert (gate.status, gate.inputs) == (GateStatus.PASS, said.inputs)


def test_a_drift_keeps_back_what_was_ready_until_it_converges() -> None:
    model = lives("require_acceptance").given(promote(2, LIVE), by=PIPELINE)
    assert model.state(2) == "READY"
    model = hears(model, DRIFTED).then(DriftDetected, PromotionBlocked)
    assert model.event(PromotionBlocked).gates == ("drift",)
    model = hears(model, DRIFTED, EU2)
    model = hears(model, CONVERGED).then(DriftCorrected)
    model = hears(model, CONVERGED, EU2).then(DriftCorrected, PromotionReadied)
    model.given(dispatch(2), by=CONDUCTOR)


def test_every_drift_has_to_be_accepted() -> None:
    model = hears(hears(lives("require_acceptance"), DRIFTED), DRIFTED, EU2)
    model = model.given(promote(2, LIVE), by=PIPELINE).given(accept(), by=DAVE)
    assert model.state(2) == "GATING"
    model = model.given(accept(EU2), by=DAVE)
    assert model.state(2) == "READY"
    model = hears(model, DRIFTED, observed={"stable": digest(8)})
    model.then(DriftDetected, PromotionBlocked)


def test_a_redeploy_waits_for_acceptance_and_a_rollback_does_not() -> None:
    model = runs(brought(lives("require_acceptance"), 2))
    model = hears(model, DRIFTED)
    again = model.given(promote(2, LIVE, kind="redeploy"), by=PIPELINE)
    assert again.state(3) == "GATING"
    back = model.given(roll_back(LIVE), by=DAVE)
    assert back.event(PromotionDispatched).version == 1
    assert "drift" not in {each.gate for each in back.event(PromotionDispatched).gates}
    assert back.event(DesiredSet).drift is DriftPolicy.REQUIRE_ACCEPTANCE


def test_a_policy_that_only_observes_is_kept_back_by_nothing() -> None:
    model = hears(lives("require_acceptance", mode="observe"), DRIFTED)
    model = model.given(promote(2, LIVE), by=PIPELINE)
    assert model.state(2) == "READY"
    assert model.words()["drift"].status is GateStatus.WAIT


def test_a_drift_keeps_back_its_own_stage_alone() -> None:
    model = hears(lives("require_acceptance"), DRIFTED)
    model = model.when(promote(2, OTHER), by=PIPELINE)
    model.then(PromotionRequested, PromotionReadied)


def test_what_changes_nothing_in_a_gate_is_not_judged_again() -> None:
    model = lives("require_acceptance").given(promote(2, LIVE), by=PIPELINE)
    model = hears(model, DRIFTED)
    assert not [
        each for each in hears(model, DRIFTED).events if isinstance(each, GateEvaluated)
    ]
