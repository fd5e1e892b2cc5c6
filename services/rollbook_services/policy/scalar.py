"""What does a word without quotation marks mean in a policy file?

YAML readers disagree about `no`, `010`, `1:30` and `1e5`: such words are refused.
"""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rollbook.names import LARGEST

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]*")
_FRACTION: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_LIKE_A_NUMBER: Final = re.compile(
    r"""[-+]?0[xXoObB][0-9a-fA-F_]+
    | [-+]?[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
    | [-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [-+]?\.(?:inf|Inf|INF)
    | \.(?:nan|NaN|NAN)
    """,
    re.VERBOSE,
)
_LIKE_A_BOOLEAN: Final = frozenset(
    {"true", "false", "yes", "no", "on", "off", "y", "n"}
)
_MEANT: Final = {"true": True, "false": False, "null": None}
_LONGEST_SHOWN: Final = 40

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Unclear:
    """A word that readers of YAML take for different things."""

    message: str
    remedy: str


def understand(word: str) -> Scalar | Unclear:
    """Read a word that stands without quotation marks."""
    if word in _MEANT:
        return _MEANT[word]
    if _WHOLE.fullmatch(word) or _FRACTION.fullmatch(word):
        return _number(word)
    shown = word[:_LONGEST_SHOWN]
    if not word:
        return Unclear("nothing is written here", "write a value, or leave the key out")
    if word.lower() in _LIKE_A_BOOLEAN:
        return Unclear(
            f"`{shown}` is a truth value to some readers and a text to others",
            f'write true or false, or write it in quotation marks: "{shown}"',
        )
    if word == "~" or word.lower() == "null":
        return Unclear(
            f"`{shown}` is nothing to some readers and a text to others",
            f'write null, or write it in quotation marks: "{shown}"',
        )
    if _LIKE_A_NUMBER.fullmatch(word):
        return Unclear(
            f"`{shown}` is not the same number to every reader",
            "write a number in plain digits, as 10 or 0.5; "
            f'for a text write it in quotation marks: "{shown}"',
        )
    return word


def write_number(number: float) -> str:
    """Write a number so that `understand` reads the same one; ValueError if none is."""
    if isinstance(number, int):
        return str(number)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number of a policy")
    plain = format(Decimal(repr(number)), "f")
    return plain if "." in plain else f"{plain}.0"


def _number(word: str) -> int | float | Unclear:
    # A longer word is beyond the limit, and a very long one no int at all.
    is_whole = "." not in word
    if is_whole and len(word) <= len(str(-LARGEST)) and abs(int(word)) <= LARGEST:
        return int(word)
    if not is_whole and math.isfinite(fraction := float(word)):
        return fraction
    return Unclear(
        f"`{word[:_LONGEST_SHOWN]}` is larger than the ledger can hold",
        "write a smaller number, or write it in quotation marks",
    )
