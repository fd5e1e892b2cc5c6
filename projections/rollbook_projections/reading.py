"""How do handlers read an envelope?"""

from functools import lru_cache
from typing import Any

from rollbook.envelope import Envelope
from rollbook.errors import UnreadableEvent
from rollbook.event import Data
from rollbook.subjects import model_name
from rollbook_projections.rows import Rows


@lru_cache(maxsize=65_536)
def _name(aggregate: str) -> str:
    name = model_name(aggregate)
    if name is None:
        raise ValueError(f"{aggregate} is no model")
    return name


def model_of(envelope: Envelope[Data]) -> str:
    """Name the model that an event belongs to."""
    return _name(envelope.aggregate)


def time_of(envelope: Envelope[Data]) -> str:
    """Return an event's time as the ledger wrote it."""
    at: str = envelope.raw["time"]
    return at


def spoken_of(
    rows: Rows, envelope: Envelope[Data], table: str, *key: Any
) -> dict[str, Any]:
    """Return the row that an event speaks of.

    Raises UnreadableEvent, which stops the aggregate, where no such row is.
    """
    row = rows.get(table, *key)
    if row is None:
        named = "/".join(str(part) for part in key)
        raise UnreadableEvent(envelope.type, why=f"speaks of {table} {named}: unknown")
    return row
