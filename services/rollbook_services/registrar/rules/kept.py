"""How is a promotion kept in the state, while it is open and after it?"""

from dataclasses import replace

from rollbook.names import PromotionId
from rollbook_services.registrar.state import Mark, Model, Promotion
from rollbook_services.registrar.transitions import Input, after


def changed(model: Model, promotion: Promotion) -> Model:
    """Put a promotion back."""
    return replace(model, promotions=model.promotions.plus(promotion.id, promotion))


def moved(model: Model, id_: PromotionId, what: Input) -> Model:
    """Move a promotion on by what happened to it."""
    promotion = model.promotions[id_]
    return changed(model, replace(promotion, state=after(promotion.state, what)))


def ended(model: Model, id_: PromotionId, what: Input, mark: Mark) -> Model:
    """Keep of an ended promotion who wanted what, and how it went."""
    promotion = model.promotions[id_]
    shrunk = replace(
        promotion,
        state=after(promotion.state, what),
        gates={},
        votes=(),
        underway=None,
        ended_at=mark.at,
    )
    left = tuple(each for each in model.open if each != id_)
    return without_waivers(changed(replace(model, open=left), shrunk), id_)


def without_waivers(model: Model, id_: PromotionId) -> Model:
    """Forget the waivers of a promotion; the reviews of them stay owed."""
    known = model.waivers.items()
    left = {key: each for key, each in known if each.promotion != id_}
    return model if len(left) == len(known) else replace(model, waivers=left)
