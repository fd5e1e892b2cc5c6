"""How is the record fed to whoever follows it, without gap or repeat?

From the audit view, then live as that view moves on: a reader who falls behind
simply reads on from the view, and nothing is kept for it here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from typing import Final

from sqlalchemy import Connection

from rollbook.errors import Unavailable
from rollbook_projections.audit.queries import Filter, Row, bodies, head
from rollbook_services.gateway.gateway import Gateway

AT_ONCE: Final = 500
KEEP_ALIVE_SECONDS: Final = 15.0
BYE: Final = b"event: rollbook.bye\ndata: {}\n\n"


async def feed(gateway: Gateway, wanted: Filter, *, after: int) -> AsyncIterator[bytes]:
    """Yield each event once, in order, until the server stops."""
    source = gateway.sources["audit"]
    stopped = asyncio.create_task(gateway.stopping.wait())
    try:
        yield b": the record follows\n\n"
        while not stopped.done():
            rows, position = await source.database.read(
                partial(_page, wanted=wanted, after=after)
            )
            if rows:
                yield b"".join(map(_told, rows))
            if len(rows) == AT_ONCE:
                after = rows[-1]["seq"]
                continue
            after = max(after, position)
            if not await _moved(gateway, after, stopped):
                yield b": still here\n\n"
        yield BYE
    finally:
        stopped.cancel()


def _page(
    connection: Connection, *, wanted: Filter, after: int
) -> tuple[list[Row], int]:
    rows = bodies(connection, wanted, after=after, limit=AT_ONCE)
    return rows, head(connection)


async def _moved(gateway: Gateway, after: int, stopped: asyncio.Task[bool]) -> bool:
    """Wait until the view is beyond a sequence; False when nothing happens."""
    projector = gateway.sources["audit"].projector
    moving = asyncio.create_task(
        projector.wait_for(after + 1, timeout_seconds=KEEP_ALIVE_SECONDS)
    )
    try:
        await asyncio.wait({moving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return moving.done() and moving.exception() is None
    finally:
        moving.cancel()
        with suppress(asyncio.CancelledError, Unavailable):
            await moving


def _told(row: Row) -> bytes:
    # Canonical JSON has no line break, so the stored bytes are one line.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        row["seq"],
        row["type"].encode(),
        bytes(row["body"]),
    )
