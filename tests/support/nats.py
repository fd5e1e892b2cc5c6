"""How does a test get real NATS servers, users and fresh streams?

`running_nats` is the embedded server with the whole account layout (40 to 60 ms to
start, so one per test session); `fresh` gives each test empty streams on it.
`plain_nats` has one account and no users, for what must fail there.
"""

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client

from rollbook.ledger import streams
from rollbook.ledger.connection import connect, read_seed
from rollbook_services.local.accounts import User, agent, feed_reader, pipeline
from rollbook_services.local.nats_server import NatsServer as EmbeddedServer
from rollbook_services.local.nats_server import find_program, nats_server

CLIENTS = (
    agent("agent-staging", stage="staging", target="main"),
    agent("agent-production", stage="production", target="main"),
    pipeline("pipeline"),
    feed_reader("reader"),
)
STREAMS_OF_EDGE = ("FEED", "DESIRED")
STREAMS_OF_CORE = ("KV_DESIRED", "KV_LEASES", "LEDGER")
LOOK_AGAIN_SECONDS = 0.002


@dataclass(slots=True)
class NatsServer:
    """The whole layout, running; open connections as any of its users."""

    embedded: EmbeddedServer
    core_admin: Client
    edge_admin: Client

    @property
    def url(self) -> str:
        return self.embedded.url

    def seed_file(self, user: str) -> Path:
        return self.embedded.seed_file(user)

    def seed(self, user: str) -> str:
        return read_seed(self.seed_file(user))

    def client(
        self, user: str, *, is_appending: bool = False
    ) -> AbstractAsyncContextManager[Client]:
        return connect(
            self.url,
            user=user,
            seed_file=self.seed_file(user),
            is_appending=is_appending,
        )

    async def fresh(self) -> None:
        """Throw every stream away and make them anew, empty, with their durables."""
        for name in STREAMS_OF_EDGE:
            await delete_stream(self.edge_admin, name)
        for name in STREAMS_OF_CORE:
            await delete_stream(self.core_admin, name)
        await streams.provision(
            self.core_admin, self.edge_admin, feed_readers=["reader"]
        )

    async def fresh_ledger(self) -> None:
        """Make LEDGER anew without mirrors and durables: enough to append and load."""
        for name in STREAMS_OF_EDGE:
            await delete_stream(self.edge_admin, name)
        await delete_stream(self.core_admin, "LEDGER")
        bare = streams.Stream(streams.LEDGER.name, streams.LEDGER.settings)
        await streams.create(self.core_admin, bare)

    async def kill9(self) -> None:
        """Kill the server and return when it answers again, as it does by itself."""
        starts = self.embedded.starts
        self.embedded.kill()
        async with asyncio.timeout(30):
            while self.embedded.starts == starts:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        for admin in (self.core_admin, self.edge_admin):
            await until_connected(admin)


@asynccontextmanager
async def running_nats(
    folder: Path, *, clients: Iterable[User] = CLIENTS
) -> AsyncIterator[NatsServer]:
    """Start the embedded server and make its streams."""
    async with nats_server(folder, clients=clients) as embedded:

        def admin(user: str) -> AbstractAsyncContextManager[Client]:
            seed_file = embedded.seed_file(user)
            return connect(embedded.url, user=user, seed_file=seed_file)

        async with admin("core-admin") as core, admin("edge-admin") as edge:
            server = NatsServer(embedded, core, edge)
            await streams.provision(core, edge, feed_readers=["reader"])
            yield server


@asynccontextmanager
async def plain_nats(folder: Path) -> AsyncIterator[str]:
    """Start a server with one account, JetStream and no users; yield its address."""
    async with started(_plain(folder), folder, ["-p", "-1"]) as (_, url):
        yield url


def _plain(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "plain.conf"
    config.write_text(
        'host: "127.0.0.1"\n'
        f"jetstream {{ store_dir: {json.dumps(str(folder))}, sync_interval: always }}\n"
    )
    return config


@asynccontextmanager
async def started(
    config: Path,
    folder: Path,
    arguments: Iterable[str],
    *,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Start nats-server with a configuration file, and stop it at the end."""
    log = folder / "server.log"
    process = await asyncio.create_subprocess_exec(
        find_program(),
        *("-c", str(config), "--ports_file_dir", str(folder), "-l", str(log)),
        *arguments,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            address = await _address(process, folder)
        yield process, address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, folder: Path) -> str:
    file = folder / f"nats-server_{process.pid}.ports"
    while True:
        assert process.returncode is None, (folder / "server.log").read_text()
        try:
            address: str = json.loads(file.read_text())["nats"][0]
        except (FileNotFoundError, ValueError):
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
        else:
            return address


async def ask(client: Client, subject: str, body: object = None) -> dict[str, Any]:
    """Ask JetStream something and read its JSON answer, errors included."""
    payload = b"" if body is None else json.dumps(body).encode()
    answer: dict[str, Any] = json.loads(
        (await client.request(subject, payload, timeout=5)).data
    )
    return answer


async def delete_stream(admin: Client, name: str) -> None:
    await ask(admin, f"$JS.API.STREAM.DELETE.{name}")


async def processed(client: Client) -> None:
    """Return when the server has dealt with all that this client sent so far.

    Twice, because nats-py writes the ping of a flush ahead of publishes that are still
    in its buffer; these are gone when the first pong is here.
    """
    await client.flush()
    await client.flush()


async def until_connected(client: Client) -> None:
    """Wait until a connection answers; while it is away, its calls fail at once."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(nats.errors.Error):
                if client.is_connected:
                    await client.flush(timeout=1)
                    return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
