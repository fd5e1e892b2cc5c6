"""Does who waits for an answer learn at once that the connection is gone?"""

import asyncio

import nats.errors
import pytest

from rollbook.ledger.connection import connect
from tests.support.faults import Fault, wire
from tests.support.nats import NatsServer, until_connected


async def test_a_request_in_flight_fails_with_its_connection(
    nats_server: NatsServer,
) -> None:
    seed = nats_server.seed("core-admin")
    async with (
        asyncio.timeout(30),
        wire(nats_server.url) as through,
        connect(through.url, user="core-admin", seed=seed) as client,
    ):
        await until_connected(client)
        through.arm(Fault.LOST, trigger=b"PUB nobody.answers")
        with pytest.raises(nats.errors.ConnectionReconnectingError):
            await client.request("nobody.answers", b"", timeout=600)
        await until_connected(client)
