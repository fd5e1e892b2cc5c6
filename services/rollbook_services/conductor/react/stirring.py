"""Which promotions may something concern that happened outside of them?"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rollbook.commands.promotion import AdvancePromotion, EvaluatePromotion
from rollbook_services.conductor.react.covering import covers_model, covers_stage
from rollbook_services.conductor.react.due import Due, named
from rollbook_services.conductor.react.memory import Kind, Open, Stir

_OF_WHAT_WAITS: Final = frozenset({Kind.ACCESS, Kind.FLEET})


def stirred(stirs: Iterable[Stir], promotions: Sequence[Open]) -> Iterator[Due]:
    """Ask once for each promotion that was there before something that covers it.

    A look judges everything, so the last of several stands for those before it.
    """
    oldest = min((each.requested_at for each in promotions), default="")
    newest_first = sorted(
        (stir for stir in stirs if stir.at >= oldest),
        key=lambda each: (each.at, each.sequence),
        reverse=True,
    )
    for promotion in promotions:
        last = _last(newest_first, promotion)
        if last is not None:
            yield _look(promotion, last)


def _last(newest_first: Sequence[Stir], promotion: Open) -> Stir | None:
    for stir in newest_first:
        if _concerns(stir, promotion):
            return stir
    return None


def _concerns(stir: Stir, promotion: Open) -> bool:
    if stir.kind in _OF_WHAT_WAITS and promotion.is_running:
        return False  # who may vote, and what is not waited for, matters no more
    if stir.is_edge:
        is_later = stir.at > promotion.requested_at
    else:
        is_later = stir.sequence > promotion.requested
    return (
        is_later
        and covers_stage(stir.stages, promotion.stage)
        and covers_model(stir.models, promotion.model)
    )


def _look(promotion: Open, stir: Stir) -> Due:
    verb = "advance" if promotion.is_running else "evaluate"
    command = AdvancePromotion if promotion.is_running else EvaluatePromotion
    about = f"{promotion.model}:{promotion.promotion}"
    edge = (stir.at,) if stir.is_edge else ()
    return Due(
        named(stir.event, verb, *edge, about),
        command(model=promotion.model, promotion=promotion.promotion),
        stir.event,
        promotion.correlation,
        # What waits has a gate that names the instant, with a timer of its own.
        stir.at if stir.is_edge and promotion.is_running else None,
    )
