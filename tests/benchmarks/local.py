"""How is a whole local installation run in a process of its own, and entered?"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import child


@dataclass(frozen=True, slots=True)
class Local:
    """Where it answers, as whom, and a look at its peak memory."""

    folder: Path
    url: str
    nats: str
    token: str
    peak: Callable[[], float]


@asynccontextmanager
async def local(folder: Path, places: Sequence[str] = ()) -> AsyncIterator[Local]:
    """Run everything over an empty ledger until the end of the block.

    `places` are targets, as `stage/target`, whose agents may enter.
    """
    question = {"folder": folder, "places": places}
    async with child.serving("everything", **question) as peak:
        given = _credentials(folder)
        yield Local(folder, given["url"], given["nats_url"], given["token"], peak)


def _credentials(folder: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((folder / "credentials.json").read_text())
    return found
