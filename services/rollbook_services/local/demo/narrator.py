"""How does the demo speak, and how does it make sure that what it says is true?"""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TextIO, TypeVar

from rollbook.errors import RollbookError

Found = TypeVar("Found")
WAIT_SECONDS: Final = 30.0
_LOOK_EVERY_SECONDS: Final = 0.05


class UntrueClaim(RollbookError):
    """The demo was about to say what is not so."""

    def __init__(self, claim: str, found: object) -> None:
        """Hold the claim and what was found instead."""
        self.claim, self.found = claim, found
        super().__init__(f"this should be true and is not: {claim} (found: {found!r})")


class Narrator:
    """Writes plain sentences; a claim is checked before it is written."""

    def __init__(self, out: TextIO) -> None:
        """Write to this stream, and begin to count the time."""
        self._out = out
        self._began = time.monotonic()
        self.claims = 0
        """How many claims were checked and found true."""

    def act(self, title: str) -> None:
        """Begin a part of the story."""
        self._write(f"\n{self.seconds:5.1f} s  {title}")

    def say(self, sentence: str) -> None:
        """Say what happens and why; no fact that could be wrong."""
        self._write(f"         {sentence}")

    def claim(self, sentence: str, fact: bool, found: object = None) -> None:
        """Say what is true; raises UntrueClaim when it is not."""
        if not fact:
            raise UntrueClaim(sentence, found)
        self.claims += 1
        self._write(f"       ✓ {sentence}")

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Show an answer as a table."""
        cells = [list(titles), *([str(cell) for cell in row] for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(titles))]
        for row in cells:
            line = "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            self._write(f"           {line.rstrip()}")

    @property
    def seconds(self) -> float:
        """Return how long the story has taken."""
        return time.monotonic() - self._began

    def _write(self, line: str) -> None:
        self._out.write(line + "\n")
        self._out.flush()


def wait_for(
    what: str,
    look: Callable[[], Found],
    is_there: Callable[[Found], bool],
    *,
    limit_seconds: float = WAIT_SECONDS,
) -> Found:
    """Look until it is there; raises UntrueClaim with the last thing seen."""
    deadline = time.monotonic() + limit_seconds
    while True:
        found = look()
        if is_there(found):
            return found
        if time.monotonic() > deadline:
            raise UntrueClaim(f"{what} within {limit_seconds:g} s", found)
        time.sleep(_LOOK_EVERY_SECONDS)
