"""How do many rows get into a table at the speed of the driver?

SQLite takes plain tuples; PostgreSQL takes COPY, measured at twice its inserts.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any, Final

from sqlalchemy import Connection, Table

FEW: Final = 50  # rows up to which a plain insert beats setting up a COPY
Rows = Iterable[Sequence[Any]]


def insert(connection: Connection, table: Table, rows: Rows) -> None:
    """Add rows, given as the values of every column in order."""
    names = [column.name for column in table.columns]
    target = f"{_quoted(connection, table.name)} ({_list(connection, names)})"
    if _is_postgresql(connection):
        rows = iter(rows)
        few = list(islice(rows, FEW))
        if len(few) == FEW:
            _copy(connection, target, chain(few, rows))
            return
        rows = few
    places = _places(connection, len(names))
    _many(connection, f"INSERT INTO {target} VALUES ({places})", rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows or replace those with the same primary key."""
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    changed = [_quoted(connection, name) for name in names if name not in keys]
    sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
    target = f"{_quoted(connection, table.name)} ({_list(connection, names)})"
    ending = f"ON CONFLICT ({_list(connection, keys)}) DO UPDATE SET {sets}"
    if _is_postgresql(connection) and len(rows) > FEW:
        staging = _staged(connection, table, names, rows)
        values = f"SELECT {_list(connection, names)} FROM {staging}"
        connection.exec_driver_sql(f"INSERT INTO {target} {values} {ending}")
        return
    values = f"VALUES ({_places(connection, len(names))})"
    _many(connection, f"INSERT INTO {target} {values} {ending}", rows)


def update_until(
    connection: Connection,
    table: Table,
    keys: Sequence[str],
    ends: Sequence[Sequence[Any]],
) -> None:
    """End stored versions, given as (until, *key, since)."""
    target = _quoted(connection, table.name)
    names = [_quoted(connection, name) for name in (*keys, "since")]
    if _is_postgresql(connection) and len(ends) > FEW:
        staging = _staged(connection, table, ["until", *keys, "since"], ends)
        same = " AND ".join(f"held.{name} = ending.{name}" for name in names)
        connection.exec_driver_sql(
            f"UPDATE {target} AS held SET until = ending.until "
            f"FROM {staging} AS ending WHERE {same}"
        )
        return
    mark = _places(connection, 1)
    where = " AND ".join(f"{name} = {mark}" for name in names)
    _many(connection, f"UPDATE {target} SET until = {mark} WHERE {where}", ends)


def _staged(
    connection: Connection, table: Table, names: Sequence[str], rows: Rows
) -> str:
    """COPY rows to a table that lasts as long as the transaction; return its name."""
    staging = _quoted(connection, f"{table.name}__staging")
    columns = _list(connection, names)
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {staging}")
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS "
        f"SELECT {columns} FROM {_quoted(connection, table.name)} WITH NO DATA"
    )
    _copy(connection, f"{staging} ({columns})", rows)
    # Without statistics the planner expects few rows and may loop over an index.
    connection.exec_driver_sql(f"ANALYZE {staging}")
    return staging


def _copy(connection: Connection, target: str, rows: Rows) -> None:
    driver = connection.connection.driver_connection
    assert driver is not None
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {target} FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _many(connection: Connection, statement: str, rows: Rows) -> None:
    rows = [tuple(row) for row in rows]
    if rows:
        connection.exec_driver_sql(statement, rows)


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _places(connection: Connection, count: int) -> str:
    return ", ".join(["%s" if _is_postgresql(connection) else "?"] * count)


def _list(connection: Connection, names: Iterable[str]) -> str:
    return ", ".join(_quoted(connection, name) for name in names)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


@contextmanager
def collector_paused(is_long: bool) -> Iterator[None]:
    """Keep the garbage collector away from bulk work, which makes no cycles.

    Measured: replay is 1.8 to 2.6 times as fast.
    """
    if not is_long or not gc.isenabled():
        yield
        return
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
