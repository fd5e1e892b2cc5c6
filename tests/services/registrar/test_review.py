"""The rules of reviews: who looks at a waiver, by when, and only once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from rollbook.catalogue.waiver import (
    Finding,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
)
from rollbook.commands.promotion import CancelPromotion
from rollbook.commands.waiver import CloseReview
from rollbook.envelope import Actor
from rollbook.names import EventId, PromotionId, Reason
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.rules.review import overdue
from tests.services.registrar.breaking import (
    AUDITOR,
    ERIN,
    HEAD,
    around,
    confirm,
    waiting,
    waive,
)
from tests.support.scenario import (
    CAROL,
    DAVE,
    FRAUD,
    PIPELINE,
    VIEWER,
    Scenario,
    person,
)

FRANK: Final = person("f", "auditor")
OWNER: Final = person("g", "policy-owner")
NOBODY: Final = EventId("01990000-0000-7000-8000-000000000000")


def waived() -> Scenario:
    """Begin with a waiver that Dave asked for and Erin confirmed, of Carol's wish."""
    model = waiting(by=CAROL).given(waive(under="sev1"), by=DAVE)
    return model.given(confirm(model), by=ERIN)


def close(seen: Scenario, **changes: Any) -> CloseReview:
    fields: dict[str, Any] = {
        "review": seen.id_of(ReviewOpened),
        "finding": Finding.JUSTIFIED,
        "notes": Reason("nothing else would have helped"),
        **changes,
    }
    return CloseReview(model=FRAUD, **fields)


@pytest.mark.parametrize("who", [AUDITOR, HEAD, OWNER])
def test_who_had_no_part_in_a_waiver_closes_its_review(who: Actor) -> None:
    model = waived()
    waiver = model.id_of(WaiverRequested)
    found = model.when(close(model), by=who).then(ReviewClosed).event(ReviewClosed)
    assert (found.waiver, found.promotion, found.finding) == (waiver, 1, "justified")


@pytest.mark.parametrize("who", [CAROL, DAVE, ERIN])
def test_requester_asker_and_second_person_do_not_review(who: Actor) -> None:
    model = waived()
    model.when(close(model), by=who).then_refused(
        Why.SELF_REVIEW, review=model.id_of(ReviewOpened)
    )


@pytest.mark.parametrize("who", [CAROL, DAVE, ERIN])
def test_another_account_of_theirs_does_not_review_either(who: Actor) -> None:
    for persons in ({FRANK.id: who.id}, {who.id: FRANK.id}):
        model = replace(waived(), context=around(persons=persons))
        model.when(close(model), by=FRANK).then_refused(Why.SELF_REVIEW)


def test_a_review_takes_a_person_with_a_role_for_it() -> None:
    model = waived()
    model.when(close(model), by=VIEWER).then_refused(
        Why.FORBIDDEN,
        needed=[
            "auditor",
            "head-of-risk",
            "incident-commander",
            "policy-owner",
            "release-manager",
        ],
    )
    robot = replace(PIPELINE, roles=AUDITOR.roles)
    model.when(close(model), by=robot).then_refused(Why.NOT_A_PERSON)


def test_a_review_is_closed_once() -> None:
    model = waived()
    model = model.given(close(model), by=AUDITOR)
    again = close(model, finding=Finding.NOT_JUSTIFIED)
    model.when(again, by=HEAD).then_refused(
        Why.ALREADY_CLOSED, review=model.id_of(ReviewOpened)
    )
    unknown = close(model, review=NOBODY)
    model.when(unknown, by=AUDITOR).then_refused(Why.UNKNOWN_REVIEW, review=NOBODY)


def test_a_review_outlives_its_promotion() -> None:
    model = waived()
    cancel = CancelPromotion(
        model=FRAUD, promotion=PromotionId(1), reason=Reason("not needed")
    )
    model = model.given(cancel, by=CAROL)
    model.when(close(model), by=DAVE).then_refused(Why.SELF_REVIEW)
    model.when(close(model), by=AUDITOR).then(ReviewClosed)


def test_a_review_is_overdue_from_the_moment_it_is_due_until_it_is_closed() -> None:
    model = waived()
    review, due_at = model.id_of(ReviewOpened), model.event(ReviewOpened).due_at
    before = due_at - timedelta(milliseconds=1)
    assert overdue(model.model, "sev1", before) == []
    assert overdue(model.model, "sev1", due_at) == [review]
    assert overdue(model.model, "sev2", due_at) == []
    closed = model.given(close(model), by=AUDITOR, after=timedelta(days=3))
    assert overdue(closed.model, "sev1", closed.at) == []
