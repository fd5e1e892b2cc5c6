"""What does an agent count while it works? Plain numbers, shown when somebody asks."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

APPLIED: Final = "applied"
BOUNDS_SECONDS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 600)


@dataclass(slots=True)
class Metrics:
    """What has happened since the process began."""

    applies: Counter[str] = field(default_factory=Counter)
    """By `applied`, or the reason code."""
    refused: Counter[str] = field(default_factory=Counter)
    """Documents that may not be acted on, by the reason."""
    seconds: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_SECONDS) + 1))
    """How many applies took how long; the last place is for all that took longer."""
    seconds_in_all: float = 0.0

    def count_apply(self, outcome: str, seconds: float) -> None:
        """Count one apply."""
        self.applies[outcome] += 1
        fitting = (n for n, bound in enumerate(BOUNDS_SECONDS) if seconds <= bound)
        self.seconds[next(fitting, len(BOUNDS_SECONDS))] += 1
        self.seconds_in_all += seconds
