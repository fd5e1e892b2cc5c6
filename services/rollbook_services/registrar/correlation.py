"""Which story does an event belong to?

All events of one promotion share its name as their correlation id, whichever
command made them, and so do those of a bundle; any other event belongs to its command.
"""

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from rollbook.envelope import Stamp
from rollbook.event import Event
from rollbook.subjects import Aggregate, model_name

# Where an event names a promotion; the first that is there and not None counts.
_PROMOTION: Final = ("report.promotion", "promotion", "by_promotion")
_BUNDLE: Final = ("bundle",)

Getters = tuple[Callable[[Event], Any], ...]


def story(event: Event, aggregate: Aggregate, stamp: Stamp) -> str | None:
    """Return `team/name:31` or `bundle:7`, else what was asked for."""
    for get in _getters(type(event), _PROMOTION):
        if (promotion := get(event)) is not None:
            return f"{model_name(aggregate)}:{promotion}"
    for get in _getters(type(event), _BUNDLE):
        return f"bundle:{get(event)}"
    return stamp.correlation_id


@lru_cache(maxsize=512)
def _getters(kind: type[Event], paths: tuple[str, ...]) -> Getters:
    """Look once for each kind: asking an event for what it lacks is slow."""
    fields = kind.model_fields
    return tuple(attrgetter(path) for path in paths if path.partition(".")[0] in fields)
