"""What is one line of the table of speeds, and how is it written?"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

HEADER: Final = ("what", "measured", "limit, same run", "ratio", "target", "met")


class Sense(StrEnum):
    """Which side of its target a number has to be on."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Target:
    """What a number has to reach; a ratio to the limit may do instead."""

    sense: Sense
    value: float | None = None
    ratio: float | None = None

    def is_met(self, measured: float, ratio: float | None) -> bool:
        """Tell whether either way of reaching it was gone."""
        if self.ratio is not None and ratio is not None and ratio >= self.ratio:
            return True
        if self.value is None:
            return False
        if self.sense is Sense.AT_LEAST:
            return measured >= self.value
        return measured <= self.value

    def __str__(self) -> str:
        """Say it in words."""
        ways = []
        if self.value is not None:
            ways.append(f"{self.sense} {number(self.value)}")
        if self.ratio is not None:
            ways.append(f"ratio ≥ {self.ratio:.2f}")
        return " or ".join(ways)


@dataclass(frozen=True, slots=True)
class Line:
    """One measured number beside what it is held against; no target: information."""

    what: str
    measured: float
    unit: str
    limit: float | None = None
    limit_name: str = ""
    target: Target | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Return measured over limit."""
        return None if self.limit is None else self.measured / self.limit

    @property
    def is_met(self) -> bool | None:
        """Tell whether the target is met; None where there is none."""
        if self.target is None:
            return None
        return self.target.is_met(self.measured, self.ratio)

    def cells(self) -> tuple[str, ...]:
        """Write the line for the table."""
        limit = "" if self.limit is None else number(self.limit)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "NO"}[self.is_met]
        target = "" if self.target is None else str(self.target)
        return (
            self.what,
            f"{number(self.measured)} {self.unit}",
            f"{limit} {self.limit_name}".strip(),
            ratio,
            target,
            met,
        )

    def written(self) -> dict[str, Any]:
        """Write the line for a program."""
        return {
            "what": self.what,
            "measured": self.measured,
            "unit": self.unit,
            "limit": self.limit,
            "limit_name": self.limit_name,
            "ratio": self.ratio,
            "target": None if self.target is None else str(self.target),
            "is_met": self.is_met,
            "note": self.note,
        }


def at_least(value: float | None = None, *, ratio: float | None = None) -> Target:
    """Ask for this much or more, or for this part of the limit."""
    return Target(Sense.AT_LEAST, value, ratio)


def at_most(value: float) -> Target:
    """Ask for this much or less."""
    return Target(Sense.AT_MOST, value)


def number(value: float) -> str:
    """Write a number with three or four meaningful digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which this part of all lies (nearest rank)."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return quantile(values, 0.5)


def table(lines: Sequence[Line]) -> str:
    """Write every line, in columns, with the notes below."""
    rows = [HEADER, *(line.cells() for line in lines)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER))]
    written = [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    written.insert(1, "  ".join("-" * width for width in widths))
    notes = [f"- {line.what}: {line.note}" for line in lines if line.note]
    return "\n".join([*written, *(["", *notes] if notes else [])])
