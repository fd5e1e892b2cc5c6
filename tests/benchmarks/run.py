"""What is one run of the benchmarks told, and where does it work?"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ORIGIN: Final = "bench.rollbook.local"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: how much, and a folder that is removed at its end."""

    folder: Path
    events: int
    is_quick: bool
    engines: tuple[str, ...]
    views: tuple[str, ...] = ("stage", "lineage", "audit")

    def say(self, text: str) -> None:
        """Tell who waits what is going on."""
        print(f"… {text}", file=sys.stderr, flush=True)

    @contextmanager
    def timer(self) -> Iterator[Callable[[], float]]:
        """Measure the block; ask for the seconds after it."""
        begin, end = time.perf_counter(), 0.0
        yield lambda: end - begin
        end = time.perf_counter()
