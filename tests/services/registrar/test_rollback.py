"""The rules of going back: where to, past whom, and what it holds."""

from datetime import timedelta

from rollbook.catalogue.lane import DesiredSet, LaneHeld, SlotReleased, SlotTaken
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.commands.lane import PlaceHold
from rollbook.commands.promotion import AbortPromotion
from rollbook.commands.version import QuarantineVersion, RetireVersion
from rollbook.names import PromotionId, Reason, Version
from rollbook.refusals import Reason as Why
from tests.support.scenario import (
    ALICE,
    BOB,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    fraud,
    promote,
    roll_back,
)

WHY = Reason("latency")
BATCH = (
    PromotionReadied,
    PromotionDispatched,
    SlotTaken,
    DesiredSet,
)


def in_staging(*numbers: int) -> Scenario:
    """Let versions succeed in staging, one after another."""
    model = fraud(max(numbers))
    for number in numbers:
        model = model.in_staging(number)
    return model


def moving(model: Scenario, number: int) -> Scenario:
    """Dispatch a version to staging and leave it under way."""
    model = model.given(
        promote(number, STAGING, acknowledge_hold=_hold(model)), by=PIPELINE
    )
    return model.dispatched(len(model.model.promotions))


def _hold(model: Scenario) -> object:
    hold = model.lane(STAGING).hold
    return hold.id if hold else None


def back(model: Scenario, **changes: object) -> Scenario:
    """Roll staging back and let the agent apply it."""
    return model.given(roll_back(STAGING, **changes), by=DAVE).applied(STAGING)


def test_a_rollback_is_requested_held_and_dispatched_in_one_decision() -> None:
    model = in_staging(1, 2).when(roll_back(STAGING), by=DAVE)
    model.then(PromotionRequested, LaneHeld, *BATCH)
    asked = model.event(PromotionRequested)
    assert (asked.kind, asked.version, asked.incumbent) == (
        PromotionKind.ROLLBACK,
        1,
        2,
    )
    assert model.event(LaneHeld).by_promotion == asked.promotion
    assert model.event(DesiredSet).previous is not None


def test_rollbacks_walk_back_and_never_toggle() -> None:
    model = in_staging(1, 2, 3)
    model = back(model)
    assert model.stack(STAGING) == [1, 2]
    model = back(model)
    assert model.stack(STAGING) == [1]
    model.when(roll_back(STAGING), by=DAVE).then_refused(
        Why.NOTHING_TO_ROLL_BACK_TO, tried=[]
    )


def test_after_a_failed_change_the_first_step_back_is_the_top() -> None:
    model = fraud(4).in_staging(1).in_staging(2).in_staging(3)
    model = back(moving(model, 4).failed(STAGING))
    assert model.stack(STAGING) == [1, 2, 3]
    assert back(model).stack(STAGING) == [1, 2]
    assert back(back(model)).stack(STAGING) == [1]


def test_a_forward_success_after_a_rollback_goes_back_to_what_it_replaced() -> None:
    model = back(back(fraud(5).in_staging(1).in_staging(2).in_staging(3)))
    model = moving(model, 5).applied(STAGING)
    assert model.stack(STAGING) == [1, 5]
    assert back(model).stack(STAGING) == [1]


def test_a_version_that_came_twice_is_passed_once() -> None:
    model = moving(in_staging(1, 2), 1).applied(STAGING)
    assert model.stack(STAGING) == [2, 1]
    model = back(model)
    assert model.stack(STAGING) == [2]
    model.when(roll_back(STAGING), by=DAVE).then_refused(Why.NOTHING_TO_ROLL_BACK_TO)


def test_a_rollback_that_failed_steps_further_one_that_broke_off_tries_again() -> None:
    model = in_staging(1, 2, 3).given(roll_back(STAGING), by=DAVE)
    failed = model.failed(STAGING).when(roll_back(STAGING), by=DAVE)
    assert failed.event(PromotionRequested).version == 1
    errored = model.failed(STAGING, "unreachable").when(roll_back(STAGING), by=DAVE)
    assert errored.event(PromotionRequested).version == 2
    stop = AbortPromotion(model=FRAUD, promotion=PromotionId(4), reason=WHY)
    aborted = model.given(stop, by=DAVE).when(roll_back(STAGING), by=DAVE)
    assert aborted.event(PromotionRequested).version == 2


def test_the_incident_behind_a_rollback_is_recorded() -> None:
    asked = in_staging(1, 2).when(roll_back(STAGING, incident="INC-88"), by=DAVE)
    assert asked.event(PromotionRequested).incident == "INC-88"


def test_barred_and_retired_versions_are_walked_over_and_named() -> None:
    model = in_staging(1, 2, 3, 4)
    retire = RetireVersion(model=FRAUD, version=Version(3), reason=WHY)
    bar = QuarantineVersion(model=FRAUD, version=Version(2), reason=WHY)
    model = model.given(retire, by=DAVE).given(bar, by=DAVE)
    asked = model.when(roll_back(STAGING), by=DAVE).event(PromotionRequested)
    assert asked.version == 1
    assert [(each.version, each.why) for each in asked.walked_over] == [
        (3, "retired"),
        (2, "quarantined: latency"),
    ]
    bar = QuarantineVersion(model=FRAUD, version=Version(1), reason=WHY)
    none = model.given(bar, by=DAVE).when(roll_back(STAGING), by=DAVE)
    tried = [{"version": 3, "why": "retired"}]
    tried += [{"version": each, "why": "quarantined: latency"} for each in (2, 1)]
    none.then_refused(Why.NOTHING_TO_ROLL_BACK_TO, tried=tried)


def test_a_rollback_makes_a_change_under_way_make_way() -> None:
    model = moving(in_staging(1, 2), 1)
    model = model.when(roll_back(STAGING), by=DAVE)
    model.then(PromotionRequested, LaneHeld, PromotionAborted, SlotReleased, *BATCH)
    aborted = model.event(PromotionAborted)
    assert (aborted.promotion, aborted.by_promotion) == (3, 4)
    assert model.event(PromotionRequested).version == 2
    assert model.event(SlotTaken).token == 4


def test_a_rollback_waits_for_no_person_and_no_predecessor() -> None:
    model = fraud(2).in_production(1).in_production(2)
    model = model.when(roll_back(PRODUCTION), by=DAVE)
    gates = model.event(PromotionDispatched).gates
    assert [each.gate for each in gates] == ["artifact", "quarantine", "lane"]


def test_another_rollback_does_not_push_a_rollback_aside() -> None:
    model = in_staging(1, 2, 3).given(roll_back(STAGING), by=DAVE)
    model.when(roll_back(STAGING), by=DAVE).then_refused(Why.SLOT_TAKEN, promotion=4)


def test_a_rollback_goes_only_where_the_lane_has_been() -> None:
    model = fraud(4).in_staging(1).in_staging(2).in_staging(3)
    model.when(roll_back(STAGING, to=4), by=DAVE).then_refused(
        Why.NEVER_SUCCEEDED_THERE, succeeded=[1, 2, 3]
    )
    model.when(roll_back(STAGING, to=9), by=DAVE).then_refused(Why.UNKNOWN_VERSION)
    model.when(roll_back(STAGING, to=3), by=DAVE).then_refused(Why.ALREADY_THERE)
    assert back(model, to=1).stack(STAGING) == [1]


def test_a_popped_version_can_be_named_and_takes_the_place_of_the_top() -> None:
    model = back(in_staging(1, 2, 3), to=1)
    model = moving(model, 3).applied(STAGING)
    assert model.stack(STAGING) == [1, 3]
    assert back(model, to=2).stack(STAGING) == [1, 2]


def test_a_named_target_is_not_barred() -> None:
    model = in_staging(1, 2)
    bar = QuarantineVersion(model=FRAUD, version=Version(1), reason=WHY)
    model.given(bar, by=DAVE).when(roll_back(STAGING, to=1), by=DAVE).then_refused(
        Why.VERSION_QUARANTINED, by=[DAVE.id]
    )
    retire = RetireVersion(model=FRAUD, version=Version(1), reason=WHY)
    model.given(retire, by=DAVE).when(roll_back(STAGING, to=1), by=DAVE).then_refused(
        Why.VERSION_RETIRED
    )


def test_an_empty_lane_has_nothing_to_go_back_to() -> None:
    fraud(1).when(roll_back(STAGING), by=DAVE).then_refused(Why.NOTHING_TO_ROLL_BACK_TO)
    first = moving(fraud(1), 1).failed(STAGING)
    first.when(roll_back(STAGING), by=DAVE).then_refused(Why.NOTHING_TO_ROLL_BACK_TO)


def test_a_hold_that_is_there_is_kept() -> None:
    hold = PlaceHold(model=FRAUD, stage=STAGING, reason=Reason("earlier"))
    model = in_staging(1, 2).given(hold, by=DAVE).when(roll_back(STAGING), by=DAVE)
    model.then(PromotionRequested, *BATCH)
    assert model.lane(STAGING).hold is not None


def test_what_was_rolled_off_is_proved_no_more() -> None:
    model = fraud(2).in_staging(1).in_staging(2)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    assert model.words()["predecessor"].status is GateStatus.PASS
    model = model.when(roll_back(STAGING), by=DAVE)
    assert model.words()["predecessor"].status is GateStatus.WAIT


def test_a_rollback_ends_those_who_waited_for_the_old_incumbent() -> None:
    model = in_staging(1, 2, 3)
    model = model.given(
        promote(1, STAGING, expected_incumbent=3), by=ALICE, after=timedelta(hours=1)
    )
    model = model.when(roll_back(STAGING), by=DAVE)
    lost = model.event(PromotionSuperseded)
    assert (lost.promotion, lost.superseded_by) == (4, 5)


def test_who_may_roll_back() -> None:
    model = in_staging(1, 2)
    for actor in (PIPELINE, BOB):
        model.when(roll_back(STAGING), by=actor).then_refused(
            Why.FORBIDDEN, needed=["incident-commander", "release-manager"]
        )
    assert (
        model.when(roll_back(STAGING), by=CONDUCTOR).event(PromotionRequested).automatic
    )
