"""How is the agent, for whoever asks over HTTP: `/healthz` and `/metrics`?

Two questions, answered without a web framework: one small GET for each connection.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial
from typing import Final

import orjson

from rollbook.agent import scraped
from rollbook.agent.config import Address
from rollbook.agent.metrics import Metrics
from rollbook.agent.standing import Now
from rollbook.errors import Misconfigured

LONGEST_HEAD: Final = 8 * 1024
PATIENCE_SECONDS: Final = 5.0
JSON: Final = "application/json"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"
PLAIN: Final = "text/plain; charset=utf-8"

Answer = tuple[str, str, bytes]
"""Status line, content type, body."""


@asynccontextmanager
async def answering(
    listen: Address, look: Callable[[], Now], counted: Metrics
) -> AsyncIterator[Address]:
    """Answer until the end of the block, and yield the address that was taken.

    Raises Misconfigured when it cannot be taken.
    """
    answer = partial(_answer, look=look, counted=counted)
    try:
        server = await asyncio.start_server(
            partial(_serve, answer=answer), listen.host, listen.port, limit=LONGEST_HEAD
        )
    except OSError as error:
        raise Misconfigured(
            f"listen {listen.host}:{listen.port}",
            f"it cannot be taken ({error.strerror}): name another port",
        ) from error
    async with server:
        host, port, *_ = server.sockets[0].getsockname()
        yield Address(host, port)


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    answer: Callable[[bytes], Answer],
) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            status, kind, body = answer(await _head(reader))
            writer.write(
                f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
                "Connection: close\r\n\r\n".encode()
                + body
            )
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Read up to the empty line; nothing where there is none, or it is too long."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return b""


def _answer(head: bytes, *, look: Callable[[], Now], counted: Metrics) -> Answer:
    words = head.partition(b"\r\n")[0].split(b" ")
    match words:
        case [b"GET", path, b"HTTP/1.1" | b"HTTP/1.0"]:
            return _found(path.partition(b"?")[0], look, counted)
        case [_, _, b"HTTP/1.1" | b"HTTP/1.0"]:
            return "405 Method Not Allowed", PLAIN, b"only GET is answered here\n"
        case _:
            return "400 Bad Request", PLAIN, b"this is no HTTP request\n"


def _found(path: bytes, look: Callable[[], Now], counted: Metrics) -> Answer:
    match path:
        case b"/healthz":
            now = look()
            status = "200 OK" if now.is_alive else "503 Service Unavailable"
            return status, JSON, orjson.dumps(asdict(now))
        case b"/metrics":
            return "200 OK", PROMETHEUS, scraped.text(counted, look())
        case _:
            return "404 Not Found", PLAIN, b"ask for /healthz or /metrics\n"
