"""How long is waited before something is tried again?"""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Final

FIRST_PAUSE_SECONDS: Final = 0.02
LONGEST_PAUSE_SECONDS: Final = 0.5


@dataclass(slots=True)
class Pauses:
    """Waits longer each time, never in step with others, up to a deadline."""

    deadline: float
    """An instant of the monotonic clock."""
    seconds: float = FIRST_PAUSE_SECONDS

    @property
    def is_over(self) -> bool:
        """Tell whether the deadline has passed."""
        return time.monotonic() >= self.deadline

    @property
    def seconds_left(self) -> float:
        """Return how long it is to the deadline."""
        return max(0.0, self.deadline - time.monotonic())

    async def take(self) -> None:
        """Wait once."""
        pause = self.seconds * random.uniform(0.5, 1.0)
        self.seconds = min(self.seconds * 2, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(min(pause, self.seconds_left))


def until(seconds: float) -> Pauses:
    """Start a row of pauses that ends this many seconds from now."""
    return Pauses(time.monotonic() + seconds)
