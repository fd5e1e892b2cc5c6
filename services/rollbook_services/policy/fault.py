"""What is wrong with a policy file, where, and what should stand there instead?"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from rollbook.refusals import one_of


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and what its writer can do about it."""

    path: str
    """Where, as `spec.stages[1].gates[0].on_missing`; empty: the whole file."""
    line: int | None
    """From 1; None where there is no text, only the object."""
    message: str
    remedy: str

    def __str__(self) -> str:
        """Write it as people read it."""
        line = f"line {self.line}" if self.line is not None else ""
        place = ", ".join(part for part in (self.path, line) if part)
        said = f"{self.message}; {self.remedy}"
        return f"{place}: {said}" if place else said


def nearest(written: object, known: Iterable[str]) -> str:
    """Advise the closest of the words that are known, else all of them."""
    words = sorted(known)
    close = get_close_matches(str(written), words, n=1)
    if close:
        return f"did you mean `{close[0]}`?"
    return f"write {choice(words)}" if words else "leave it out"


def choice(words: Iterable[str]) -> str:
    """Write a choice: `a`, `b` or `c`."""
    return one_of([f"`{word}`" for word in words])
