"""At night the glass is broken: two people, for a few hours, and somebody looks at it.

Production asks for a soak of a day and for a sign-off. `sev1` reaches both, with a
second person; `sev2` reaches the soak alone, for one person.
"""

from datetime import timedelta
from typing import Any, Final

import pytest

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import PromotionDispatched, PromotionReadied
from rollbook.catalogue.waiver import (
    Finding,
    GateWaived,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.names import EventId, GateName, PromotionId, Reason
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.rules.review import overdue
from tests.services.scenarios.rules import SIGN_OFF, production
from tests.services.scenarios.story import Story
from tests.support.governed import COMMANDER, OWNER, RISK, SECOND
from tests.support.scenario import CAROL, DAVE, FRAUD, PRODUCTION

SOAK: Final = {"id": "soak", "kind": "soak", "in": "staging", "for": "24h"}
SEV1: Final[dict[str, Any]] = {
    "name": "sev1",
    "waives": ["soak", "approvals", "freeze"],
    "roles": ["incident-commander"],
    "second_person": True,
    "incident_required": True,
    "valid_for": "4h",
    "review_within": "24h",
    "escalation_role": "head-of-risk",
}
SEV2: Final[dict[str, Any]] = {
    **SEV1,
    "name": "sev2",
    "waives": ["soak"],
    "second_person": False,
    "incident_required": False,
}
RULES: Final = production(gates=[SOAK, SIGN_OFF], break_glass=[SEV1, SEV2])
AT_THREE: Final = "2026-11-25 03:00"


@pytest.fixture
def night(story: Story) -> Story:
    """At 02:50 a fix succeeded in staging; at 03:00 it is asked for in production."""
    story.rule(RULES)
    story.model(versions=2)
    story.at("2026-11-25 02:50").live(1)
    story.at(AT_THREE).request(1, PRODUCTION, by=CAROL)
    return story


def waive(*gates: str, under: str = "sev1", promotion: int = 2) -> WaiveGates:
    return WaiveGates(
        model=FRAUD,
        promotion=PromotionId(promotion),
        break_glass=under,
        gates=tuple(map(GateName, gates)),
        reason=Reason("payments are down"),
        incident="INC-7",
    )


def confirm(story: Story, promotion: int = 2) -> ConfirmWaiver:
    waiver = story.now.id_of(WaiverRequested)
    return ConfirmWaiver(model=FRAUD, promotion=PromotionId(promotion), waiver=waiver)


def close(review: EventId) -> CloseReview:
    notes = Reason("nothing else would have helped")
    return CloseReview(
        model=FRAUD, review=review, finding=Finding.JUSTIFIED, notes=notes
    )


def test_two_people_let_it_through_and_it_is_never_said_to_have_passed(
    night: Story,
) -> None:
    """03:05 the commander asks, 03:07 a second one confirms, 03:08 it is dispatched."""
    # when
    asked = night.at("2026-11-25 03:05").let(waive("soak", "sign-off"), by=COMMANDER)
    asked.then(WaiverRequested)
    assert night.state(2) == "GATING", "one person alone changes nothing"
    night.at("2026-11-25 03:07").let(confirm(night), by=SECOND).then(
        GateWaived, GateWaived, ReviewOpened, PromotionReadied
    )
    snapshot = night.at("2026-11-25 03:08").dispatch(2).event(PromotionDispatched)
    # then
    words = {str(each.gate): each for each in snapshot.gates}
    for name in ("soak", "sign-off"):
        assert words[name].status is GateStatus.WAIVED
        assert words[name].waiver == night.said_by(WaiverRequested).id
    assert snapshot.voters == (), "nobody voted, and nobody is said to have"
    waived = night.said(GateWaived)
    assert {each.status_then for each in waived} == {GateStatus.WAIT}
    assert {(each.asked_by, each.second_person) for each in waived} == {
        (COMMANDER.id, SECOND.id)
    }


def test_nobody_is_the_second_person_of_a_wish_of_their_own(night: Story) -> None:
    """The commander waits alone from 03:05 on; the owner has no part in this class."""
    night.at("2026-11-25 03:05").let(waive("soak", "sign-off"), by=COMMANDER)
    night.ask(confirm(night), by=COMMANDER).then_refused(Why.SELF_CONFIRMATION)
    night.ask(confirm(night), by=OWNER).then_refused(Why.SECOND_PERSON_REQUIRED)
    assert night.said(GateWaived) == []


def test_the_glass_closes_again_after_four_hours(night: Story) -> None:
    """Nobody dispatched it: at 07:05 the gates wait as if nothing had been waived."""
    # given
    night.at("2026-11-25 03:05").let(waive("soak", "sign-off"), by=COMMANDER)
    night.at("2026-11-25 03:07").let(confirm(night), by=SECOND)
    # when
    night.at("2026-11-25 07:04:59").wake(2).then()
    assert night.state(2) == "READY"
    night.at("2026-11-25 07:05").dispatch(2)
    # then
    assert night.state(2) == "GATING"
    assert night.now.words()["soak"].status is GateStatus.WAIT


def test_a_waiver_lets_one_gate_be_skipped_and_no_other(night: Story) -> None:
    """Under sev2 the soak is skipped; two people still have to agree."""
    night.let(waive("soak", under="sev2"), by=COMMANDER)
    assert night.state(2) == "GATING"
    refused = night.ask(waive("sign-off", under="sev2"), by=COMMANDER)
    refused.then_refused(Why.WAIVER_NOT_ALLOWED, gate="sign-off", classes=["sev1"])
    night.approve(2, OWNER, RISK)
    snapshot = night.dispatch(2).event(PromotionDispatched)
    words = {str(each.gate): each.status for each in snapshot.gates}
    assert (words["soak"], words["sign-off"]) == (GateStatus.WAIVED, GateStatus.PASS)


def test_the_review_is_due_a_day_later_by_nobody_who_took_part(night: Story) -> None:
    """Wednesday 03:07 the glass broke; Thursday 03:07 the review is overdue.

    Overdue is a question of the time that is asked about, and of nothing else.
    """
    # given
    night.at("2026-11-25 03:05").let(waive("soak", "sign-off"), by=COMMANDER)
    night.at("2026-11-25 03:07").let(confirm(night), by=SECOND)
    review, due_at = night.said_by(ReviewOpened).id, night.said(ReviewOpened)[0].due_at
    assert due_at == night.time + timedelta(hours=24)
    # then
    model, moment = night.now.model, timedelta(milliseconds=1)
    assert overdue(model, "sev1", due_at - moment) == []
    assert overdue(model, "sev1", due_at) == [review]
    assert overdue(model, "sev1", due_at + timedelta(days=365)) == [review]
    # when
    for involved in (COMMANDER, SECOND, CAROL):
        night.ask(close(review), by=involved).then_refused(Why.SELF_REVIEW)
    night.at("2026-11-27 10:00").let(close(review), by=DAVE).then(ReviewClosed)
    # then
    assert overdue(night.now.model, "sev1", night.time) == []


def test_who_does_not_look_in_time_needs_somebody_senior_the_next_time(
    night: Story,
) -> None:
    """On Friday the review of Wednesday is overdue: sev2 takes a head of risk now.

    The emergency exit is never locked: a second person opens it.
    """
    # given
    night.let(waive("soak", under="sev2"), by=COMMANDER)
    night.approve(2, OWNER, RISK)
    night.dispatch(2)
    night.apply(PRODUCTION)
    review = night.said_by(ReviewOpened).id
    # when
    night.at("2026-11-27 02:00").live(2)
    night.request(2, PRODUCTION)
    again = night.let(waive("soak", under="sev2", promotion=4), by=COMMANDER)
    # then
    assert again.event(WaiverRequested).needs_second_person
    refused = night.ask(confirm(night, 4), by=DAVE)
    refused.then_refused(Why.REVIEWS_OVERDUE, reviews=[review])
    night.let(confirm(night, 4), by=SECOND).then(GateWaived, ReviewOpened)
    # when
    night.at("2026-11-27 09:00").let(close(review), by=DAVE)
    night.at("2026-11-27 09:30").approve(4, OWNER, RISK)
    # then
    assert night.state(4) == "GATING", "the waiver ran out at 06:00"


def test_a_strict_freeze_is_waived_by_nobody(night: Story) -> None:
    """A strict freeze holds for everybody; a lenient one lets an incident through."""
    strict = night.freeze()
    refused = night.ask(waive("freeze"), by=COMMANDER)
    refused.then_refused(Why.WAIVER_NOT_ALLOWED, gate="freeze", freezes=[strict])
    night.thaw(strict)
    night.freeze(waivable=True)
    night.let(waive("freeze", "soak", "sign-off"), by=COMMANDER)
    night.let(confirm(night), by=SECOND)
    assert night.dispatch(2).event(PromotionDispatched).promotion == 2


def test_a_waiver_is_of_one_version_and_dies_with_its_promotion(night: Story) -> None:
    """2 comes out at 03:30 and is asked for; the waiver of 1 opens nothing for it."""
    night.let(waive("soak", "sign-off"), by=COMMANDER)
    night.let(confirm(night), by=SECOND)
    night.at("2026-11-25 03:30").live(2)
    number = night.request(2, PRODUCTION)
    assert night.state(number) == "GATING"
    words = {each.gate: each.status for each in night.now.words().values()}
    assert GateStatus.WAIVED not in words.values()
