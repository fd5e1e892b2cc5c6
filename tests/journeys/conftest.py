"""Which installation do the journeys of one file share?"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.journeys.company import Company, company


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def firm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """Run a company; once everybody has left, its ledger must vouch for all of it."""
    async with company(tmp_path_factory.mktemp("firm") / "site") as opened:
        yield opened
        await opened.is_sound()
