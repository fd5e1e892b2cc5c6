"""What does one event change? The unit of work that handlers write into.

Current rows are kept in memory and written in batches, in the transaction that also
moves the position (`fold.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from rollbook_projections.bulk import insert, update_until
from rollbook_projections.tables import as_of, keys_of
from rollbook_projections.values import Encoder

CAPACITY: Final = 12_000  # rows kept per table; a version takes some 4 KiB

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(slots=True)
class _Version:
    row: Row
    since: int
    is_stored: bool


class Rows:
    """The tables of one view as a handler sees them.

    `sequence` is the event in hand; `at_max` the latest time of any event so far,
    written as in the ledger.
    """

    def __init__(
        self,
        tables: Mapping[str, Table],
        *,
        is_empty: bool,
        capacity: int = CAPACITY,
    ) -> None:
        """Stand on these tables; `is_empty` says that nothing is in them yet."""
        self.sequence = 0
        self.at_max = ""
        self._connection: Connection | None = None
        self._temporal: dict[str, _Temporal] = {}
        self._plain: dict[str, _Plain] = {}
        for name, table in tables.items():
            if keys_of(table) is None:
                self._plain[name] = _Plain(table)
            else:
                self._temporal[name] = _Temporal(
                    table, is_known=is_empty, capacity=capacity
                )

    def get(self, table: str, *key: Any) -> dict[str, Any] | None:
        """Return the current row of a key; never change what you are given."""
        held = self._temporal[table].find(key, self._connection)
        return None if held is None else held.row

    def put(self, table: str, row: dict[str, Any]) -> None:
        """Make this the current row of its key; columns left out are null.

        The former version ends here. A second put in one event replaces the first.
        """
        self._temporal[table].put(row, self.sequence, self._connection)

    def close(self, table: str, *key: Any) -> None:
        """End the current version of a key, if there is one."""
        self._temporal[table].close(key, self.sequence, self._connection)

    def append(self, table: str, row: dict[str, Any]) -> None:
        """Add a row to a plain table."""
        self._plain[table].added.append(row)

    def read_from(self, connection: Connection | None) -> None:
        """Look up rows that are not in memory here, until told otherwise."""
        self._connection = connection

    def write(self, connection: Connection) -> None:
        """Write what changed since the last time."""
        for temporal in self._temporal.values():
            temporal.write(connection)
        for plain in self._plain.values():
            plain.write(connection)


class _Plain:
    def __init__(self, table: Table) -> None:
        self.table = table
        self.added: list[Row] = []
        self._encoder = Encoder(table)

    def write(self, connection: Connection) -> None:
        if self.added:
            insert(connection, self.table, map(self._encoder.encode, self.added))
            self.added = []


class _Temporal:
    def __init__(self, table: Table, *, is_known: bool, capacity: int) -> None:
        self._table = table
        self._keys: tuple[str, ...] = keys_of(table) or ()
        self._encoder = Encoder(table, leaving_out=("since", "until"))
        self._capacity = capacity
        self._current: dict[Key, _Version | None] = {}
        # A fresh table holds only what we put there, so a key that was never evicted
        # and is not in memory does not exist: no SELECT. Hashes keep that small.
        self._evicted: set[int] | None = set() if is_known else None
        self._opened: dict[Key, None] = {}
        self._passed: list[tuple[Row, int, int]] = []
        self._ended: list[tuple[Any, ...]] = []

    def find(self, key: Key, connection: Connection | None) -> _Version | None:
        try:
            return self._current[key]
        except KeyError:
            if self._evicted is not None and hash(key) not in self._evicted:
                return None
            found = self._select(key, connection)
            self._current[key] = found
            return found

    def put(self, row: Row, sequence: int, connection: Connection | None) -> None:
        key = tuple([row[name] for name in self._keys])
        held = self.find(key, connection)
        if held is not None:
            if held.since == sequence:
                held.row = row
                return
            self._end(key, held, sequence)
            del self._current[key]  # to the young end: eviction takes the oldest
        self._current[key] = _Version(row, sequence, False)
        self._opened[key] = None

    def close(self, key: Key, sequence: int, connection: Connection | None) -> None:
        held = self.find(key, connection)
        if held is not None:
            self._end(key, held, sequence)
            self._current[key] = None
            self._opened.pop(key, None)

    def write(self, connection: Connection) -> None:
        if self._ended:
            update_until(connection, self._table, self._keys, self._ended)
            self._ended = []
        if self._passed or self._opened:
            insert(connection, self._table, self._unwritten())
            self._passed, self._opened = [], {}
        if len(self._current) > self._capacity:
            self._evict()

    def _end(self, key: Key, held: _Version, sequence: int) -> None:
        if held.is_stored:
            self._ended.append((sequence, *key, held.since))
        elif held.since != sequence:  # what began and ended in one event never was
            self._passed.append((held.row, held.since, sequence))

    def _unwritten(self) -> Iterator[tuple[Any, ...]]:
        encode, keys = self._encoder.encode, len(self._keys)
        for row, since, until in self._passed:
            values = encode(row)
            yield (*values[:keys], since, *values[keys:], until)
        for key in self._opened:
            held = self._current[key]
            if held is not None:
                held.is_stored = True
                values = encode(held.row)
                yield (*values[:keys], held.since, *values[keys:], None)

    def _evict(self) -> None:
        oldest = list(islice(self._current, len(self._current) // 2))
        for key in oldest:
            held = self._current.pop(key)
            if self._evicted is not None and held is not None:
                self._evicted.add(hash(key))

    def _select(self, key: Key, connection: Connection | None) -> _Version | None:
        if connection is None:
            raise LookupError(f"{self._table.name} {key} is not in memory")
        columns = self._table.c
        found = connection.execute(
            select(self._table).where(
                as_of(self._table, None),
                *(
                    columns[name] == part
                    for name, part in zip(self._keys, key, strict=True)
                ),
            )
        )
        stored = found.mappings().one_or_none()
        if stored is None:
            return None
        row = dict(stored)
        since = row.pop("since")
        del row["until"]
        return _Version(row, since, True)
