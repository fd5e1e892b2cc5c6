"""Which instants have come, and what has to be looked at for that?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from rollbook.commands.promotion import (
    AdvancePromotion,
    EvaluatePromotion,
    ExpirePromotion,
)
from rollbook.names import ModelName, PromotionId
from rollbook_services.conductor.react.due import Due, named
from rollbook_services.conductor.react.memory import Alarm, Timer


def timed(timers: Iterable[Timer]) -> Iterator[Due]:
    """Ask once for each promotion of which an instant has come.

    A look judges everything, so the last instant stands for those before it.
    """
    by_promotion: dict[tuple[ModelName, PromotionId], list[Timer]] = defaultdict(list)
    for timer in timers:
        by_promotion[timer.model, timer.promotion].append(timer)
    for together in by_promotion.values():
        yield _look(together)


def _look(timers: Sequence[Timer]) -> Due:
    for timer in timers:
        if timer.name == Alarm.EXPIRE:
            return _expire(timer)
    last = max(timers, key=lambda each: (each.at, each.event, each.name))
    return _evaluate(last) if last.name.startswith(Alarm.GATE) else _advance(last)


def _expire(timer: Timer) -> Due:
    command = ExpirePromotion(model=timer.model, promotion=timer.promotion)
    id_ = named(timer.event, "expire", timer.promotion)
    return Due(id_, command, timer.event, timer.correlation, timer.at)


def _evaluate(timer: Timer) -> Due:
    command = EvaluatePromotion(model=timer.model, promotion=timer.promotion)
    id_ = named(timer.event, "evaluate", timer.at, timer.promotion)
    return Due(id_, command, timer.event, timer.correlation, timer.at)


def _advance(timer: Timer) -> Due:
    command = AdvancePromotion(model=timer.model, promotion=timer.promotion)
    id_ = named(timer.event, "advance", timer.at, timer.promotion)
    return Due(id_, command, timer.event, timer.correlation, timer.at)
