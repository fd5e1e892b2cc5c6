"""The rules of holds and of quarantine."""

from datetime import timedelta

from rollbook.catalogue.lane import LaneHeld, LaneReleased, SlotReleased
from rollbook.catalogue.parts import GateStatus, Scope
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionBlocked,
    PromotionReadied,
    PromotionRejected,
    PromotionRequested,
)
from rollbook.catalogue.version import VersionQuarantined, VersionReleased
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.promotion import EvaluatePromotion
from rollbook.commands.version import QuarantineVersion, ReleaseVersion
from rollbook.names import EventId, PromotionId, Reason, StageName, Version
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.seeing import explain
from tests.support.governed import linked
from tests.support.scenario import (
    CAROL,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    START,
    fraud,
    promote,
)

WHY = Reason("it leaks")


def hold(stage: StageName = STAGING, **changes: object) -> PlaceHold:
    return PlaceHold.model_validate(
        {"model": FRAUD, "stage": stage, "reason": WHY, **changes}
    )


def release(hold: EventId, stage: StageName = STAGING) -> ReleaseHold:
    return ReleaseHold(model=FRAUD, stage=stage, hold=hold, reason=WHY)


def quarantine(number: int, *stages: StageName) -> QuarantineVersion:
    return QuarantineVersion(
        model=FRAUD, version=Version(number), scope=Scope(stages=stages), reason=WHY
    )


def free(number: int, *stages: StageName) -> ReleaseVersion:
    return ReleaseVersion(
        model=FRAUD, version=Version(number), scope=Scope(stages=stages), reason=WHY
    )


def test_a_hold_stops_automation_until_it_is_released() -> None:
    model = fraud(1).when(hold(), by=DAVE).then(LaneHeld)
    placed = model.last_id()
    model = model.when(promote(1, STAGING), by=CONDUCTOR).then(PromotionRequested)
    assert model.words()["hold"].status is GateStatus.WAIT
    assert model.words()["hold"].inputs == (placed,)
    model.when(release(placed), by=CAROL).then(LaneReleased, PromotionReadied)


def test_a_person_who_knows_of_the_hold_may_ask() -> None:
    model = fraud(1).given(hold(), by=DAVE)
    placed = model.last_id()
    model.when(promote(1, STAGING), by=PIPELINE).then_refused(
        Why.LANE_HELD, hold=placed, by=DAVE.id, reason="it leaks"
    )
    knowing = promote(1, STAGING, acknowledge_hold=placed)
    model.when(knowing, by=PIPELINE).then(PromotionRequested, PromotionReadied)


def test_a_hold_ends_by_itself_at_its_time() -> None:
    model = fraud(1).given(hold(until=START + timedelta(hours=1)), by=DAVE)
    model = model.given(promote(1, STAGING), by=CONDUCTOR)
    nudge = EvaluatePromotion(model=FRAUD, promotion=PromotionId(1))
    model.when(nudge, by=CONDUCTOR).then()
    later = model.when(nudge, by=CONDUCTOR, after=timedelta(hours=1))
    later.then(PromotionReadied)
    later.when(hold(), by=DAVE).then(LaneHeld, PromotionBlocked)


def test_one_hold_is_enough() -> None:
    model = fraud(1).given(hold(), by=DAVE)
    model.when(hold(), by=CAROL).then_refused(Why.ALREADY_HELD, hold=model.last_id())
    model.when(hold(PRODUCTION), by=CAROL).then(LaneHeld)
    past = hold(PRODUCTION, until=START)
    model.when(past, by=CAROL).then_refused(Why.INVALID)
    model.when(hold(StageName("canary")), by=CAROL).then_refused(Why.UNKNOWN_STAGE)


def test_a_hold_is_released_by_its_own_id() -> None:
    model = fraud(1).given(hold(), by=DAVE)
    placed, wrong = model.last_id(), EventId("0" * 36)
    model.when(release(wrong), by=DAVE).then_refused(Why.UNKNOWN_HOLD, actual=placed)
    model.when(release(placed, PRODUCTION), by=DAVE).then_refused(
        Why.UNKNOWN_HOLD, actual=None
    )
    canary = release(placed, StageName("canary"))
    model.when(canary, by=DAVE).then_refused(Why.UNKNOWN_STAGE)
    model.when(release(placed), by=PIPELINE).then_refused(Why.FORBIDDEN)


def test_quarantine_ends_what_waits_and_stops_what_moves() -> None:
    model = fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    model = model.when(quarantine(1), by=DAVE)
    model.then(VersionQuarantined, PromotionAborted, SlotReleased, PromotionRejected)
    assert model.event(PromotionRejected).promotion == 2
    assert model.event(PromotionRejected).inputs == (model.id_of(VersionQuarantined),)
    assert model.event(PromotionAborted).reason_code == "quarantined"
    assert model.state(3) == "GATING"


def test_a_quarantined_version_is_not_asked_for() -> None:
    model = fraud(1).given(quarantine(1, PRODUCTION), by=DAVE)
    model.when(promote(1, PRODUCTION), by=PIPELINE).then_refused(
        Why.VERSION_QUARANTINED, by=[DAVE.id], reason="it leaks"
    )
    model.given(promote(1, STAGING), by=PIPELINE)


def test_the_gate_of_an_ended_promotion_still_says_who_barred_it() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(quarantine(1, PRODUCTION), by=DAVE)
    judged = explain(model.model, model.promotion(1), model.context, model.at)
    (barred,) = (each for each in judged if each.result.gate == "quarantine")
    assert barred.result.status is GateStatus.FAIL
    assert barred.result.inputs == (model.id_of(VersionQuarantined),)


def test_a_quarantine_names_what_exists() -> None:
    model = fraud(1)
    model.when(quarantine(2), by=DAVE).then_refused(Why.UNKNOWN_VERSION)
    strange = quarantine(1, StageName("canary"))
    model.when(strange, by=DAVE).then_refused(Why.UNKNOWN_STAGE)
    model.when(free(1, StageName("canary")), by=DAVE).then_refused(Why.UNKNOWN_STAGE)
    model.when(quarantine(1), by=PIPELINE).then_refused(Why.FORBIDDEN)


def test_whoever_barred_a_version_does_not_free_it() -> None:
    model = fraud(1).given(quarantine(1), by=DAVE)
    model.when(free(1), by=DAVE).then_refused(Why.SELF_RELEASE)
    model.when(free(1), by=CAROL).then(VersionReleased)
    both = model.given(quarantine(1), by=CAROL)
    both.when(free(1), by=DAVE).then_refused(Why.SELF_RELEASE)
    both.when(free(1), by=CAROL).then_refused(Why.SELF_RELEASE)


def test_what_is_released_was_barred() -> None:
    model = fraud(1)
    model.when(free(1), by=DAVE).then_refused(Why.NOT_QUARANTINED, barred=[])
    model = model.given(quarantine(1), by=DAVE)
    model.when(free(1, STAGING), by=CAROL).then_refused(
        Why.NOT_QUARANTINED, barred=["every stage"]
    )
    freed = model.given(free(1), by=CAROL)
    freed.given(promote(1, STAGING), by=PIPELINE)


def test_a_release_may_name_one_of_several_stages() -> None:
    model = fraud(1).given(quarantine(1, STAGING, PRODUCTION), by=DAVE)
    model = model.given(free(1, STAGING), by=CAROL)
    model.given(promote(1, STAGING), by=PIPELINE)
    model.when(promote(1, PRODUCTION), by=PIPELINE).then_refused(
        Why.VERSION_QUARANTINED
    )


def test_nobody_frees_what_they_barred_under_another_name() -> None:
    model = linked(fraud(1).given(quarantine(1), by=DAVE), DAVE, CAROL)
    model.when(free(1), by=CAROL).then_refused(Why.SELF_RELEASE)
