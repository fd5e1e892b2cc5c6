"""How are names, numbers and modes put into a sentence about rules?"""

from collections.abc import Sequence
from typing import Final

MODES: Final = {"warn": ", which only warns", "observe": ", which is only watched"}


def all_of(names: Sequence[str]) -> str:
    """Join names with `and`; nothing for none."""
    return _joined(names, "and")


def any_of(names: Sequence[str]) -> str:
    """Join names with `or`; nothing for none."""
    return _joined(names, "or")


def people(count: int, role: str) -> str:
    """Say how many people of a role."""
    return f"one {role}" if count == 1 else f"{count} of role {role}"


def one_or_more(count: int, thing: str, *, one: str = "1") -> str:
    """Count things, in the plural where there are several."""
    return f"{one} {thing}" if count == 1 else f"{count} {thing}s"


def _joined(names: Sequence[str], word: str) -> str:
    *most, last = [str(each) for each in names] or [""]
    return f"{', '.join(most)} {word} {last}" if most else last
