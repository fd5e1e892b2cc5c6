"""Which shapes does a policy file share: its strictness, its durations, its words?"""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
_DURATION: Final = re.compile(r"(?:[0-9]{1,6}[smhd]){1,8}")
_PART: Final = re.compile(r"([0-9]+)([smhd])")
_LONGEST: Final = timedelta(days=3660)


class Shape(BaseModel):
    """A part of a policy file: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True
    )


@dataclass(frozen=True, slots=True)
class Expected:
    """What should stand at a place, where its type says too little."""

    what: str


def is_absent(value: object) -> bool:
    """Leave out what nobody wrote: a policy's digest outlives new keys."""
    return value is None


def read_duration(written: object) -> object:
    """Read `90m`, `1d12h`, `30s`; ValueError for what is no duration."""
    if isinstance(written, timedelta):
        return written
    if not isinstance(written, str) or _DURATION.fullmatch(written) is None:
        raise ValueError("write a duration like 30m, 24h, 14d or 1d12h")
    seconds = sum(int(many) * _UNITS[unit] for many, unit in _PART.findall(written))
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"write a duration of at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def write_duration(length: timedelta) -> str:
    """Write a duration as a policy file does, whole seconds."""
    left, parts = int(length.total_seconds()), []
    for unit in "dhm":
        many, left = divmod(left, _UNITS[unit])
        parts += [f"{many}{unit}"] if many else []
    return "".join(parts + ([f"{left}s"] if left or not parts else []))


Duration = Annotated[
    timedelta,
    BeforeValidator(read_duration),
    PlainSerializer(write_duration, return_type=str),
]


class Mode(StrEnum):
    """What a gate that does not pass does (design/promotion.md §4.3)."""

    ENFORCE = "enforce"
    WARN = "warn"
    OBSERVE = "observe"


class Queue(StrEnum):
    """Which of several promotions for one lane goes on."""

    LATEST = "latest"
    FIFO = "fifo"
    SINGLE = "single"


class OnRebase(StrEnum):
    """What becomes of a promotion when another version went live meanwhile."""

    END = "end"
    REVALIDATE = "revalidate"


class AutoPromote(StrEnum):
    """Which version automation asks for."""

    NEVER = "never"
    NEWEST_ELIGIBLE = "newest_eligible"
    MATCH_UPSTREAM = "match_upstream"
