"""Who owes a look at a waiver, by when, and who may close it?"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from rollbook.catalogue.waiver import ReviewClosed, ReviewOpened
from rollbook.commands.waiver import CloseReview
from rollbook.envelope import ActorKind
from rollbook.names import EventId, Principal, RoleName
from rollbook.refusals import Refusal, forbidden
from rollbook.waiving import already_closed, only_people, self_review, unknown_review
from rollbook_services.policy.stage import BreakGlass
from rollbook_services.registrar.authorise import (
    AUDITOR,
    INCIDENT_COMMANDER,
    POLICY_OWNER,
    RELEASE_MANAGER,
)
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.state import Mark, Model, Review, Waiver

REVIEWERS: Final = frozenset(
    {RELEASE_MANAGER, INCIDENT_COMMANDER, POLICY_OWNER, AUDITOR}
)


def owe(decision: Decision, waiver: Waiver, glass: BreakGlass) -> None:
    """Let somebody owe a look at a waiver that was granted."""
    decision.record(
        ReviewOpened(
            promotion=waiver.promotion,
            waiver=waiver.id,
            break_glass=glass.name,
            due_at=decision.at + glass.review_within,
            escalation_role=glass.escalation_role,
        )
    )


def overdue(model: Model, break_glass: str, at: datetime) -> list[EventId]:
    """Name the reviews of a class that nobody closed in time.

    A decision sees its own model only: reviews of the team's other models, overdue
    as they may be, do not count here.
    """
    return [
        each.id
        for each in model.reviews.values()
        if each.break_glass == break_glass and each.is_overdue(at)
    ]


def close(command: CloseReview, decision: Decision) -> Refusal | None:
    """Say what a look came to, as a person who had no part in the waiver."""
    review = decision.model.reviews.get(command.review)
    if review is None:
        return unknown_review(command.review, model=decision.model.name)
    if review.closed_at is not None:
        return already_closed(review.id, at=review.closed_at)
    refusal = _may_not_close(review, decision)
    if refusal is not None:
        return refusal
    decision.record(
        ReviewClosed(
            promotion=review.promotion,
            review=review.id,
            waiver=review.waiver,
            finding=command.finding,
            notes=command.notes,
        )
    )
    return None


def _may_not_close(review: Review, decision: Decision) -> Refusal | None:
    actor, access = decision.actor, decision.access
    if actor.kind is not ActorKind.PERSON:
        return only_people(actor.id, what="review a waiver")
    senior = review.escalation_role
    roles = REVIEWERS if senior is None else REVIEWERS | {senior}
    if roles.isdisjoint(actor.roles):
        return forbidden("close a review", who=actor.id, roles=roles)
    if access.person(actor.id) in map(access.person, review.involved):
        return self_review(actor.id, review=review.id)
    return None


def opened(model: Model, event: ReviewOpened, mark: Mark) -> Model:
    """Remember who had a part in the waiver, and may not review it."""
    senior = event.escalation_role
    review = Review(
        id=mark.id,
        waiver=event.waiver,
        promotion=event.promotion,
        break_glass=event.break_glass,
        due_at=event.due_at,
        escalation_role=None if senior is None else RoleName(senior),
        involved=_involved(model, event),
    )
    return replace(model, reviews={**model.reviews, review.id: review})


def _involved(model: Model, event: ReviewOpened) -> frozenset[Principal]:
    waiver = model.waivers[event.waiver]
    requester: Principal = model.promotions[event.promotion].requester
    confirmed = [each.second_person for each in waiver.granted]
    return frozenset({waiver.by, requester, *filter(None, confirmed)})


def closed(model: Model, event: ReviewClosed, mark: Mark) -> Model:
    """Keep of a closed review that it was closed; nobody owes it any more."""
    review = model.reviews[event.review]
    shrunk = replace(review, involved=frozenset(), closed_at=mark.at)
    return replace(model, reviews={**model.reviews, review.id: shrunk})
