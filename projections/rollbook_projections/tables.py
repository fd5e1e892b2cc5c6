"""How is a table of a view declared, and how is it read as of a sequence?

Temporal tables keep every version of a row: it holds from the event `since` up to,
but not including, the event `until`; the current one has no `until`.
"""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    and_,
    or_,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeDecorator


class Json(TypeDecorator[Any]):
    """A JSON value as text with sorted names: the same bytes in every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write the value."""
        return None if value is None else to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read the value."""
        return None if value is None else orjson.loads(value)


def to_json(value: Any) -> str:
    """Write a value as a `json` column keeps it."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def text(name: str) -> Column[str]:
    """Declare a text column, ordered by its bytes in every database."""
    ordered = postgresql.TEXT(collation="C")
    return Column(name, Text().with_variant(ordered, "postgresql"))


def integer(name: str) -> Column[int]:
    """Declare a column of whole numbers."""
    return Column(name, BigInteger())


def real(name: str) -> Column[float]:
    """Declare a column of doubles."""
    return Column(name, Double())


def flag(name: str) -> Column[bool]:
    """Declare a column of truth values."""
    return Column(name, Boolean())


def json(name: str) -> Column[Any]:
    """Declare a column of JSON values: hand in and get back plain Python values."""
    return Column(name, Json())


def blob(name: str) -> Column[bytes]:
    """Declare a column of bytes."""
    return Column(name, LargeBinary())


def temporal(
    name: str,
    metadata: MetaData,
    *,
    keys: Sequence[Column[Any]],
    columns: Sequence[Column[Any]],
    indexes: Sequence[Sequence[str]] = (),
) -> Table:
    """Declare a table that keeps every version of each row; adds `since`, `until`.

    `indexes` name columns to search the current rows by.
    """
    table = _table(name, metadata, [*keys, integer("since")], columns)
    table.append_column(integer("until"))
    table.info["keys"] = tuple(key.name for key in keys)
    _index_current(table, "current", table.info["keys"], unique=True)
    for place, names in enumerate(indexes):
        _index_current(table, f"by{place}", names, unique=False)
    return table


def plain(
    name: str,
    metadata: MetaData,
    *,
    keys: Sequence[Column[Any]],
    columns: Sequence[Column[Any]],
    indexes: Sequence[Sequence[str]] = (),
) -> Table:
    """Declare a table to which rows are only added."""
    table = _table(name, metadata, keys, columns)
    for place, names in enumerate(indexes):
        Index(f"{name}_by{place}", *(table.c[each] for each in names))
    return table


def as_of(table: Table, sequence: int | None) -> ColumnElement[bool]:
    """Select the versions that held right after an event; None: that hold now."""
    if sequence is None:
        return table.c.until.is_(None)
    return and_(
        table.c.since <= sequence,
        or_(table.c.until.is_(None), table.c.until > sequence),
    )


def keys_of(table: Table) -> tuple[str, ...] | None:
    """Name the keys of a temporal table; None for a plain one."""
    keys: tuple[str, ...] | None = table.info.get("keys")
    return keys


def copy(metadata: MetaData, *, suffix: str, index_suffix: str) -> dict[str, Table]:
    """Copy every table under another name; return the copies by their first names.

    Index names share one space per database, so each generation has its own.
    """
    copied = MetaData()
    tables: dict[str, Table] = {}
    for table in metadata.tables.values():
        twin = table.to_metadata(copied, name=table.name + suffix)
        for index in twin.indexes:
            index.name = quoted_name(f"{index.name}{index_suffix}", None)
        tables[table.name] = twin
    return tables


def _table(
    name: str,
    metadata: MetaData,
    keys: Sequence[Column[Any]],
    columns: Sequence[Column[Any]],
) -> Table:
    for key in keys:
        key.primary_key, key.nullable, key.autoincrement = True, False, False
    return Table(name, metadata, *keys, *columns)


def _index_current(
    table: Table, label: str, names: Sequence[str], *, unique: bool
) -> None:
    is_current = table.c.until.is_(None)
    Index(
        f"{table.name}_{label}",
        *(table.c[name] for name in names),
        unique=unique,
        sqlite_where=is_current,
        postgresql_where=is_current,
    )
