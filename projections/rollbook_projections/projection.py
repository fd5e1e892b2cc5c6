"""How is a view declared: its name, its tables, and what it makes of each event?

A view is a folder with `tables.py` (declared through `rollbook_projections.tables`),
`handlers.py` (one function per event it cares about) and `queries.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import MetaData

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook.ledger.protocol import Message
from rollbook.names import Digest
from rollbook_projections.rows import Rows

Handler = Callable[[Rows, Envelope[Data]], None]
"""Writes what one event changes; reads nothing but the event and the rows."""

EveryHandler = Callable[[Rows, Message, Mapping[str, Any], Digest], None]
"""Sees each valid event before its handler: message, CloudEvents object, leaf hash.

Also those of types this release does not know.
"""


@dataclass(frozen=True, slots=True)
class Projection:
    """One view. Raise `version` when tables or handlers change: it is then rebuilt."""

    name: str
    version: int
    metadata: MetaData
    handlers: Mapping[str, Handler]
    """By the name the event is recorded as; events without one are passed over."""
    every: EveryHandler | None = None
    skips_unknown: bool = False
    """Whether an event this release cannot read may be passed over.

    If not, it stops its aggregate (table `halted`); the others go on.
    """
