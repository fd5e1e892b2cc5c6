"""Which servers do the conductor's tests share?"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.nats import NatsServer, running_nats


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def conductors_nats(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("conductor")) as server:
        yield server
