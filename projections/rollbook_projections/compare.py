"""Is the live view what the ledger says? Every event judged again, every row held.

The replay fills a scratch database, so nothing of the live view is trusted or touched.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, select

from rollbook.ledger.protocol import Ledger
from rollbook_projections import checkpoint, generation
from rollbook_projections.database import Database, open_database
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector

ROWS_AT_ONCE: Final = 1_000
# How often a view was rebuilt is no fact of the ledger.
_LEFT_OUT: Final = frozenset({("checkpoint", "generation")})


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row that differs; None where the other side has one too many."""

    table: str
    live: str | None
    replayed: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing found; `digest` covers every row of the live view."""

    position: int
    digest: str
    difference: Difference | None

    @property
    def is_equal(self) -> bool:
        """Tell whether the live view is what the ledger says."""
        return self.difference is None


async def compare(
    projection: Projection, database: Database, ledger: Ledger
) -> Comparison:
    """Hold the live view, as it is now, against a fresh replay with full checks."""
    with tempfile.TemporaryDirectory(prefix="rollbook-compare-") as folder:
        url = f"sqlite:///{Path(folder) / 'scratch.db'}"
        async with open_database(url, projection.name) as scratch:
            projector = Projector(projection, scratch)
            await projector.open()
            standing = await database.read(checkpoint.standing)
            # Most of the way first: a snapshot is held no longer than it must be.
            await projector.catch_up(ledger, until=standing.position if standing else 0)
            loop = asyncio.get_running_loop()

            def catch_up(position: int) -> None:
                # Called in a reader's thread, whose snapshot stays while we replay.
                rest = projector.catch_up(ledger, until=position)
                asyncio.run_coroutine_threadsafe(rest, loop).result()

            return await database.read(
                partial(
                    _compare, projection=projection, scratch=scratch, catch_up=catch_up
                )
            )


def dump(
    connection: Connection, projection: Projection
) -> Generator[tuple[str, bytes], None, None]:
    """Write every row of every table as a line, in an order that never varies."""
    for name, table in sorted(generation.live(projection).tables.items()):
        with closing(_lines(connection, name, table)) as lines:
            for line in lines:
                yield name, line


def digest(connection: Connection, projection: Projection) -> str:
    """Hash a view's dump; equal views have equal digests, whatever their database."""
    running = hashlib.sha256()
    for name, line in dump(connection, projection):
        running.update(f"{name} ".encode() + line + b"\n")
    return f"sha256:{running.hexdigest()}"


def _compare(
    connection: Connection,
    *,
    projection: Projection,
    scratch: Database,
    catch_up: Callable[[int], None],
) -> Comparison:
    standing = checkpoint.standing(connection)
    position = standing.position if standing else 0
    catch_up(position)
    with (
        scratch.snapshot() as other,
        closing(dump(connection, projection)) as live,
        closing(dump(other, projection)) as replayed,
    ):
        difference = _first_difference(live, replayed)
    return Comparison(position, digest(connection, projection), difference)


def _first_difference(
    live: Iterator[tuple[str, bytes]], replayed: Iterator[tuple[str, bytes]]
) -> Difference | None:
    nothing = ("", b"")
    for ours, theirs in zip_longest(live, replayed, fillvalue=nothing):
        if ours != theirs:
            # In different tables, the side that is behind has a row too many.
            table = min(name for name, _ in (ours, theirs) if name)
            return Difference(
                table,
                ours[1].decode() if ours[0] == table else None,
                theirs[1].decode() if theirs[0] == table else None,
            )
    return None


def _lines(
    connection: Connection, name: str, table: Table
) -> Generator[bytes, None, None]:
    columns = [each for each in table.columns if (name, each.name) not in _LEFT_OUT]
    names = [str(column.name) for column in columns]
    with connection.execute(
        select(*columns).order_by(*table.primary_key),
        execution_options={"yield_per": ROWS_AT_ONCE},
    ) as rows:
        for row in rows:
            fields = {key: _plain(value) for key, value in zip(names, row, strict=True)}
            yield orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
