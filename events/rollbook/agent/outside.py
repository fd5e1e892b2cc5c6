"""What is an agent given from outside: clocks, ears that hear it, the end?"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import random

from rollbook.agent.metrics import Metrics


def now() -> datetime:
    """Read the agent's clock: it dates reports and orders nothing."""
    return datetime.fromtimestamp(time.time(), UTC)


def tell(word: str, line: str) -> None:
    """Write one transition for people."""
    sys.stdout.write(f"{now():%H:%M:%S}  {word:<10} {line}\n")
    sys.stdout.flush()


@dataclass(slots=True)
class Outside:
    """Two clocks, chance, whom to tell, what to count, and when to stop."""

    is_stopping: Callable[[], bool]
    now: Callable[[], datetime] = now
    monotonic: Callable[[], float] = time.monotonic
    """What all waiting is measured by: nobody sets it."""
    chance: Callable[[], float] = random
    """From 0 up to 1: keeps many agents out of step."""
    tell: Callable[[str, str], None] = tell
    metrics: Metrics = field(default_factory=Metrics)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)

    def tell_once(self, word: str, about: str, line: str) -> bool:
        """Tell it, unless it is what was told last of the same thing."""
        is_news = self._told.get((word, about)) != line
        if is_news:
            self._told[word, about] = line
            self.tell(word, f"{about}: {line}" if about else line)
        return is_news

    def is_over(self, word: str, about: str) -> bool:
        """Forget what was told, so that it is told again; say whether there was."""
        return self._told.pop((word, about), None) is not None
