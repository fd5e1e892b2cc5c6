"""Which tokens are there now, without asking the database for each request?"""

import time
from dataclasses import dataclass, field
from typing import Any, Final

from rollbook_projections.audit.queries import token
from rollbook_projections.database import Database
from rollbook_projections.projector import Projector

# How long a revoked token may still read where another process moves the view on;
# in the projections' own process it is refused as soon as the view knows.
LONGEST_SECONDS: Final = 1.0
MOST_REMEMBERED: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    row: dict[str, Any]
    position: int
    looked_at: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the audit view said of each token, as long as the view has not moved."""

    _known: dict[str, _Known] = field(default_factory=dict)

    async def find(
        self, database: Database, projector: Projector, id_: str
    ) -> dict[str, Any] | None:
        """Return a token's row; None where nobody ever issued it."""
        position, now = projector.position, time.monotonic()
        known = self._known.get(id_)
        if (
            known is not None
            and known.position == position
            and now - known.looked_at < LONGEST_SECONDS
        ):
            return known.row
        row = await database.read(token, id_)
        if row is not None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[id_] = _Known(row, position, now)
        return row
