"""How does a test lose a request before the server, or an answer on its way back?

A `Wire` is a TCP proxy in front of a real server: bytes pass until a fault is armed
that looks for its trigger in what the client sends.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What happens to a write, once."""

    LOST = "lost"
    """The connection breaks before the server sees it."""
    KEPT_BUT_UNACKNOWLEDGED = "kept-but-unacknowledged"
    """The server keeps it, and the connection breaks before its answer passes."""
    ANSWER_DROPPED = "answer-dropped"
    """The server keeps it; the connection lives, yet no answer ever comes."""


@dataclass(slots=True)
class Wire:
    """One address that leads to the server, and the fault that waits on it."""

    host: str
    port: int
    url: str = ""
    fault: Fault | None = None
    trigger: bytes = b"HPUB "
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    listener: asyncio.Server | None = None

    def refuse_new_connections(self) -> None:
        """Let the open connections be the last ones."""
        assert self.listener is not None
        self.listener.close()

    def arm(self, fault: Fault, *, trigger: bytes = b"HPUB ") -> None:
        """Strike at the next bytes of the client that hold the trigger."""
        self.fault, self.trigger = fault, trigger
        self.struck.clear()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Lead one connection to the server and back, until either side ends it."""
        try:
            from_server, to_server = await asyncio.open_connection(self.host, self.port)
        except OSError:
            writer.close()
            return
        there = _Way(reader, to_server)
        back = _Way(from_server, writer)
        returning = asyncio.create_task(back.pass_on_answers())
        try:
            await self._pass_on_requests(there, back)
        finally:
            returning.cancel()
            for each in (to_server, writer):
                each.close()

    async def _pass_on_requests(self, there: "_Way", back: "_Way") -> None:
        with contextlib.suppress(OSError):
            while sent := await there.reader.read(65536):
                fault = self._strikes(sent)
                if fault is Fault.LOST:
                    return
                back.swallows = fault is not None
                await there.write(sent)
                if fault is Fault.KEPT_BUT_UNACKNOWLEDGED:
                    async with asyncio.timeout(10):
                        await back.swallowed.wait()
                    return

    def _strikes(self, sent: bytes) -> Fault | None:
        if self.fault is None or self.trigger not in sent:
            return None
        fault, self.fault = self.fault, None
        self.struck.set()
        return fault


@dataclass(slots=True)
class _Way:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    swallows: bool = False
    """Whether the next answer is dropped."""
    swallowed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def pass_on_answers(self) -> None:
        with contextlib.suppress(OSError):
            while answer := await self.reader.read(65536):
                if self.swallows and b"MSG " in answer:
                    self.swallows = False
                    self.swallowed.set()
                else:
                    await self.write(answer)
        self.writer.close()


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    """Open a proxy to the server at this address."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    through = Wire(address.hostname, address.port)
    listener = await asyncio.start_server(through.carry, "127.0.0.1", 0)
    through.listener = listener
    through.url = f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield through
    finally:
        listener.close()
