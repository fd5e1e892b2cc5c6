"""The rules of waivers: who breaks the glass, for which gates, for how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PromotionReadied
from rollbook.catalogue.waiver import GateWaived, ReviewOpened, WaiverRequested
from rollbook.commands.promotion import CancelPromotion, EvaluatePromotion
from rollbook.commands.waiver import CloseReview
from rollbook.envelope import Actor
from rollbook.names import EventId, PromotionId, Reason
from rollbook.refusals import Reason as Why
from tests.services.registrar.breaking import (
    AUDITOR,
    ERIN,
    HEAD,
    PEOPLE,
    SEV2,
    around,
    confirm,
    freeze,
    waiting,
    waive,
    with_an_overdue_review,
)
from tests.support.scenario import (
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    START,
    Scenario,
    approve,
    evaluation,
    person,
    promote,
    register,
)

CANCEL: Final = CancelPromotion(
    model=FRAUD, promotion=PromotionId(1), reason=Reason("not needed")
)
LOOK: Final = EvaluatePromotion(model=FRAUD, promotion=PromotionId(1))
DAVE_S_OTHER: Final = person("f", "incident-commander")
SAME_DAVE: Final = {DAVE_S_OTHER.id: DAVE.id}
ROBOT: Final = replace(PIPELINE, roles=DAVE.roles)
NOBODY: Final = EventId("01990000-0000-7000-8000-000000000000")


def gates_waived(seen: Scenario) -> list[GateWaived]:
    return [each for each in seen.events if isinstance(each, GateWaived)]


def test_a_gate_is_waived_with_class_reason_and_review_in_one_decision() -> None:
    model = waiting().when(waive(), by=DAVE)
    model.then(WaiverRequested, GateWaived, ReviewOpened)
    waived = model.event(GateWaived)
    assert (waived.gate, waived.status_then) == ("predecessor", GateStatus.WAIT)
    assert (waived.break_glass, waived.reason) == ("sev2", "payments are down")
    assert (waived.asked_by, waived.second_person) == (DAVE.id, None)
    assert waived.until == model.at + timedelta(hours=1)
    assert model.event(ReviewOpened).due_at == model.at + timedelta(hours=24)
    assert model.event(ReviewOpened).escalation_role == "head-of-risk"


def test_a_waived_gate_is_shown_as_waived_and_never_as_passed() -> None:
    model = waiting().given(waive(), by=DAVE)
    word = model.words()["predecessor"]
    assert word.status is GateStatus.WAIVED
    assert word.waiver == model.id_of(WaiverRequested)
    ready = model.when(approve(1, model), by=BOB)
    assert ready.state(1) == "READY"


def test_a_class_of_two_people_waives_once_the_second_has_confirmed() -> None:
    model = waiting()
    command = waive("predecessor", "sign-off", under="sev1")
    model = model.when(command, by=DAVE).then(WaiverRequested)
    assert model.event(WaiverRequested).needs_second_person
    model = model.when(confirm(model), by=ERIN)
    model.then(GateWaived, GateWaived, ReviewOpened, PromotionReadied)
    assert {each.second_person for each in gates_waived(model)} == {ERIN.id}
    assert {each.asked_by for each in gates_waived(model)} == {DAVE.id}


def test_nobody_is_their_own_second_person_by_another_account() -> None:
    people = (*PEOPLE[:5], ERIN, DAVE_S_OTHER)
    model = waiting(around(people=people, persons=SAME_DAVE))
    model = model.given(waive(under="sev1"), by=DAVE)
    for self in (DAVE, DAVE_S_OTHER):
        model.when(confirm(model), by=self).then_refused(Why.SELF_CONFIRMATION)
    model.when(confirm(model), by=ERIN).then(GateWaived, ReviewOpened)


def test_the_second_person_holds_a_role_of_the_class() -> None:
    model = waiting().given(waive(under="sev1"), by=DAVE)
    model.when(confirm(model), by=CAROL).then_refused(
        Why.SECOND_PERSON_REQUIRED, roles=["incident-commander"]
    )


@pytest.mark.parametrize(
    "people", [(DAVE, CAROL), (DAVE, DAVE_S_OTHER, CAROL), (DAVE, ROBOT, CAROL)]
)
def test_a_class_of_two_people_is_refused_where_there_is_one(
    people: tuple[Actor, ...],
) -> None:
    model = waiting(around(people=people, persons=SAME_DAVE))
    model.when(waive(under="sev1"), by=DAVE).then_refused(
        Why.SECOND_PERSON_REQUIRED, roles=["incident-commander"]
    )


def test_only_people_with_the_class_s_role_break_the_glass() -> None:
    model = waiting()
    model.when(waive(), by=BOB).then_refused(
        Why.FORBIDDEN, needed=["incident-commander", "release-manager"]
    )
    model.when(waive(), by=ROBOT).then_refused(Why.NOT_A_PERSON)
    model = model.given(waive(under="sev1"), by=DAVE)
    model.when(confirm(model), by=ROBOT).then_refused(Why.NOT_A_PERSON)


def test_a_class_that_asks_for_an_incident_gets_one() -> None:
    model = waiting()
    command = waive(under="sev1", incident=None)
    refused = model.when(command, by=DAVE).then_refused(Why.INVALID)
    assert "incident" in str(refused.outcome)
    model.when(waive(incident=None), by=DAVE).then(
        WaiverRequested, GateWaived, ReviewOpened
    )


def test_only_gates_that_are_asked_and_within_reach_are_waived() -> None:
    model = waiting()
    not_allowed = Why.WAIVER_NOT_ALLOWED
    model.when(waive(under="sev9"), by=DAVE).then_refused(
        not_allowed, classes=["sev1", "sev2"]
    )
    model.when(waive("soak"), by=DAVE).then_refused(not_allowed, gate="soak")
    model.when(waive("predecessor", "sign-off"), by=DAVE).then_refused(
        not_allowed, gate="sign-off", classes=["sev1"]
    )


@pytest.mark.parametrize("gate", ["artifact", "quarantine", "lane"])
def test_some_gates_are_never_waived_whatever_the_policy_says(gate: str) -> None:
    greedy = {**SEV2, "waives": ["artifact", "quarantine", "lane"]}
    model = waiting(around(classes=(greedy,)))
    model.when(waive(gate), by=DAVE).then_refused(Why.WAIVER_NOT_ALLOWED, gate=gate)


def test_a_freeze_is_waived_only_if_it_was_declared_so() -> None:
    lenient, strict = freeze(1), freeze(2, waivable=False)
    waiting(around(lenient)).when(waive("freeze"), by=DAVE).then(
        WaiverRequested, GateWaived, ReviewOpened
    )
    exempt = freeze(3, waivable=False, exempt=(PromotionKind.FORWARD,))
    model = waiting(around(lenient, strict, exempt))
    model.when(waive("freeze"), by=DAVE).then_refused(
        Why.WAIVER_NOT_ALLOWED, freezes=[strict.freeze.id]
    )


def test_a_strict_freeze_that_does_not_close_the_lane_now_bars_no_waiver() -> None:
    past = freeze(1, waivable=False, until=START)
    ahead = freeze(2, waivable=False, from_at=START + timedelta(days=1))
    exempt = freeze(3, waivable=False, exempt=(PromotionKind.FORWARD,))
    model = waiting(around(past, ahead, exempt)).when(waive("freeze"), by=DAVE)
    model.then(WaiverRequested, GateWaived, ReviewOpened)


def test_a_strict_freeze_that_comes_later_is_not_skipped_by_an_older_waiver() -> None:
    lenient, strict = freeze(1), freeze(2, waivable=False)
    model = waiting(around(lenient)).given(waive("freeze"), by=DAVE)
    assert model.words()["freeze"].status is GateStatus.WAIVED
    model = replace(model, context=around(lenient, strict)).given(LOOK, by=CONDUCTOR)
    assert model.words()["freeze"].status is not GateStatus.WAIVED


def test_what_waits_no_more_is_not_waived() -> None:
    model = waiting().given(waive(under="sev1"), by=DAVE)
    ended = model.given(CANCEL, by=PIPELINE)
    ended.when(waive(), by=DAVE).then_refused(Why.NOT_OPEN, state="CANCELLED")
    ended.when(confirm(model), by=ERIN).then_refused(Why.NOT_OPEN)
    unknown = waive(promotion=PromotionId(9))
    model.when(unknown, by=DAVE).then_refused(Why.UNKNOWN_PROMOTION)


def test_a_gate_is_waived_once_while_its_waiver_counts() -> None:
    model = waiting().given(waive(), by=DAVE)
    waiver = model.id_of(WaiverRequested)
    model.when(waive(), by=ERIN).then_refused(Why.ALREADY_WAIVED, waiver=waiver)
    later = model.when(waive(), by=ERIN, after=timedelta(hours=1))
    later.then(WaiverRequested, GateWaived, ReviewOpened)


def test_a_waiver_is_confirmed_once_and_in_time() -> None:
    model = waiting().given(waive(under="sev1"), by=DAVE)
    late = model.when(confirm(model), by=ERIN, after=timedelta(hours=4))
    late.then_refused(Why.WAIVER_NOT_ALLOWED, waiver=model.id_of(WaiverRequested))
    model.when(confirm(model, waiver=NOBODY), by=ERIN).then_refused(
        Why.UNKNOWN_WAIVER, waiver=NOBODY
    )
    model = model.given(confirm(model), by=ERIN)
    model.when(confirm(model), by=ERIN).then_refused(Why.ALREADY_WAIVED)


def test_a_class_that_left_the_policy_is_not_confirmed() -> None:
    model = waiting().given(waive(under="sev1"), by=DAVE)
    model = replace(model, context=around(classes=(SEV2,)))
    model.when(confirm(model), by=ERIN).then_refused(
        Why.WAIVER_NOT_ALLOWED, classes=["sev2"]
    )


def test_a_waiver_that_ran_out_opens_nothing() -> None:
    model = waiting().given(waive("predecessor"), by=DAVE)
    assert model.words()["predecessor"].recheck_at == model.at + timedelta(hours=1)
    model = model.given(LOOK, by=CONDUCTOR, after=timedelta(hours=1))
    assert model.words()["predecessor"].status is GateStatus.WAIT


def test_a_waiver_is_of_one_promotion() -> None:
    model = waiting().given(register(2), by=PIPELINE)
    model = model.given(waive(under="sev1"), by=DAVE)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    other = confirm(model, promotion=PromotionId(2))
    model.when(other, by=ERIN).then_refused(Why.UNKNOWN_WAIVER, promotion=2)
    model = model.given(confirm(model), by=ERIN)
    of_two = waive(promotion=PromotionId(2))
    model.when(of_two, by=DAVE).then(WaiverRequested, GateWaived, ReviewOpened)


def test_a_second_waiver_says_what_the_gate_said_without_the_first() -> None:
    model = waiting().given(waive(under="sev1"), by=DAVE).given(waive(), by=DAVE)
    first = next(iter(model.model.waivers))
    model = model.given(confirm(model, waiver=first), by=ERIN)
    assert model.event(GateWaived).status_then is GateStatus.WAIT


def test_a_waiver_survives_new_evidence() -> None:
    model = waiting().given(waive(), by=DAVE).given(evaluation(1), by=PIPELINE)
    model = model.given(approve(1, model), by=BOB)
    assert model.state(1) == "READY"


def test_waivers_end_with_their_promotion_and_reviews_stay_owed() -> None:
    model = waiting().given(waive(), by=DAVE).given(CANCEL, by=PIPELINE)
    assert not model.model.waivers
    assert [each.break_glass for each in model.model.reviews.values()] == ["sev2"]


def test_overdue_reviews_ask_for_somebody_senior() -> None:
    model = with_an_overdue_review()
    review = model.id_of(ReviewOpened)
    model = model.when(waive(), by=DAVE).then(WaiverRequested)
    assert model.event(WaiverRequested).needs_second_person
    model.when(confirm(model), by=ERIN).then_refused(
        Why.REVIEWS_OVERDUE, reviews=[review], roles=["head-of-risk"]
    )
    model.when(confirm(model), by=HEAD).then(GateWaived, ReviewOpened)


def test_overdue_reviews_say_so_where_nobody_senior_is_there() -> None:
    people = [each for each in PEOPLE if each is not HEAD]
    model = with_an_overdue_review(around(people=people))
    model.when(waive(), by=DAVE).then_refused(
        Why.REVIEWS_OVERDUE, roles=["head-of-risk"]
    )


def test_without_an_escalation_role_any_second_person_of_the_class_will_do() -> None:
    plain = {**SEV2, "escalation_role": None}
    model = with_an_overdue_review(around(classes=(plain,)))
    model = model.when(waive(), by=DAVE).then(WaiverRequested)
    model.when(confirm(model), by=CAROL).then(GateWaived, ReviewOpened)


def test_overdue_reviews_weigh_on_their_own_class_and_until_they_are_closed() -> None:
    model = with_an_overdue_review()
    other = model.given(waive(under="sev1"), by=DAVE)
    other.when(confirm(other), by=ERIN).then(GateWaived, ReviewOpened)
    close = CloseReview.model_validate(
        {
            "model": FRAUD,
            "review": model.id_of(ReviewOpened),
            "finding": "justified",
            "notes": "the rule was broken, the reason good",
        }
    )
    closed = model.given(close, by=AUDITOR)
    closed.when(waive(), by=DAVE).then(WaiverRequested, GateWaived, ReviewOpened)
