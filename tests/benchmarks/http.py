"""The thinnest HTTP client: one connection, kept open, no library beneath."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class Http:
    """One connection to one server, with one credential."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str
    token: str

    async def ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send a request; return the body of its answer, or raise for a no."""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Authorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status, *lines = answer.decode().splitlines()
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        found = await self.reader.readexactly(int(headers["content-length"]))
        if not status.startswith("HTTP/1.1 2"):
            raise AssertionError(f"{method} {path}: {status} {found.decode()}")
        return found


@asynccontextmanager
async def http(url: str, token: str) -> AsyncIterator[Http]:
    """Open a connection and close it at the end."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        yield Http(reader, writer, parts.netloc, token)
    finally:
        writer.close()
