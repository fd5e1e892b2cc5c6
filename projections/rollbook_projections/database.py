"""How does a view open its database, write to it in bulk, and close it?

One writer and several readers: an SQLite file of its own, or a schema of its own in
PostgreSQL. Blocking work runs in threads, the writer's always in the same one.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.pool import QueuePool

from rollbook.errors import Misconfigured

READERS: Final = 4
BUSY_MILLISECONDS: Final = 5_000

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Database:
    """One view's database; `name` is the view's and its schema's."""

    name: str
    writer: Engine
    reader: Engine
    _writing: ThreadPoolExecutor = field(repr=False)
    _reading: ThreadPoolExecutor = field(repr=False)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Do this in one transaction, in the writer's thread."""

        def transaction() -> T:
            with self.transaction() as connection:
                return work(connection)

        return await self.in_writer(transaction)

    async def in_writer(self, work: Callable[[], T]) -> T:
        """Do this in the writer's thread, without a transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._writing, work)

    async def read(
        self,
        query: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Answer one question from one consistent moment."""

        def ask() -> T:
            with self.snapshot() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._reading, ask)

    def close(self) -> None:
        """Finish what is running, then let go of every connection."""
        for threads in (self._writing, self._reading):
            threads.shutdown()
        for engine in (self.reader, self.writer):
            engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Hold the writer; only one transaction of all processes does at a time."""
        with self.writer.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_LOCK, {"name": f"rollbook/{self.name}"})
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Read one consistent moment."""
        with self.reader.connect() as connection:
            yield connection


_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


@asynccontextmanager
async def open_database(url: str, name: str) -> AsyncIterator[Database]:
    """Open a view's database by URL: `sqlite:///file` or `postgresql://…`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        writer, reader = _sqlite(parsed)
    elif parsed.get_backend_name() == "postgresql":
        writer, reader = await asyncio.to_thread(_postgresql, parsed, name)
    else:
        raise Misconfigured(
            f"database.{name}",
            f"{parsed.get_backend_name()} is not known: "
            "use sqlite:///path/to/file or postgresql://user@host/database",
        )
    database = Database(
        name,
        writer,
        reader,
        ThreadPoolExecutor(1, thread_name_prefix=f"{name}-writer"),
        ThreadPoolExecutor(READERS, thread_name_prefix=f"{name}-reader"),
    )
    try:
        yield database
    finally:
        await asyncio.to_thread(database.close)


def _sqlite(url: URL) -> tuple[Engine, Engine]:
    path = Path(url.database or "")
    if not path.name:
        raise Misconfigured("database", "SQLite needs a file: sqlite:///path/to/file")
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return (
        _sqlite_engine(url, begin="BEGIN IMMEDIATE", size=1, pragmas=_WRITER),
        _sqlite_engine(
            url,
            begin="BEGIN",
            size=READERS,
            pragmas=(*_PRAGMAS, "query_only=ON"),
        ),
    )


_PRAGMAS: Final = (
    f"busy_timeout={BUSY_MILLISECONDS}",
    "page_size=8192",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)


_WRITER: Final = (
    *_PRAGMAS,
    "cache_size=-32768",  # KiB
    "wal_autocheckpoint=8192",  # pages: a bulk transaction is 5 MB
)


def _sqlite_engine(
    url: URL, *, begin: str, size: int, pragmas: Sequence[str]
) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"isolation_level": None, "check_same_thread": False},
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    # A deferred BEGIN that later writes fails at once, whatever the busy time-out.
    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _postgresql(url: URL, schema: str) -> tuple[Engine, Engine]:
    def engine(options: str, size: int) -> Engine:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={"options": f"-c search_path={schema} {options}"},
            pool_size=size,
            max_overflow=0,
        )

    writer = engine("", 1)
    with writer.begin() as connection:
        connection.execute(_LOCK, {"name": f"rollbook/{schema}"})
        connection.exec_driver_sql(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    reader = engine(
        "-c default_transaction_read_only=on "
        r"-c default_transaction_isolation=repeatable\ read",
        READERS,
    )
    return writer, reader
