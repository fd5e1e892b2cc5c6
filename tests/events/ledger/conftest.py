"""One real server for the tests of this folder, and an empty ledger for each."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.nats import NatsServer, running_nats


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def ledger_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("ledger")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def empty(ledger_server: NatsServer) -> NatsServer:
    """The server, with an empty LEDGER and nothing else."""
    await ledger_server.fresh_ledger()
    return ledger_server
