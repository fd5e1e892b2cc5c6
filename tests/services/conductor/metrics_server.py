"""How does a test get a metrics server that speaks Prometheus's HTTP API?

A real HTTP server, which says what it was asked and answers what it is told to.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Answer = Callable[[str], Any]


def vector(*values: float | str) -> dict[str, Any]:
    """An answer with so many series of one sample each."""
    result = [
        {"metric": {"series": str(number)}, "value": [1e9, str(value)]}
        for number, value in enumerate(values)
    ]
    return success("vector", result)


def scalar(value: float | str) -> dict[str, Any]:
    return success("scalar", [1e9, str(value)])


def success(kind: str, result: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


@dataclass(slots=True)
class MetricsServer:
    """Answers instant queries; `answer` is a body, bytes, or a status."""

    url: str = ""
    answer: Answer = lambda query: vector()
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while await self._answer_one(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        tokens = [
            line.split(": ", 1)[1] for line in head if line[:5].lower() == "autho"
        ]
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        form = parse_qs(body.decode())
        self.paths.append(head[0])
        self.forms.append(form)
        self.tokens.append(tokens[0] if tokens else None)
        self.asked += form.get("query", [])
        said = self.answer(form["query"][0])
        if said is None:
            await asyncio.Event().wait()  # it hangs
        status, content = (said, b"no") if isinstance(said, int) else (200, _text(said))
        writer.write(
            f"HTTP/1.1 {status} S\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        return True


def _text(said: Any) -> bytes:
    return said if isinstance(said, bytes) else json.dumps(said).encode()


@asynccontextmanager
async def metrics_server() -> AsyncIterator[MetricsServer]:
    made = MetricsServer()
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(made.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    made.url = f"http://{host}:{port}"
    try:
        yield made
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
