"""How does a test cut the line between one process and its server?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE_BYTES = 64 * 1024


@dataclass(slots=True)
class Cable:
    """A port that leads to a server while it is plugged in."""

    host: str
    port: int
    near_port: int = 0
    server: asyncio.Server | None = None
    ends: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.near_port}"

    async def plug(self) -> None:
        """Let connections through."""
        self.server = await asyncio.start_server(
            self._lead, "127.0.0.1", self.near_port
        )
        self.near_port = self.server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End every connection, and refuse new ones."""
        if self.server is not None:
            self.server.close()
        for end in [*self.ends]:
            end.transport.abort()

    async def _lead(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(self.host, self.port)
        self.ends |= {writer, far_writer}
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_carry(reader, far_writer))
            tasks.create_task(_carry(far_reader, writer))
        self.ends -= {writer, far_writer}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()


@asynccontextmanager
async def cable(url: str) -> AsyncIterator[Cable]:
    """Lay a cable to a server; its `url` leads there."""
    far = urlsplit(url)
    assert far.hostname
    assert far.port
    laid = Cable(far.hostname, far.port)
    await laid.plug()
    try:
        yield laid
    finally:
        laid.cut()
