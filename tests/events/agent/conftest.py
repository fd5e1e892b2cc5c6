"""Which servers do the agent's tests share?"""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.agents import EdgeSite, edge_site
from tests.support.files_driver import FilesDriver
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


@pytest.fixture
def files(site: EdgeSite) -> FilesDriver:
    return FilesDriver(site.root)


@pytest.fixture
def unused_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
