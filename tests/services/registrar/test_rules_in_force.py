"""What does another policy, another version or time do to a promotion that waits?"""

from datetime import timedelta

from rollbook.catalogue.approval import ApprovalGranted, ApprovalRefused
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionDispatched,
    PromotionExpired,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.commands.promotion import (
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    RequestPromotion,
)
from rollbook.names import EvidenceKind, PromotionId, Version
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.transitions import PromotionState
from tests.support.governed import (
    BOTH,
    OWNER,
    RISK,
    SIGN_OFF,
    linked,
    policy,
    production,
    under,
)
from tests.support.governed import PRODUCTION as SPEC
from tests.support.governed import STAGING as STAGING_SPEC
from tests.support.scenario import (
    ALICE,
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    approve,
    evaluation,
    fraud,
    promote,
    register,
    reject,
)

TWO_ROLES = production(gates=[SIGN_OFF])


def evaluate(number: int) -> EvaluatePromotion:
    return EvaluatePromotion(model=FRAUD, promotion=PromotionId(number))


def asked() -> Scenario:
    """Version 1 has succeeded in staging and is asked for in production."""
    model = under(fraud(3), TWO_ROLES).in_staging(1)
    return model.given(promote(1, PRODUCTION), by=PIPELINE)


def test_two_roles_are_filled_by_two_people() -> None:
    model = asked()
    model = model.given(approve(2, model), by=OWNER)
    assert model.words()["sign-off"].status is GateStatus.WAIT
    model = model.given(approve(2, model), by=RISK)
    model.then(ApprovalGranted, PromotionReadied)
    voters = model.dispatched(2).event(PromotionDispatched).voters
    assert {each.who for each in voters} == {OWNER.id, RISK.id}


def test_whoever_could_fill_either_slot_fills_the_one_that_is_left() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOTH)
    model = model.given(approve(2, model), by=OWNER)
    assert model.state(2) == "READY"


def test_another_policy_for_the_stage_voids_its_votes() -> None:
    model = asked()
    model = model.given(approve(2, model), by=OWNER)
    vote = model.id_of(ApprovalGranted)
    stricter = production(gates=[{**SIGN_OFF, "valid_for": "72h"}])
    model = under(model, stricter).given(evaluate(2), by=CONDUCTOR)
    rebound = model.event(PromotionRebound)
    assert rebound.voided == (vote,)
    assert rebound.to_digest == stricter.stages[1].digest
    assert model.words()["sign-off"].detail.startswith("0 of 2")


def test_another_policy_for_another_stage_voids_nothing() -> None:
    model = asked()
    model = model.given(approve(2, model), by=OWNER)
    elsewhere = policy(
        {**STAGING_SPEC, "protected": True}, {**SPEC, "gates": [SIGN_OFF]}
    )
    model = under(model, elsewhere).given(evaluate(2), by=CONDUCTOR)
    model.then()
    assert model.given(approve(2, model), by=RISK).state(2) == "READY"


def test_a_promotion_to_a_stage_that_is_no_more_ends() -> None:
    model = under(asked(), policy(STAGING_SPEC)).given(evaluate(2), by=CONDUCTOR)
    assert model.event(PromotionRejected).reason_code == "stage_removed"


def test_new_evidence_of_a_kind_the_stage_asks_for_voids_votes() -> None:
    gate = {"id": "quality", "kind": "evidence", "evidence": "eval"}
    rules = production(gates=[{**gate, "on_missing": "wait"}, SIGN_OFF])
    model = under(fraud(1), rules).given(evaluation(1), by=PIPELINE).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    seen = model
    model = model.given(approve(2, model), by=OWNER)
    model = model.given(evaluation(1, kind=EvidenceKind("load")), by=PIPELINE)
    assert model.words() == {}, "evidence that no gate asks for voids nothing"
    model = model.given(evaluation(1, metrics={"auc": 0.5}), by=PIPELINE)
    assert model.words()["sign-off"].detail.startswith("0 of 2")
    late = model.when(approve(2, seen), by=RISK)
    late.then_refused(Why.BINDING_CHANGED, changed=["evidence"])
    refused = late.history[-1].event
    assert isinstance(refused, ApprovalRefused)
    assert (refused.reason_code, late.history[-1].actor) == ("binding_changed", RISK)


def test_a_refused_vote_is_recorded_once_for_each_person_and_reason() -> None:
    model = under(fraud(), TWO_ROLES)
    model = model.given(register(1), by=ALICE).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    told = model.when(approve(2, model), by=ALICE)
    told.then_refused(Why.SELF_APPROVAL, relation="producer")
    assert len(told.history) == len(model.history) + 1
    again = told.when(approve(2, told), by=ALICE)
    again.then_refused(Why.SELF_APPROVAL, relation="producer")
    assert len(again.history) == len(told.history)


def test_one_person_with_two_accounts_counts_once() -> None:
    model = linked(asked(), OWNER, RISK)
    model = model.given(approve(2, model), by=OWNER)
    model.when(approve(2, model), by=RISK).then_refused(Why.ALREADY_VOTED)


def test_nobody_approves_after_the_end_and_the_attempt_is_recorded() -> None:
    model = asked()
    late = model.when(approve(2, model), by=OWNER, after=timedelta(days=8))
    late.then_refused(Why.NOT_OPEN)
    events = [type(each.event) for each in late.history[len(model.history) :]]
    assert events == [PromotionExpired, ApprovalRefused]
    assert late.state(2) == "EXPIRED"


def test_a_promotion_expires_when_it_is_due_and_not_before() -> None:
    model = asked()
    command = ExpirePromotion(model=FRAUD, promotion=PromotionId(2))
    model.when(command, by=CONDUCTOR).then_refused(Why.NOT_DUE)
    model = model.given(command, by=CONDUCTOR, after=timedelta(days=7))
    assert model.event(PromotionExpired).expires_at <= model.at
    assert model.model.open == ()


def test_a_gate_that_warns_blocks_nothing_and_is_listed() -> None:
    gate = {"id": "latency", "kind": "evidence", "evidence": "load", "mode": "warn"}
    rules = production(gates=[{**gate, "on_missing": "wait"}])
    model = under(fraud(1), rules).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    assert model.words()["latency"].status is GateStatus.UNKNOWN
    assert model.dispatched(2).event(PromotionDispatched).warnings == ("latency",)


def test_a_policy_that_observes_blocks_nothing() -> None:
    model = under(
        fraud(1), policy(STAGING_SPEC, {**SPEC, "gates": [SIGN_OFF]}, mode="observe")
    )
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.dispatched(1)
    snapshot = {str(each.gate): each for each in model.event(PromotionDispatched).gates}
    assert snapshot["sign-off"].mode == "observe"
    assert snapshot["sign-off"].status is GateStatus.WAIT
    assert snapshot["artifact"].mode == "enforce"


def in_production(*, on_rebase: str, gate: dict[str, object] = SIGN_OFF) -> Scenario:
    """Version 1 runs in production; 2 and 3 are ready to follow."""
    rules = production(gates=[gate], on_rebase=on_rebase, queue="fifo")
    model = under(fraud(3), rules)
    for number in (1, 2, 3):
        model = model.in_staging(number)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = approved(model, 4).dispatched(4).applied(PRODUCTION)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    model = model.given(promote(3, PRODUCTION), by=PIPELINE)
    return approved(approved(model, 5), 6)


def approved(model: Scenario, number: int) -> Scenario:
    model = model.given(approve(number, model), by=OWNER)
    return model.given(approve(number, model), by=RISK)


def test_of_two_that_are_ready_one_goes_and_the_other_ends() -> None:
    model = in_production(on_rebase="end").dispatched(5)
    ended = model.event(PromotionSuperseded)
    assert (ended.promotion, ended.reason_code) == (6, "incumbent_changed")


def test_the_other_is_judged_again_where_the_policy_says_so() -> None:
    model = in_production(on_rebase="revalidate").dispatched(5)
    rebased = model.event(PromotionRebased)
    assert (rebased.promotion, rebased.from_version, rebased.to_version) == (6, 1, 2)
    assert len(rebased.voided) == 2
    model = model.applied(PRODUCTION)
    assert model.state(6) == "GATING"
    assert approved(model, 6).state(6) == "READY"


def test_votes_about_the_version_alone_survive_a_rebase() -> None:
    gate = {**SIGN_OFF, "survive_rebase": True}
    model = in_production(on_rebase="revalidate", gate=gate).dispatched(5)
    assert model.event(PromotionRebased).voided == ()
    model = model.applied(PRODUCTION)
    assert model.state(6) == "READY"


def test_a_newer_version_that_is_ready_ends_the_older_ones() -> None:
    rules = production(gates=[{**SIGN_OFF, "opens": "request"}])
    model = under(fraud(2), rules).in_staging(1).in_staging(2)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    model = approved(model, 4)
    ended = model.event(PromotionSuperseded)
    assert (ended.promotion, ended.reason_code, ended.superseded_by) == (
        3,
        "newer_ready",
        4,
    )


def test_a_stage_that_takes_one_at_a_time_refuses_the_second() -> None:
    model = under(fraud(2), production(queue="single", gates=[SIGN_OFF]))
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    again = model.when(promote(2, PRODUCTION), by=PIPELINE)
    again.then_refused(Why.LANE_BUSY, promotion=1)


def test_rejections_end_it_when_there_are_enough_of_them() -> None:
    gate = {**SIGN_OFF, "reject": {"count": 2}}
    model = under(fraud(1), production(gates=[gate])).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(reject(2, model), by=OWNER)
    assert model.state(2) == "GATING"
    model = model.given(reject(2, model), by=RISK)
    assert len(model.event(PromotionRejected).inputs) == 2


def test_the_state_knows_what_votes_were_bound_to() -> None:
    model = asked()
    assert isinstance(model.promotion(2).state, PromotionState)
    requested = next(
        each.event
        for each in reversed(model.history)
        if isinstance(each.event, PromotionRequested)
    )
    assert requested.policy == "tested"
    assert requested.expires_at == model.at + timedelta(days=7)
    assert any(isinstance(each, GateEvaluated) for each in model.events)
    command = RequestPromotion(
        model=FRAUD, stage=STAGING, version=Version(1), kind=PromotionKind.REDEPLOY
    )
    assert model.given(command, by=PIPELINE).state(3) == "READY"


def test_a_redeploy_is_pointless_once_another_version_comes() -> None:
    """Judged again it would bring the old version back, past lane and rate."""
    model = in_production(on_rebase="revalidate")
    again = promote(1, PRODUCTION, kind=PromotionKind.REDEPLOY)
    model = model.given(again, by=PIPELINE).dispatched(5)
    assert model.event(PromotionSuperseded).promotion == 7


def test_a_gate_that_only_warns_is_not_said_to_come_first() -> None:
    soaked = {"id": "soak", "kind": "soak", "in": "staging", "for": "24h"}
    rules = production(gates=[SIGN_OFF, {**soaked, "mode": "warn"}])
    model = under(fraud(2), rules).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    dispatch = DispatchPromotion(model=FRAUD, promotion=PromotionId(2))
    model.when(dispatch, by=CONDUCTOR).then_refused(Why.NOT_READY, gates=["sign-off"])
