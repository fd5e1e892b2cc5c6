"""Which votes does a promotion remember?"""

from collections.abc import Sequence
from dataclasses import replace

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRejected,
    ApprovalWithdrawn,
    ChangesRequested,
)
from rollbook.names import Instant
from rollbook_services.policy.facts import Vote
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.state import Mark, Model, Promotion


def granted(model: Model, event: ApprovalGranted, mark: Mark) -> Model:
    """Remember the vote; a person's later one takes the place of the earlier."""
    return _cast(model, event, mark, valid_until=event.valid_until)


def rejected(model: Model, event: ApprovalRejected, mark: Mark) -> Model:
    """Remember the no; whether it ends the promotion is an event of its own."""
    return _cast(model, event, mark, is_rejection=True)


def _cast(
    model: Model,
    event: ApprovalGranted | ApprovalRejected,
    mark: Mark,
    *,
    valid_until: Instant | None = None,
    is_rejection: bool = False,
) -> Model:
    promotion = model.promotions[event.promotion]
    cast = (mark.actor.id, event.gate)
    others = [vote for vote in promotion.votes if (vote.who, vote.gate) != cast]
    vote = Vote(
        id=mark.id,
        gate=event.gate,
        who=mark.actor.id,
        roles=event.roles,
        binding=event.binding,
        valid_until=valid_until,
        is_rejection=is_rejection,
    )
    return _with_votes(model, promotion, [*others, vote])


def withdrawn(model: Model, event: ApprovalWithdrawn, mark: Mark) -> Model:
    """Forget the vote."""
    promotion = model.promotions[event.promotion]
    left = [vote for vote in promotion.votes if vote.id != event.approval]
    return _with_votes(model, promotion, left)


def asked_for_more(model: Model, event: ChangesRequested, mark: Mark) -> Model:
    """Forget what the same person voted before."""
    promotion = model.promotions[event.promotion]
    left = [vote for vote in promotion.votes if vote.who != mark.actor.id]
    return _with_votes(model, promotion, left)


def refused(model: Model, event: ApprovalRefused, mark: Mark) -> Model:
    """Remember that this was told, so that it is told once."""
    promotion = model.promotions[event.promotion]
    told = promotion.refused | {(mark.actor.id, event.reason_code)}
    return changed(model, replace(promotion, refused=told))


def _with_votes(model: Model, promotion: Promotion, votes: Sequence[Vote]) -> Model:
    return changed(model, replace(promotion, votes=tuple(votes)))
