"""What do the tests of the command line share?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.canned import Canned, canned


@pytest.fixture
def server(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """Let the command line talk to a server that says what it is told to."""
    with canned() as said:
        monkeypatch.setenv("ROLLBOOK_URL", said.url)
        monkeypatch.setenv("ROLLBOOK_TOKEN", "rbk_test")
        yield said
