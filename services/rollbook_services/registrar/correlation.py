"""Which story does an event belong to?

All events of one promotion share its name as their correlation id, whichever
command made them; any other event belongs to its command.
"""

from rollbook.envelope import Stamp
from rollbook.event import Event
from rollbook.subjects import Aggregate, model_name


def story(event: Event, aggregate: Aggregate, stamp: Stamp) -> str | None:
    """Return `team/name:31` for an event of a promotion, else what was asked for."""
    about = getattr(event, "report", event)
    promotion = getattr(about, "promotion", None) or getattr(
        about, "by_promotion", None
    )
    if promotion is None:
        return stamp.correlation_id
    return f"{model_name(aggregate)}:{promotion}"
