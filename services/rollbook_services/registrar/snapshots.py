"""Where do folded aggregates rest, so that a cold load need not read all history?

A cache: deleting it changes nothing but time. Another version of the folding code
leaves its rows unread.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from rollbook.codec import Link
from rollbook.names import Digest
from rollbook.subjects import Aggregate
from rollbook_services.registrar.deciding import initial
from rollbook_services.registrar.folded import Folded
from rollbook_services.registrar.state import RULES_VERSION, Model
from rollbook_services.registrar.surroundings import (
    Access,
    Bundles,
    Calendar,
    Fleet,
    Policies,
    State,
)

_metadata: Final = MetaData()
_snapshots: Final = Table(
    "snapshots",
    _metadata,
    Column("aggregate", String, primary_key=True),
    Column("rules", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("leaf", String),
    Column("last_at", String, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
_states: Final[dict[type[State], TypeAdapter[Any]]] = {
    each: TypeAdapter(each)
    for each in (Model, Access, Policies, Calendar, Bundles, Fleet)
}


class Snapshots:
    """Folded aggregates in an SQLite file of the registrar's own."""

    def __init__(self, engine: Engine) -> None:
        """Hold the engine; `open_snapshots` makes it."""
        self._engine = engine
        with engine.connect() as connection:
            kept = connection.execute(
                select(_snapshots.c.aggregate).where(
                    _snapshots.c.rules == RULES_VERSION
                )
            )
            self._kept = set(kept.scalars())

    async def find(self, aggregate: Aggregate) -> Folded | None:
        """Return the snapshot of an aggregate, if this release can read it."""
        if aggregate not in self._kept:
            return None
        return await asyncio.to_thread(self._find, aggregate)

    async def save(self, folded: Iterable[Folded]) -> None:
        """Keep these, unless a later one is kept already."""
        # A state is read in the loop's thread alone (growing.py); only I/O leaves it.
        rows = [_row(each) for each in folded if each.sequence]
        if rows:
            await asyncio.to_thread(self._save, rows)
            self._kept.update(row["aggregate"] for row in rows)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def _find(self, aggregate: Aggregate) -> Folded | None:
        query = select(_snapshots).where(
            _snapshots.c.aggregate == aggregate, _snapshots.c.rules == RULES_VERSION
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Folded(
            aggregate=aggregate,
            state=_states[type(initial(aggregate))].validate_json(row["state"]),
            link=Link(row["rev"], Digest(row["leaf"]) if row["leaf"] else None),
            sequence=row["sequence"],
            last_at=datetime.fromisoformat(row["last_at"]),
        )

    def _save(self, rows: list[dict[str, Any]]) -> None:
        statement = insert(_snapshots)
        newer = statement.on_conflict_do_update(
            index_elements=["aggregate"],
            set_={name: statement.excluded[name] for name in rows[0]},
            where=(statement.excluded.sequence >= _snapshots.c.sequence)
            | (_snapshots.c.rules != RULES_VERSION),
        )
        with self._engine.begin() as connection:
            connection.execute(newer, rows)


def open_snapshots(path: Path) -> Snapshots:
    """Open the registrar's snapshot file, or make it."""
    path.touch(mode=0o600, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    _metadata.create_all(engine)
    return Snapshots(engine)


def _row(folded: Folded) -> dict[str, Any]:
    return {
        "aggregate": folded.aggregate,
        "rules": RULES_VERSION,
        "sequence": folded.sequence,
        "rev": folded.link.rev,
        "leaf": folded.link.leaf,
        "last_at": folded.last_at.isoformat(),
        "state": _states[type(folded.state)].dump_json(folded.state),
    }
