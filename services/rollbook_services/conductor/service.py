"""How does the conductor follow the ledger, act on it, and answer agents?"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from faststream.nats import NatsBroker, NatsMessage

from rollbook.commands.wire import CREDENTIAL_HEADER
from rollbook.ledger.edge import LEASE_PREFIX
from rollbook.ledger.protocol import Ledger
from rollbook_projections.projector import Projector
from rollbook_projections.service import Follower, follow
from rollbook_services.conductor import leases
from rollbook_services.conductor.conductor import Conductor

QUEUE: Final = "conductor"


@asynccontextmanager
async def serve(
    broker: NatsBroker,
    projector: Projector,
    ledger: Ledger,
    conductor: Conductor,
    *,
    now: Callable[[], datetime],
) -> AsyncIterator[Follower]:
    """Conduct while the context is open; any number may, each with its own database.

    `projector` keeps `declaration.CONDUCTOR`; `broker` and `ledger` act as the user
    `conductor`. Raises InvalidLedger when the database belongs to another ledger.
    """

    @broker.subscriber(f"{LEASE_PREFIX}*", queue=QUEUE, decoder=_as_it_is)
    async def lease(message: NatsMessage) -> bytes:
        answer = await projector.database.read(
            leases.answer,
            message.body,
            subject=message.raw_message.subject,
            credential=message.headers.get(CREDENTIAL_HEADER, ""),
            at=now(),
        )
        return answer.model_dump_json().encode()

    async with (
        follow(broker, projector, ledger) as follower,
        asyncio.TaskGroup() as tasks,
    ):
        acting = tasks.create_task(conductor.run())
        try:
            yield follower
        finally:
            acting.cancel()


async def _as_it_is(message: NatsMessage) -> NatsMessage:
    """Leave decoding to us: what cannot be read is answered, too."""
    return message
