"""How far has an artifact come, and when is that worth a line?"""

from collections.abc import Callable
from typing import Final

from rollbook.agent.artifacts.watched import LOOK_SECONDS, Work

Told = Callable[[str, str], None]
"""Gets a word and a line for people, as the agent tells its own transitions."""
EVERY_SECONDS: Final = 1.0
EVERY_PERCENT: Final = 10
MIB: Final = 1024 * 1024


class Teller:
    """Tells at most every second, or for every tenth part."""

    def __init__(self, what: str, told: Told) -> None:
        """Take what is fetched, and whom to tell."""
        self._what, self._told = what, told
        self._looks, self._percent = 0, 0

    def look(self, work: Work) -> None:
        """Look at the work, as often as `watched` does."""
        self._looks += 1
        if not work.total_bytes or work.done_bytes >= work.total_bytes:
            return
        percent = 100 * work.done_bytes // work.total_bytes
        is_due = self._looks * LOOK_SECONDS >= EVERY_SECONDS
        if percent == self._percent or not (
            is_due or percent >= self._percent + EVERY_PERCENT
        ):
            return
        self._looks, self._percent = 0, percent
        self._told(
            "fetching",
            f"{self._what}  {percent} %, {work.done_bytes / MIB:.1f} of "
            f"{work.total_bytes / MIB:.1f} MiB",
        )
