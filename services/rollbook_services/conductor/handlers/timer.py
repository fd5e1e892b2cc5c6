"""How are the instants remembered at which a promotion has to be looked at?"""

from collections.abc import Mapping

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.reading import model_of, spoken_of
from rollbook_projections.rows import Row, Rows

Instants = Mapping[str, str | None]
"""By the name of a timer, when it is to ring; None: never."""


def promotion_of(rows: Rows, envelope: Envelope[Data]) -> Row:
    """Return the row of the promotion that an event is about."""
    key = model_of(envelope), envelope.event["promotion"]
    return spoken_of(rows, envelope, "promotions", *key)


def change_timers(
    rows: Rows, envelope: Envelope[Data], *, promotion: Row, instants: Instants
) -> None:
    """Set timers by name, or take them away, and leave all else as it is."""
    changed = set_timers(rows, envelope, promotion=promotion, instants=instants)
    change(rows, promotion, changed)


def change(rows: Rows, before: Row, after: Row) -> None:
    """Keep a promotion's row where it differs."""
    if after != before:
        rows.put("promotions", after)


def set_timers(
    rows: Rows, envelope: Envelope[Data], *, promotion: Row, instants: Instants
) -> Row:
    """Set timers by name, or take away those without an instant.

    Returns the promotion's row, which lists them.
    """
    key = promotion["model"], promotion["promotion"]
    names = set(promotion["timers"])
    for name, at in ((str(name), at) for name, at in instants.items()):
        if at is not None:
            names.add(name)
            rows.put("timers", _timer(envelope, *key, name=name, at=at))
        elif name in names:
            names.remove(name)
            rows.close("timers", *key, name)
    return {**promotion, "timers": sorted(names)}


def none_of(promotion: Row) -> dict[str, str | None]:
    """Name every timer of a promotion, to take them all away."""
    return dict.fromkeys(promotion["timers"])


def _timer(
    envelope: Envelope[Data], model: str, promotion: int, *, name: str, at: str
) -> Row:
    return {
        "model": model,
        "promotion": promotion,
        "name": name,
        "at": at,
        "event": envelope.id,
        "correlation": envelope.correlation_id,
    }
