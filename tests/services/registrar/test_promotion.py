"""The rules of asking for a version, of dispatch, and of waiting in between."""

from dataclasses import replace
from datetime import timedelta

from rollbook.catalogue.lane import DesiredSet, SlotReleased, SlotTaken, StableAdvanced
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
)
from rollbook.catalogue.target import TargetApplied
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.names import PromotionId, Reason, StageName
from rollbook.refusals import Reason as Why
from tests.support.scenario import (
    ALICE,
    BOB,
    CONDUCTOR,
    DAVE,
    DEVELOPMENT,
    EVERYBODY,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    VIEWER,
    agent,
    digest,
    fraud,
    promote,
    report,
    tokens_of,
)

NO = Reason("not now")

ALWAYS_ON = ("artifact", "quarantine", "freeze", "hold", "lane")


def dispatch(number: int) -> DispatchPromotion:
    return DispatchPromotion(model=FRAUD, promotion=PromotionId(number))


def evaluate(number: int) -> EvaluatePromotion:
    return EvaluatePromotion(model=FRAUD, promotion=PromotionId(number))


def cancel(number: int) -> CancelPromotion:
    return CancelPromotion(model=FRAUD, promotion=PromotionId(number), reason=NO)


def abort(number: int) -> AbortPromotion:
    return AbortPromotion(model=FRAUD, promotion=PromotionId(number), reason=NO)


def test_a_request_whose_gates_are_open_is_ready_at_once() -> None:
    model = fraud(1).when(promote(1, STAGING), by=PIPELINE)
    model.then(PromotionRequested, PromotionReadied)
    assert set(model.words()) == set(ALWAYS_ON)
    asked = model.event(PromotionRequested)
    assert (asked.promotion, asked.incumbent, asked.automatic) == (1, None, False)
    assert asked.digest == digest(1)


def test_production_waits_for_staging_and_for_a_person() -> None:
    model = fraud(1).when(promote(1, PRODUCTION), by=PIPELINE).then(PromotionRequested)
    words = model.words()
    assert words["predecessor"].status is GateStatus.WAIT
    assert words["sign-off"].status is GateStatus.WAIT
    assert model.state(1) == "GATING"


def test_a_promotion_hears_of_a_success_in_the_stage_before() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE).in_staging(1)
    assert model.words()["predecessor"].status is GateStatus.PASS
    assert model.words()["predecessor"].inputs == (model.id_of(PromotionSucceeded),)


def test_who_names_nothing_real_is_told_the_nearest() -> None:
    model = fraud(1)
    stage = model.when(promote(1, StageName("stagin")), by=PIPELINE)
    refused = stage.then_refused(Why.UNKNOWN_STAGE, stage="stagin")
    assert "did you mean staging?" in refused.outcome.message  # type: ignore[union-attr]
    model.when(promote(2, STAGING), by=PIPELINE).then_refused(Why.UNKNOWN_VERSION)
    for command in (dispatch(7), evaluate(7)):
        model.when(command, by=CONDUCTOR).then_refused(Why.UNKNOWN_PROMOTION)
    for ending in (cancel(7), abort(7)):
        model.when(ending, by=DAVE).then_refused(Why.UNKNOWN_PROMOTION, newest=None)


def test_of_two_racers_the_second_is_told_what_runs_now() -> None:
    model = fraud(3).in_staging(1)
    model = model.given(promote(3, STAGING, expected_incumbent=1), by=PIPELINE)
    model = model.dispatched(2).applied(STAGING)
    late = model.when(promote(2, STAGING, expected_incumbent=1), by=ALICE)
    late.then_refused(
        Why.INCUMBENT_CHANGED, expected=1, actual=3, promotion=2, by=PIPELINE.id
    )


def test_while_a_lane_moves_its_incumbent_is_what_is_coming() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    stale = model.when(promote(2, STAGING, expected_incumbent=None), by=ALICE)
    stale.then_refused(Why.INCUMBENT_CHANGED, expected=None, actual=1, promotion=1)
    model.given(promote(2, STAGING, expected_incumbent=1), by=ALICE)


def test_of_64_with_one_expectation_one_is_dispatched_and_names_itself() -> None:
    model = fraud(64)
    for number in range(64, 0, -1):  # a newer one that is ready would end the older
        asked = promote(number, STAGING, expected_incumbent=None)
        model = model.given(asked, by=PIPELINE)
    model = model.dispatched(17)
    lost = [each for each in model.events if isinstance(each, PromotionSuperseded)]
    assert len(lost) == 63
    assert {each.superseded_by for each in lost} == {17}
    assert model.model.open == (17,)
    model.when(dispatch(18), by=CONDUCTOR).then_refused(
        Why.NOT_OPEN, state="SUPERSEDED"
    )


def test_what_runs_already_need_not_be_asked_for() -> None:
    model = fraud(1).in_staging(1)
    model.when(promote(1, STAGING), by=PIPELINE).then_refused(
        Why.ALREADY_THERE, version=1
    )
    again = promote(1, STAGING, kind=PromotionKind.REDEPLOY)
    model = model.given(again, by=PIPELINE).dispatched(2)
    model.when(report(model, STAGING, ReportedState.APPLIED), by=agent(STAGING)).then(
        TargetApplied, PromotionSucceeded, SlotReleased
    )


def test_a_redeploy_repeats_what_runs() -> None:
    model = fraud(2).in_staging(1)
    other = promote(2, STAGING, kind=PromotionKind.REDEPLOY)
    model.when(other, by=PIPELINE).then_refused(
        Why.INCUMBENT_CHANGED, expected=2, actual=1
    )


def test_the_same_request_is_followed_not_repeated() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    model.when(promote(1, PRODUCTION), by=ALICE).then_refused(
        Why.DUPLICATE_REQUEST, promotion=1
    )


def test_a_retry_names_an_ended_promotion_of_the_same() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE)
    model = model.dispatched(1).failed(STAGING)
    model.given(promote(1, STAGING, retry_of=1), by=PIPELINE)
    model.when(promote(2, STAGING, retry_of=1), by=PIPELINE).then_refused(Why.INVALID)
    model.when(promote(1, STAGING, retry_of=9), by=PIPELINE).then_refused(
        Why.UNKNOWN_PROMOTION
    )


def test_dispatch_takes_the_slot_and_says_what_should_run() -> None:
    model = fraud(2).in_staging(1).given(promote(2, STAGING), by=PIPELINE)
    model = model.when(dispatch(2), by=CONDUCTOR)
    model.then(PromotionDispatched, SlotTaken, DesiredSet)
    desired = model.event(DesiredSet)
    assert (desired.token, desired.revision) == (2, 2)
    assert desired.targets == {"default": {"stable": 100}}
    assert desired.variants["stable"].version == 2
    assert desired.previous is not None
    assert desired.previous.version == 1
    snapshot = model.event(PromotionDispatched).gates
    assert [each.status for each in snapshot] == [GateStatus.PASS] * len(ALWAYS_ON)


def test_a_record_only_stage_succeeds_in_the_same_batch() -> None:
    model = fraud(1).given(promote(1, DEVELOPMENT), by=PIPELINE)
    model.when(dispatch(1), by=CONDUCTOR).then(
        PromotionDispatched,
        SlotTaken,
        DesiredSet,
        PromotionSucceeded,
        SlotReleased,
        StableAdvanced,
    )


def test_only_the_conductor_dispatches() -> None:
    model = fraud(1).given(promote(1, STAGING), by=PIPELINE)
    for actor in (PIPELINE, DAVE, agent(STAGING), VIEWER):
        model.when(dispatch(1), by=actor).then_refused(Why.FORBIDDEN)


def test_what_is_not_ready_is_not_dispatched() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    model.when(dispatch(1), by=CONDUCTOR).then_refused(
        Why.NOT_READY, gates=["predecessor", "sign-off"]
    )


def test_a_slot_is_taken_once() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.given(promote(2, STAGING), by=PIPELINE)
    assert model.words()["lane"].status is GateStatus.WAIT
    model.when(dispatch(2), by=CONDUCTOR).then_refused(Why.SLOT_TAKEN, promotion=1)
    model.when(dispatch(1), by=CONDUCTOR).then_refused(Why.ALREADY_DISPATCHED)


def test_who_waits_for_the_slot_is_ready_when_it_is_free() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.given(promote(2, STAGING), by=PIPELINE).applied(STAGING)
    assert model.event(PromotionReadied).promotion == 2


def test_dispatch_judges_again_and_blocks_what_closed_meanwhile() -> None:
    model = fraud(1).ready_for_production(1)
    assert model.state(2) == "READY"
    tokens = tokens_of(EVERYBODY, until=model.at + timedelta(days=1))
    model = replace(model, context=replace(model.context, access=tokens))
    later = timedelta(days=2)  # the reviewer's token has run out
    model = model.when(dispatch(2), by=CONDUCTOR, after=later)
    model.then(PromotionBlocked)
    assert model.words()["sign-off"].status is GateStatus.WAIT
    assert model.lane(PRODUCTION).slot is None


def test_an_evaluation_without_news_records_nothing() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    model.when(evaluate(1), by=CONDUCTOR).then()
    model.when(evaluate(1), by=PIPELINE).then()
    model.when(evaluate(1), by=BOB).then_refused(Why.FORBIDDEN)
    done = fraud(1).in_staging(1)
    done.when(evaluate(1), by=CONDUCTOR).then_refused(Why.NOT_OPEN, state="SUCCEEDED")


def test_what_waits_is_cancelled_by_its_requester_or_a_release_manager() -> None:
    model = fraud(1).given(promote(1, STAGING), by=PIPELINE)
    model.when(cancel(1), by=ALICE).then_refused(Why.FORBIDDEN)
    model.when(cancel(1), by=PIPELINE).then(PromotionCancelled)
    ended = model.when(cancel(1), by=DAVE).then(PromotionCancelled)
    ended.when(cancel(1), by=DAVE).then_refused(Why.NOT_OPEN, state="CANCELLED")
    moving = model.dispatched(1)
    moving.when(cancel(1), by=DAVE).then_refused(Why.ALREADY_DISPATCHED)


def test_what_moves_is_aborted_and_frees_the_slot() -> None:
    model = fraud(1).given(promote(1, STAGING), by=PIPELINE)
    model.when(abort(1), by=DAVE).then_refused(Why.NOT_DISPATCHED, state="READY")
    moving = model.dispatched(1)
    moving.when(abort(1), by=ALICE).then_refused(Why.FORBIDDEN)
    ended = moving.when(abort(1), by=PIPELINE).then(PromotionAborted, SlotReleased)
    ended.when(abort(1), by=DAVE).then_refused(Why.NOT_DISPATCHED, state="ABORTED")


def test_after_an_abort_the_lane_waits_until_its_target_has_reported() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.given(abort(1), by=PIPELINE).given(promote(2, STAGING), by=PIPELINE)
    assert "not known what runs on default" in model.words()["lane"].detail
    late = report(model, STAGING, ReportedState.APPLIED)
    model = model.given(late, by=agent(STAGING))
    assert model.event(PromotionReadied).promotion == 2
    assert model.state(1) == "ABORTED"


def test_when_a_change_fails_what_counted_on_it_ends() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.given(promote(2, STAGING, expected_incumbent=1), by=ALICE)
    model = model.failed(STAGING)
    lost = model.event(PromotionSuperseded)
    assert (lost.promotion, lost.superseded_by) == (2, 1)
