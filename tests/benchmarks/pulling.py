"""A process that reads the whole stream and does nothing with it: the limit.

Two ways: the batched direct get that replay uses, and a pull consumer with two
overlapping requests, which is the fastest that JetStream's own consumers offer.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final, cast

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.ledger.connection import connect
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook_services.local.nats_keys import seed_file
from tests.benchmarks.child import Answer, answer

BATCH: Final = 1_000
OVERLAPPING: Final = 2
CONSUMER: Final = {
    "name": "bench",
    "ack_policy": "none",
    "deliver_policy": "all",
    "mem_storage": True,
    "inactive_threshold": 60_000_000_000,
}


async def work(question: Answer) -> Answer:
    """Read all of it both ways."""
    seed = seed_file(Path(question["folder"]) / "nats", "core-admin")
    async with connect(question["nats"], user="core-admin", seed_file=seed) as client:
        events = await JetStreamLedger(client).head()
        begin = time.perf_counter()
        await _pull(client, events)
        pulled = time.perf_counter() - begin
        begin = time.perf_counter()
        async for _ in JetStreamLedger(client).replay():
            pass
        direct = time.perf_counter() - begin
    return {"pull": events / pulled, "direct": events / direct}


class _Counting:
    def __init__(self, client: Client, subject: str, inbox: str, total: int) -> None:
        self._client, self._subject, self._inbox = client, subject, inbox
        self._total, self.count = total, 0
        self._wanted = asyncio.Event()
        self._asked = 0

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        if message.headers and "Status" in message.headers:
            return
        self.count += 1
        if self.count % BATCH == 0 or self.count == self._total:
            self._wanted.set()

    async def run(self) -> None:
        while self.count < self._total:
            while self._asked < self.count + OVERLAPPING * BATCH:
                body = orjson.dumps({"batch": BATCH, "expires": 20_000_000_000})
                await self._client.publish(self._subject, body, reply=self._inbox)
                self._asked += BATCH
            self._wanted.clear()
            async with asyncio.timeout(60):
                await self._wanted.wait()


async def _pull(client: Client, total: int) -> None:
    inbox = client.new_inbox()
    created = await client.request(
        "$JS.API.CONSUMER.CREATE.LEDGER.bench",
        orjson.dumps(
            {"stream_name": "LEDGER", "config": {"name": "bench", **CONSUMER}}
        ),
        timeout=10,
    )
    assert "error" not in orjson.loads(created.data), created.data
    to = "$JS.API.CONSUMER.MSG.NEXT.LEDGER.bench"
    counting = _Counting(client, to, inbox, total)
    await client.subscribe(inbox, future=cast("asyncio.Future[Any]", counting))
    await counting.run()
    await client.request("$JS.API.CONSUMER.DELETE.LEDGER.bench", timeout=10)


if __name__ == "__main__":
    answer(work)
