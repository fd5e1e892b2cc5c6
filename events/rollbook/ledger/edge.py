"""What may an agent say and hear on NATS?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Final

import nats.errors
from nats.aio import transport
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.commands.wire import CREDENTIAL_HEADER
from rollbook.errors import Unavailable
from rollbook.ledger.asking import request
from rollbook.ledger.bucket import DesiredBucket
from rollbook.ledger.commands import CommandSender
from rollbook.ledger.connection import connect, trusting

LEASE_PREFIX: Final = "rollbook.lease.edge."
WAKE_PREFIX: Final = "rollbook.wake."
LEASE_TIMEOUT_SECONDS: Final = 5.0


@dataclass(slots=True)
class Edge:
    """One agent's connection: desired documents in, leases and commands out."""

    user: str
    credential: str = field(repr=False)
    desired: DesiredBucket
    commands: CommandSender
    client: Client = field(repr=False)

    @property
    def is_connected(self) -> bool:
        """Tell whether the server is there now."""
        return self.client.is_connected

    @property
    def reconnects(self) -> int:
        """Count how often the connection came back; wakes may be missed meanwhile."""
        return self.client.stats["reconnects"]

    async def lease(self, body: bytes) -> bytes:
        """Ask the conductor which keys are there; Unavailable when none answers."""
        try:
            answer = await request(
                self.client,
                LEASE_PREFIX + self.user,
                body,
                timeout_seconds=LEASE_TIMEOUT_SECONDS,
                headers={CREDENTIAL_HEADER: self.credential},
            )
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"no conductor answers ({error!r})") from error
        return answer.data

    async def hear_wakes(
        self, stage: str, target: str, heard: Callable[[bytes], None]
    ) -> None:
        """Call back with each wake message of one target, until the end."""

        async def pass_on(message: Msg) -> None:
            heard(message.data)

        await self.client.subscribe(f"{WAKE_PREFIX}{stage}.{target}", cb=pass_on)
        # Where the server is away now, the subscription follows when it is back.
        with contextlib.suppress(nats.errors.Error):
            await self.client.flush()
        _raise_lost_cancellation()


@asynccontextmanager
async def edge(
    url: str, *, user: str, seed: str, credential: str, authority: str = ""
) -> AsyncIterator[Edge]:
    """Connect as an agent; Unavailable when no server answers.

    `authority` is PEM text; without it the authorities of this machine are trusted.
    """
    tls = trusting(authority) if authority else None
    _allow_websockets(url)
    # A report is kept until it is answered, so nothing may be sent behind our back.
    async with connect(url, user=user, seed=seed, tls=tls, is_appending=True) as client:
        _raise_lost_cancellation()
        yield Edge(
            user=user,
            credential=credential,
            desired=DesiredBucket.in_edge(client),
            commands=CommandSender(client, user=user, zone="edge"),
            client=client,
        )


def _raise_lost_cancellation() -> None:
    """Raise what nats-py swallows where it comes together with an answer."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _allow_websockets(url: str) -> None:
    """Let nats-py find aiohttp again: an agent hides it to save memory."""
    if url.startswith(("ws://", "wss://")):
        with contextlib.suppress(ImportError):
            vars(transport)["aiohttp"] = import_module("aiohttp")
