"""How does the conductor follow the ledger, act on it, and answer agents?"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from faststream.nats import NatsBroker, NatsMessage

from rollbook.commands.wire import CREDENTIAL_HEADER
from rollbook.ledger.edge import LEASE_PREFIX
from rollbook.ledger.protocol import Ledger
from rollbook_projections.projector import Projector
from rollbook_projections.service import Follower, follow
from rollbook_services.conductor.leases import Leases

QUEUE: Final = "conductor"


class Task(Protocol):
    """Something a conductor does all the time."""

    async def run(self) -> None:
        """Do it for ever."""


@asynccontextmanager
async def serve(
    broker: NatsBroker,
    projector: Projector,
    ledger: Ledger,
    leases: Leases,
    tasks: Iterable[Task],
) -> AsyncIterator[Follower]:
    """Conduct while the context is open; any number may, each with its own database.

    `projector` keeps `declaration.CONDUCTOR`; `broker` and `ledger` act as the user
    `conductor`. Raises InvalidLedger when the database belongs to another ledger.
    """

    @broker.subscriber(f"{LEASE_PREFIX}*", queue=QUEUE, decoder=_as_it_is)
    async def lease(message: NatsMessage) -> bytes:
        answer = await leases.answer(
            message.body,
            subject=message.raw_message.subject,
            credential=message.headers.get(CREDENTIAL_HEADER, ""),
        )
        return answer.model_dump_json().encode()

    async with (
        follow(broker, projector, ledger) as follower,
        asyncio.TaskGroup() as group,
    ):
        acting = [group.create_task(task.run()) for task in tasks]
        try:
            yield follower
        finally:
            for task in acting:
                task.cancel()


async def _as_it_is(message: NatsMessage) -> NatsMessage:
    """Leave decoding to us: what cannot be read is answered, too."""
    return message
