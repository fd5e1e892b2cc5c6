"""How does a real stream come to hold a million really signed events, in minutes?

Written with the guards and ids of real appends, many in flight, through a server
that syncs every two minutes; what is measured later runs on `sync_interval: always`.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.codec import leaf_hash
from rollbook.ledger import streams
from rollbook.ledger.append import GUARD, MSG_ID
from rollbook.ledger.connection import connect
from rollbook.ledger.protocol import Draft
from rollbook.subjects import Aggregate, subject
from rollbook_services.local.accounts import with_platform
from rollbook_services.local.nats_config import embedded
from rollbook_services.local.nats_keys import make_keys, seed_file
from tests.benchmarks.parts import read_parts
from tests.support.nats import started

IN_FLIGHT: Final = 2_000
_ACCEPTED: Final = b"\x01"  # how a view's running digest marks a valid event
_ANY_PORT: Final = -1


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the ledger holds now."""

    events: int
    aggregates: int
    body_bytes: float
    digest: bytes
    """What a view's running digest has to be at the end."""
    last_body: bytes
    seconds: float

    @property
    def models(self) -> int:
        """Count the models: two aggregates are keys and access."""
        return self.aggregates - 2


async def seed(folder: Path, parts: Iterable[Path]) -> Seeded:
    """Write the files into a fresh ledger in this data directory."""
    async with seeding_server(folder) as url:
        admin = seed_file(folder / "nats", "core-admin")
        async with connect(url, user="core-admin", seed_file=admin) as client:
            await streams.create(client, streams.LEDGER)
            return await _publish(client, parts)


@asynccontextmanager
async def seeding_server(folder: Path) -> AsyncIterator[str]:
    """Run the embedded configuration with one difference: lazy syncing."""
    config = _lazy(folder)
    async with started(config, folder / "nats", []) as (_, url):
        yield url


def _lazy(folder: Path) -> Path:
    users = with_platform(())
    keys = make_keys(folder / "nats", users)
    text = embedded(folder.absolute(), users=users, keys=keys, port=_ANY_PORT)
    assert "sync_interval: always" in text
    config = folder / "nats" / "seeding.conf"
    config.write_text(text.replace("sync_interval: always", "sync_interval: 2m"))
    return config


class _Window:
    """Counts acknowledgements, and makes the writer wait while many are missing."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self._moved = asyncio.Event()

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        if b'"error"' in message.data:
            raise AssertionError(message.data.decode())
        self.acknowledged += 1
        self._moved.set()

    async def until(self, count: int) -> None:
        while self.acknowledged < count:
            self._moved.clear()
            async with asyncio.timeout(60):
                await self._moved.wait()


async def _publish(client: Client, parts: Iterable[Path]) -> Seeded:
    window, inbox = _Window(), client.new_inbox()
    await client.subscribe(inbox, future=cast("asyncio.Future[Any]", window))
    last: dict[Aggregate, int] = {}
    digest, body, sequence, size = bytes(32), b"", 0, 0
    begin = time.perf_counter()
    for decision in read_parts(list(parts)):
        for draft in decision:
            await _send(client, draft, last.get(draft.aggregate, 0), inbox)
            sequence, body = sequence + 1, draft.body
            last[draft.aggregate] = sequence
            leaf = leaf_hash(body).encode()
            digest = hashlib.sha256(digest + _ACCEPTED + leaf).digest()
            size += len(body)
        await window.until(sequence - IN_FLIGHT)
    await client.flush()
    await window.until(sequence)
    seconds = time.perf_counter() - begin
    return Seeded(sequence, len(last), size / sequence, digest, body, seconds)


async def _send(client: Client, draft: Draft, after: int, inbox: str) -> None:
    headers = {MSG_ID: str(draft.id), GUARD: str(after)}
    to = subject(draft.aggregate)
    await client.publish(to, draft.body, reply=inbox, headers=headers)
