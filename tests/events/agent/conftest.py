"""Which servers do the agent's tests share?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.agents import EdgeSite, edge_site
from tests.support.nats import NatsServer, running_nats


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def agents_nats(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("agents")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def site(agents_nats: NatsServer, tmp_path: Path) -> AsyncIterator[EdgeSite]:
    async with edge_site(agents_nats, tmp_path) as made:
        yield made
