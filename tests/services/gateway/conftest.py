"""Which parts do the tests of the gateway share?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.services.gateway.house import House, house
from tests.support.nats import NatsServer


@pytest_asyncio.fixture(loop_scope="session")
async def home(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, nats_server) as opened:
        yield opened
