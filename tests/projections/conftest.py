"""Which databases do the tests of views run on?"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import fresh_postgres, postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'view.db'}"
        return
    server: str = request.getfixturevalue("postgres_url")
    with fresh_postgres(server, f"test_{uuid.uuid4().hex}") as url:
        yield url
