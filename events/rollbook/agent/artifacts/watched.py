"""How does blocking work end when nobody waits for it any more?

Libraries that read from elsewhere block, and some hang. The work runs in a thread of
its own; whoever waits looks at it, and leaves it behind when it stands still.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, TypeVar

from rollbook.agent.driver import Interrupted

T = TypeVar("T")
LOOK_SECONDS: Final = 0.1
FAREWELL_SECONDS: Final = 1.0


class StoodStill(TimeoutError):
    """The work has not moved for too long; its thread ends when it wakes."""


@dataclass(slots=True)
class Work:
    """What the thread and who waits for it tell each other."""

    is_over: bool = False
    """Set by who waited: the work stops before its next piece."""
    moves: int = 0
    """Raised by the thread: it is not stuck."""
    done_bytes: int = 0
    total_bytes: int = 0

    def move(self, done_bytes: int = 0) -> None:
        """Say that a piece is done; Interrupted when nobody waits for the next."""
        self.moves += 1
        self.done_bytes += done_bytes
        if self.is_over:
            raise Interrupted("stopped between two pieces")


async def watched(
    run: Callable[[Work], T],
    *,
    is_stopping: Callable[[], bool],
    look: Callable[[Work], None],
    stall_seconds: float,
) -> T:
    """Run in a thread and look at it many times a second.

    Raises what it raises; Interrupted when the agent stops, StoodStill when it hangs.
    """
    if is_stopping():
        raise Interrupted("stopped before anything was fetched")
    loop, work = asyncio.get_running_loop(), Work()
    promised: Future[T] = Future()
    threading.Thread(target=_run, args=(run, work, promised), daemon=True).start()
    done = asyncio.wrap_future(promised)
    moves, moved_at = 0, loop.time()
    try:
        while not done.done():
            await asyncio.wait({done}, timeout=LOOK_SECONDS)
            look(work)
            if work.moves != moves:
                moves, moved_at = work.moves, loop.time()
            if is_stopping() and not done.done():
                work.is_over = True
                await asyncio.wait({done}, timeout=FAREWELL_SECONDS)
                raise Interrupted("stopped while fetching")
            if loop.time() - moved_at > stall_seconds and not done.done():
                raise StoodStill(f"nothing came for {stall_seconds:g} s")
        return done.result()
    finally:
        work.is_over = True
        if not done.cancel() and not done.cancelled():
            done.exception()  # it was looked at: nothing is left to complain about


def _run(run: Callable[[Work], T], work: Work, promised: Future[T]) -> None:
    promised.set_running_or_notify_cancel()  # from now on it cannot be cancelled
    try:
        promised.set_result(run(work))
    except BaseException as error:  # noqa: BLE001  raised where somebody waits
        promised.set_exception(error)
