"""Does the asynchronous client survive cut connections and busy servers?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rollbook.client.async_client import AsyncClient
from rollbook.client.async_transport import AsyncTransport
from rollbook.client.errors import NotFound, Unavailable
from rollbook.client.transport import Transport
from tests.events.client.house import House
from tests.support.canned import canned

SECONDS = 30
DIGEST = "sha256:" + "d" * 64


@dataclass(slots=True)
class Relay:
    """A way to a server that can be cut, now or at its next answer."""

    url: str
    loses_next_answer: bool = False
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        """Break every connection."""
        for writer in self.open:
            writer.transport.abort()
        self.open.clear()

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry one direction until somebody ends it."""
        while content := await reader.read(65536):
            if self.loses_next_answer and content.startswith(b"HTTP/1.1 201"):
                self.loses_next_answer = False
                self.cut()
            writer.write(content)
        writer.close()


@asynccontextmanager
async def relay(url: str) -> AsyncIterator[Relay]:
    to, tasks = urlsplit(url), set[asyncio.Task[None]]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(to.hostname, to.port)
        made.open += [writer, back]
        for ends in ((reader, back), (there, writer)):
            task = asyncio.create_task(made.pass_on(*ends))
            tasks.add(task)

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Relay(f"http://127.0.0.1:{port}")
    try:
        yield made
    finally:
        server.close()
        made.cut()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_feed_goes_on_after_the_connection_was_cut(home: House) -> None:
    async with (
        asyncio.timeout(SECONDS),
        relay(home.url) as way,
        AsyncClient(way.url, token=home.alice) as client,
    ):
        version = await client.register("cut", digest=DIGEST, size=1, uri="s3://c")
        feed = client.follow(model="cut", since=0)
        seen = [await anext(feed), await anext(feed)]
        way.cut()
        await version.promote("development")
        while seen[-1].type != "promotion.succeeded":
            seen.append(await anext(feed))
        await feed.aclose()
    sequences = [event.sequence for event in seen]
    assert sequences == sorted(set(sequences)), "each once, in order"
    assert [event.type for event in seen][:3] == [
        "model.registered",
        "version.registered",
        "promotion.requested",
    ]


async def test_a_lost_answer_does_not_make_a_second_version(home: House) -> None:
    async with (
        asyncio.timeout(SECONDS),
        relay(home.url) as way,
        AsyncClient(way.url, token=home.alice) as client,
    ):
        await client.register("lost", digest=DIGEST, size=1, uri="s3://l")
        way.loses_next_answer = True
        other = "sha256:" + "e" * 64
        made = await client.register("lost", digest=other, size=1, uri="s3://l2")
        assert not way.loses_next_answer
        assert made.number == 2
        assert [each.number for each in await client.model("lost").versions()] == [2, 1]


async def test_a_busy_server_is_asked_again_with_the_same_key(alone: Path) -> None:
    with canned() as server:
        busy = {"code": "unavailable", "detail": "Later."}
        server.answers["POST /v1/models"] = [
            (503, busy),
            (503, busy),
            (201, {"seq": 7}),
        ]
        transport = AsyncTransport(server.url, token="rbk_test")
        await transport.post("/v1/models", {"model": "fraud"}, key="run-1")
        assert [each.headers["Idempotency-Key"] for each in server.heard] == [
            "run-1"
        ] * 3
        with pytest.raises(NotFound):
            await transport.get("/v1/models")
        assert server.heard[-1].query["min_seq"] == ["7"], "it reads what it wrote"
        await transport.aclose()


async def test_a_server_that_is_away_is_named(alone: Path) -> None:
    with canned() as server:
        pass
    transport = AsyncTransport(server.url)
    with pytest.raises(Unavailable, match="does not answer") as away:
        await transport.get("/v1/models")
    assert away.value.exit == 69
    await transport.aclose()


async def test_what_is_only_rehearsed_is_not_waited_for() -> None:
    with canned() as said:
        said.say("POST /v1/models", {"seq": 9, "events": []})
        transport = AsyncTransport(said.url)
        blocking = Transport(said.url)
        await transport.post("/v1/models", {}, dry_run=True)
        blocking.post("/v1/models", {}, dry_run=True)
        assert [heard.query["dry_run"] for heard in said.heard] == [["true"]] * 2
        assert (transport.seen, blocking.seen) == (0, 0)
        await transport.post("/v1/models", {})
        assert ("dry_run" in said.heard[-1].query, transport.seen) == (False, 9)
        await transport.aclose()
        blocking.close()
