"""Where do commands go in a benchmark, and with which credential?"""

import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from nats.aio.client import Client

from rollbook import catalogue
from rollbook.commands.access import IssueToken
from rollbook.commands.wire import CREDENTIAL_HEADER, AnyCommand, Request
from rollbook.ledger import streams
from rollbook.ledger.connection import connect
from rollbook.names import CommandId, Principal, RoleName
from rollbook.tokens import new_token
from rollbook_services.local.accounts import pipeline
from rollbook_services.local.nats_keys import seed_file
from rollbook_services.local.nats_server import nats_server

USER: Final = "pipeline"


@dataclass(slots=True)
class Pipeline:
    """A publisher's connection; every command it sends is recorded or raises."""

    client: Client
    token: str
    speaks_as: str = f"edge.{USER}"

    async def send(self, id_: str, command: AnyCommand) -> int:
        """Have a command recorded; return its last sequence."""
        reply = await self._ask(command.command, written(id_, command))
        sequence: int = reply["sequence"]
        return sequence

    async def events(self, id_: str, command: AnyCommand) -> list[dict[str, Any]]:
        """Have a command recorded; return the events as they are stored."""
        reply = await self._ask(command.command, written(id_, command))
        events: list[dict[str, Any]] = reply["events"]
        return [{k: v for k, v in each.items() if k != "sequence"} for each in events]

    async def _ask(self, name: str, body: bytes) -> dict[str, Any]:
        answer = await self.client.request(
            f"rollbook.command.{self.speaks_as}.{name}",
            body,
            timeout=30,
            headers={CREDENTIAL_HEADER: self.token},
        )
        reply: dict[str, Any] = orjson.loads(answer.data)
        if reply["status"] != "done":
            raise AssertionError(reply)
        return reply


def written(id_: str, command: AnyCommand) -> bytes:
    """Write a request as it goes over the wire."""
    return Request(id=CommandId(id_), command=command).model_dump_json().encode()


@dataclass(frozen=True, slots=True)
class Place:
    """A server with empty streams, and a token that the first registrar issues."""

    folder: Path
    nats: str
    token: str
    issued: str

    def asked(self) -> dict[str, object]:
        """Tell a registrar's process where it is and which token it issues."""
        return {"folder": self.folder, "nats": self.nats, "tokens": [self.issued]}

    def connect(self, user: str) -> AbstractAsyncContextManager[Client]:
        """Open a connection as one user."""
        seed = seed_file(self.folder / "nats", user)
        return connect(self.nats, user=user, seed_file=seed)


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Run the embedded server, sync always, with our streams on it."""
    async with nats_server(folder, clients=[pipeline(USER)]) as server:
        here = place_at(folder, server.url)
        admins = here.connect("core-admin"), here.connect("edge-admin")
        async with admins[0] as core, admins[1] as edge:
            await streams.provision(core, edge)
        yield here


def place_at(folder: Path, nats: str) -> Place:
    """Describe a server that runs already; make a token for it."""
    catalogue.load()
    text, id_, sha256 = new_token(secrets.token_bytes(10), secrets.token_bytes(32))
    issue = IssueToken(
        token=id_,
        sha256=sha256,
        principal=Principal(f"svc:{USER}"),
        roles=(RoleName("publisher"),),
        until=datetime.now(UTC) + timedelta(days=1),  # noqa: TID251
    )
    return Place(folder, nats, text, issue.model_dump_json())


@asynccontextmanager
async def publishing(at: Place) -> AsyncIterator[Pipeline]:
    """Connect as the pipeline."""
    async with at.connect(USER) as client:
        yield Pipeline(client, at.token)
