"""What does every test share: how many examples, one real nats-server, no settings?

`ROLLBOOK_TEST_PROFILE` or `--hypothesis-profile` chooses: quick (default), ci, deep.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from hypothesis import HealthCheck, settings

from rollbook import catalogue
from tests.support.nats import NatsServer, running_nats

catalogue.load()

_SLOW_MACHINES = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "quick", max_examples=25, deadline=None, suppress_health_check=_SLOW_MACHINES
)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,  # no commit fails by luck
    suppress_health_check=_SLOW_MACHINES,
)
settings.register_profile(
    "deep", max_examples=5_000, deadline=None, suppress_health_check=_SLOW_MACHINES
)
settings.load_profile(os.environ.get("ROLLBOOK_TEST_PROFILE", "quick"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[NatsServer]:
    """Run one server for each worker; a test makes its streams anew."""
    async with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """Undo what a program under test says of the log: its streams end with the test."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty directory, as a user without any settings."""
    for name in ("URL", "TOKEN", "TOKEN_FILE", "DATA", "OUTPUT"):
        monkeypatch.delenv(f"ROLLBOOK_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work
