"""What do the tests of the command line share?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.canned import Canned, canned


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


@pytest.fixture
def server(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """Let the command line talk to a server that says what it is told to."""
    with canned() as said:
        monkeypatch.setenv("ROLLBOOK_URL", said.url)
        monkeypatch.setenv("ROLLBOOK_TOKEN", "rbk_test")
        yield said
