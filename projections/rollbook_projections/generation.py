"""How do new tables stand beside the old ones, and take their place?

The live tables have plain names; a rebuild's carry a suffix until the switch.
Readers, by plain names, see the old tables or the new ones, never a mixture.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, MetaData, Table, inspect, text
from sqlalchemy.schema import CreateIndex, CreateTable

from rollbook_projections import checkpoint, standstill
from rollbook_projections.projection import Projection
from rollbook_projections.tables import copy

NEW, OLD = "__new", "__old"


@dataclass(frozen=True, slots=True)
class Generation:
    """One set of a view's tables, by their plain names."""

    tables: Mapping[str, Table]

    def create(self, connection: Connection) -> None:
        """Make the tables, without indexes: those come after the bulk."""
        for table in self.tables.values():
            connection.execute(CreateTable(table))

    def index(self, connection: Connection) -> None:
        """Make the indexes."""
        for table in self.tables.values():
            for index in sorted(table.indexes, key=lambda each: str(each.name)):
                connection.execute(CreateIndex(index))
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f'ANALYZE "{table.name}"')


def live(projection: Projection) -> Generation:
    """Name the tables that readers see."""
    return _generation(projection, suffix="", number=0)


def beside(projection: Projection, number: int) -> Generation:
    """Name the tables of a rebuild; index names stay with them for good."""
    return _generation(projection, suffix=NEW, number=number)


def _generation(projection: Projection, *, suffix: str, number: int) -> Generation:
    tables: dict[str, Table] = {}
    for metadata in (projection.metadata, checkpoint.TABLES):
        tables |= _copied(metadata, suffix, f"__{number}")
    return Generation(tables)


@lru_cache(maxsize=64)
def _copied(metadata: MetaData, suffix: str, index_suffix: str) -> Mapping[str, Table]:
    """Describe the tables once: copying them costs more than filling a few."""
    return copy(metadata, suffix=suffix, index_suffix=index_suffix)


def exists(connection: Connection) -> bool:
    """Tell whether the view has tables that readers see."""
    return checkpoint.CHECKPOINT.name in _names(connection)


def switch(connection: Connection) -> None:
    """Let the new tables take the place of the old, in the transaction in hand."""
    names = _names(connection)
    fresh = sorted(name for name in names if name.endswith(NEW))
    kept = (*fresh, standstill.TABLE.name)
    former = sorted(
        each for each in names if not each.endswith(OLD) and each not in kept
    )
    if connection.dialect.name == "postgresql":
        # Readers hold shared locks for a moment; waiting for ever could deadlock.
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
    for name in former:
        _rename(connection, name, name + OLD)
    for name in fresh:
        _rename(connection, name, name.removesuffix(NEW))


def leftovers(connection: Connection) -> list[str]:
    """Name the tables that no reader sees: replaced ones, and a rebuild cut short."""
    return sorted(name for name in _names(connection) if name.endswith((NEW, OLD)))


def drop(connection: Connection, name: str) -> None:
    """Drop one table."""
    connection.exec_driver_sql(f'DROP TABLE "{name}"')


def _rename(connection: Connection, name: str, other: str) -> None:
    connection.exec_driver_sql(f'ALTER TABLE "{name}" RENAME TO "{other}"')


def _names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()
