"""What keeps a view where it stands? Said in its database, for other processes.

Outside the view's generations: it is no fact of the ledger, and a rebuild keeps it.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, MetaData, delete, inspect, select
from sqlalchemy.schema import CreateTable

from rollbook_projections import checkpoint
from rollbook_projections.bulk import upsert
from rollbook_projections.tables import flag, integer, plain, text

TABLE: Final = plain(
    "standstill",
    MetaData(),
    keys=[integer("id")],
    columns=[integer("position"), text("why"), flag("is_final")],
)


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why a view has not moved on from a position."""

    position: int
    why: str
    is_final: bool
    """Whether the follower has stopped; if not, it tries again."""


def record(connection: Connection, *, why: str, is_final: bool) -> None:
    """Say why the view does not move on from where it stands now."""
    connection.execute(CreateTable(TABLE, if_not_exists=True))
    _, position = checkpoint.place(connection) or (0, 0)
    upsert(connection, TABLE, [(1, position, why.replace("\x00", "\ufffd"), is_final)])


def clear(connection: Connection) -> None:
    """Take back what was said: a follower has begun anew."""
    if inspect(connection).has_table(TABLE.name):
        connection.execute(delete(TABLE))


def find(connection: Connection) -> Standstill | None:
    """Return what keeps the view; None: nothing, or it has moved on since."""
    if not inspect(connection).has_table(TABLE.name):
        return None
    row = connection.execute(select(TABLE)).one_or_none()
    _, position = checkpoint.place(connection) or (0, 0)
    if row is None or row.position < position:
        return None
    return Standstill(row.position, row.why, row.is_final)
