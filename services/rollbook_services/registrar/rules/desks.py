"""Where is each member's part of a decision about a bundle made?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rollbook.catalogue.bundle import Member
from rollbook.names import ModelName, PromotionId, Version
from rollbook.refusals import Refusal
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.surroundings import Bundle


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one member's part of the decision is made."""

    before: Model
    decision: Decision

    def promotion(self, id_: PromotionId) -> Promotion:
        """Return the member's promotion as the decision leaves it."""
        return self.decision.model.promotions[id_]


Desks = Mapping[ModelName, Desk]


def promotions(known: Bundle, desks: Desks) -> Iterator[Promotion]:
    """Go through the promotions of a bundle, as the decision leaves them."""
    for each in known.members:
        yield desks[each.model].promotion(each.promotion)


def newest(decision: Decision) -> PromotionId:
    """Return the promotion that was asked for last."""
    return PromotionId(len(decision.model.promotions))


def member_of(model: ModelName, version: Version, promotion: PromotionId) -> Member:
    """Write a member down."""
    return Member(model=model, version=version, promotion=promotion)


def told_of(model: ModelName, refusal: Refusal) -> Refusal:
    """Say which member it is that cannot go."""
    return replace(
        refusal,
        message=f"{model}: {refusal.message}",
        detail={**refusal.detail, "model": model},
    )
