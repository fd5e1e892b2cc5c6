"""How does the gateway become an app, and how does it run inside a loop and stop?

An open event stream would keep uvicorn from stopping, so streams are told first
(design/surfaces.md §8).
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import APIRouter, FastAPI

from rollbook.errors import Misconfigured
from rollbook_services.gateway import problems, schemas
from rollbook_services.gateway.gateway import Gateway
from rollbook_services.gateway.routes import (
    access,
    bundles,
    commands,
    events,
    experiments,
    explaining,
    fleet,
    freezes,
    health,
    installation,
    lanes,
    lineage,
    models,
    policies,
    projections,
    promotions,
    targets,
    waivers,
)

VERSION: Final = "1"
GRACE_SECONDS: Final = 3


def make_app(gateway: Gateway) -> FastAPI:
    """Make the app; its documents are its own, nothing is loaded from elsewhere."""
    app = FastAPI(
        title="Rollbook",
        version=VERSION,
        description="The ledger of models' lives: ask, and read what is and was.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.gateway = gateway
    app.state.parameters = {}
    problems.install(app)
    under_v1 = APIRouter(prefix="/v1")
    for resource in (
        models,
        lanes,
        promotions,
        explaining,
        policies,
        freezes,
        waivers,
        bundles,
        fleet,
        targets,
        experiments,
        lineage,
        events,
        access,
        installation,
        projections,
        commands,
    ):
        under_v1.include_router(resource.router)
    app.include_router(under_v1)
    app.include_router(health.router)
    app.openapi = lambda: schemas.document(app)  # type: ignore[method-assign]
    return app


class Server(uvicorn.Server):
    """uvicorn, in a loop that belongs to somebody else."""

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        """Take the event that every open stream waits on."""
        super().__init__(config)
        self._stopping = stopping
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        """Leave signals to whoever owns the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the streams, then wait for the requests in hand."""
        self._stopping.set()
        await super().shutdown(sockets)


@asynccontextmanager
async def serve(
    gateway: Gateway, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Answer HTTP while the context is open; yield the address."""
    listening = _listen(host, port)
    config = uvicorn.Config(
        make_app(gateway),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = Server(config, gateway.stopping)
    running = asyncio.create_task(server.serve([listening]), name="gateway")
    try:
        await _first(running, server.listening)
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listening.getsockname()[1]}"
    finally:
        gateway.jobs.stop()
        server.should_exit = True
        await running
        listening.close()


async def _first(running: asyncio.Task[None], listening: asyncio.Event) -> None:
    """Wait until the server listens; raises what kept it from that."""
    waiting = asyncio.create_task(listening.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        await running


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Misconfigured(
            "server.port",
            f"{host}:{port} cannot be listened on ({error.strerror}): "
            "choose another port, or 0 for a free one",
        ) from error
    return listening
