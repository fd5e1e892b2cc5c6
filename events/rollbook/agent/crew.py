"""Who looks after each model, and who tells them to look?"""

import asyncio
from collections.abc import Callable
from typing import Final

from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.agent.worker import Worker

RESYNC_SPREAD: Final = 0.2


class Crew:
    """A worker for each model that was ever promised."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        *,
        promised: Promised,
        outside: Outside,
        make: Callable[[str], Worker],
    ) -> None:
        """Take where the workers run, and how one is made for a model's own key."""
        self._tasks, self._make = tasks, make
        self._promised, self._outside = promised, outside
        self._workers: dict[str, Worker] = {}
        self._is_over = False

    def wake(self, home: str | None = None) -> None:
        """Let one model be looked at; None: all of them, and what they run."""
        if self._is_over:
            return  # a wake that was under way when it all ended
        for each in self._promised.homes if home is None else [home]:
            worker = self._workers.get(each)
            if worker is None:
                worker = self._workers[each] = self._make(each)
                self._tasks.create_task(worker.run())
            worker.wake(is_resync=home is None)

    def heard(self, key: str, revision: int) -> None:
        """Follow a wake, if it is about this target."""
        home = self._promised.heard(key, revision)
        if home is not None:
            self.wake(home)

    def stop(self) -> None:
        """Let each worker finish its step, and make no other."""
        self._is_over = True
        for worker in self._workers.values():
            worker.wake()

    async def resync_for_ever(self, seconds: float) -> None:
        """Look at everything again and again, never in step with other agents."""
        while True:
            spread = 1 + RESYNC_SPREAD * (2 * self._outside.chance() - 1)
            await asyncio.sleep(seconds * spread)
            self.wake()
