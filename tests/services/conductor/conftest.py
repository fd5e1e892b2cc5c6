"""Which servers, and which memory of a ledger, do the conductor's tests share?"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from rollbook.ledger.bucket import DesiredBucket, LeaseBucket
from rollbook_projections.projector import Projector
from tests.support.conducting import Registrar, projector
from tests.support.nats import NatsServer, running_nats


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def conductors_nats(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("conductor")) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def bucket(conductors_nats: NatsServer) -> AsyncIterator[DesiredBucket]:
    await conductors_nats.fresh()
    async with conductors_nats.client("conductor", is_appending=True) as client:
        yield DesiredBucket.in_core(client)


@pytest_asyncio.fixture(loop_scope="session")
async def leases(conductors_nats: NatsServer) -> AsyncIterator[LeaseBucket]:
    await conductors_nats.fresh()
    async with conductors_nats.client("conductor", is_appending=True) as client:
        yield LeaseBucket(client)


@pytest.fixture
def registrar() -> Registrar:
    return Registrar()


@pytest_asyncio.fixture(loop_scope="session")
async def view(tmp_path: Path) -> AsyncIterator[Projector]:
    async with projector(tmp_path / "view.db") as opened:
        yield opened
