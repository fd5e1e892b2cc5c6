"""How is a view read as it was at one moment?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    select,
    tuple_,
)

from rollbook_projections.tables import as_of

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A projection's tables as of a ledger sequence; None: as they are now."""

    connection: Connection
    as_of: int | None = None

    def at(self, sequence: int | None) -> "View":
        """Look at another moment."""
        return View(self.connection, sequence)

    def visible(self, table: Table) -> ColumnElement[bool]:
        """Select the rows of a temporal table that held at that moment."""
        return as_of(table, self.as_of)

    def rows(
        self,
        table: Table,
        *where: ColumnElement[bool],
        order_by: Sequence[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> list[Row]:
        """Return the rows of a temporal table that held at that moment.

        From when to when they held is left out, so that answers do not depend on
        what came later.
        """
        columns = [each for each in table.c if each.name not in ("since", "until")]
        query = select(*columns).where(self.visible(table), *where)
        return self.fetch(query.order_by(*order_by).limit(limit))

    def one(self, table: Table, *where: ColumnElement[bool]) -> Row | None:
        """Return the first such row, or None."""
        found = self.rows(table, *where, limit=1)
        return found[0] if found else None

    def fetch(self, query: Select[Any]) -> list[Row]:
        """Run any query."""
        return [dict(row) for row in self.connection.execute(query).mappings()]


def is_one_of(
    table: Table, name: str, keys: Sequence[tuple[str, Any]]
) -> ColumnElement[bool]:
    """Select the rows whose model and `name` are one of these pairs."""
    models = sorted({model for model, _ in keys})
    # SQLite finds no index by a pair that is not a whole key: name the model alone too.
    return and_(
        table.c.model.in_(models), tuple_(table.c.model, table.c[name]).in_(keys)
    )
