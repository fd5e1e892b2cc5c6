"""Which Rollbook do the client's tests share?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollbook.client.client import Client
from tests.events.client.house import House, house


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Run it once for all files of this folder."""
    with house(tmp_path_factory.mktemp("house")) as found:
        yield found


@pytest.fixture
def client(home: House, alone: Path) -> Iterator[Client]:
    """Be a pipeline of alice's in an empty directory."""
    with home.client(home.alice) as connected:
        yield connected
