"""How does a test get three servers that run exactly the files of `deploy/nats`?"""

import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats.errors
from nats.aio.client import Client

from rollbook.ledger.connection import connect, read_seed
from rollbook_services.local.accounts import with_platform
from rollbook_services.local.nats_config import EXAMPLE_CLIENTS, NODES, key_variable
from rollbook_services.local.nats_keys import make_keys, seed_file
from tests.support.certificates import Certificates, make_certificates
from tests.support.nats import started

DEPLOY = Path(__file__).parents[2] / "deploy" / "nats"


@dataclass(slots=True)
class Node:
    """One server of the cluster: its ports stay when it is killed and started."""

    name: str
    folder: Path
    port: int
    route_port: int
    running: AsyncExitStack = field(default_factory=AsyncExitStack)


@dataclass(slots=True)
class NatsCluster:
    """Three servers over TLS, with the users of the example."""

    folder: Path
    certificates: Certificates
    keys: dict[str, str]
    nodes: dict[str, Node]

    @property
    def url(self) -> str:
        return ",".join(f"tls://127.0.0.1:{node.port}" for node in self.nodes.values())

    def seed_file(self, user: str) -> Path:
        return seed_file(self.folder / "keys", user)

    def seed(self, user: str) -> str:
        return read_seed(self.seed_file(user))

    def client(
        self, user: str, *, is_appending: bool = False
    ) -> AbstractAsyncContextManager[Client]:
        return connect(
            self.url,
            user=user,
            seed_file=self.seed_file(user),
            tls=self.certificates.client(),
            is_appending=is_appending,
        )

    async def start(self, name: str) -> None:
        node = self.nodes[name]
        routes = ",".join(
            f"nats-route://127.0.0.1:{other.route_port}"
            for other in self.nodes.values()
            if other is not node
        )
        # The files say 4222 and 6222 on every host; here one host carries all three.
        server = started(
            DEPLOY / "cluster" / f"{name}.conf",
            node.folder,
            [
                *("-a", "127.0.0.1", "-p", str(node.port)),
                *("--cluster", f"nats://127.0.0.1:{node.route_port}"),
                *("--routes", routes),
            ],
            environment=environment(
                self.keys, self.certificates, node.folder / "store"
            ),
        )
        process, _ = await node.running.enter_async_context(server)
        node.running.callback(process.kill)

    async def has_leader(self) -> None:
        """Wait until somebody answers for JetStream: nobody does before an election."""
        async with self.client("core-admin") as admin:
            while True:
                with contextlib.suppress(nats.errors.Error):
                    answer = await admin.request("$JS.API.INFO", timeout=1)
                    if "error" not in json.loads(answer.data):
                        return

    async def kill9(self, name: str) -> None:
        """Kill one server; `start` brings it back with what it had on disk."""
        await self.nodes[name].running.aclose()


def environment(
    keys: dict[str, str], certificates: Certificates, store: Path
) -> dict[str, str]:
    """Fill in what the deployed files leave to the site."""
    return {
        "PATH": os.environ["PATH"],
        "ROLLBOOK_NATS_STORE": str(store),
        "ROLLBOOK_NATS_CERTIFICATE": str(certificates.certificate),
        "ROLLBOOK_NATS_CERTIFICATE_KEY": str(certificates.key),
        "ROLLBOOK_NATS_CA": str(certificates.authority),
        **{key_variable(user): key for user, key in keys.items()},
    }


@asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[NatsCluster]:
    """Start three servers; their streams are not made yet."""
    cluster = NatsCluster(
        folder=folder,
        certificates=make_certificates(folder),
        keys=make_keys(folder / "keys", with_platform(EXAMPLE_CLIENTS)),
        nodes={name: _node(name, folder) for name in NODES},
    )
    async with AsyncExitStack() as stack:
        for name, node in cluster.nodes.items():
            stack.push_async_callback(node.running.aclose)
            await cluster.start(name)
        yield cluster


def _node(name: str, folder: Path) -> Node:
    (folder / name).mkdir()
    return Node(name, folder / name, port=free_port(), route_port=free_port())


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
