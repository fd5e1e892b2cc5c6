"""When is one model looked at, and what if that cannot be done now?

Each model has a worker of its own: one slow artifact keeps no other model waiting,
and of one model never two steps are done at a time.
"""

import asyncio
import contextlib
from typing import Final

from rollbook.agent.apply import Superseded
from rollbook.agent.documents import Documents, Reader
from rollbook.agent.driver import Interrupted
from rollbook.agent.lease import LeaseKeeper
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.agent.reconcile import Reconciler
from rollbook.errors import Unavailable
from rollbook.ledger.edge import Edge

MIRROR_LAG_SECONDS: Final = 2.0
FIRST_LOOK_SECONDS: Final = 0.002
LOOK_AGAIN_SECONDS: Final = 0.02
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0


class Worker:
    """Follows one model until the agent stops."""

    def __init__(
        self,
        home: str,
        edge: Edge,
        *,
        promised: Promised,
        reader: Reader,
        reconciler: Reconciler,
        outside: Outside,
        lease: LeaseKeeper,
        at_once: asyncio.Semaphore,
    ) -> None:
        """Take the key of the model's own lane, and what all workers share."""
        self._home, self._edge, self._promised = home, edge, promised
        self._reader, self._reconciler = reader, reconciler
        self._outside, self._lease, self._at_once = outside, lease, at_once
        self._woken = asyncio.Event()
        self._is_resync = True
        self._looks = 0
        """How often in a row less was there than had been promised."""
        self._away = 0
        """How often in a row nobody answered, or the memory could not be written."""

    def wake(self, *, is_resync: bool = False) -> None:
        """Look at the model; at a resync also at what runs."""
        self._is_resync = self._is_resync or is_resync
        self._woken.set()

    async def run(self) -> None:
        """Look, act, wait for a reason."""
        while not self._outside.is_stopping():
            self._woken.clear()
            pause = await self._turn() if self._lease.may_begin() else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def _turn(self) -> float | None:
        """Return the seconds until the next look, None: until somebody wakes."""
        async with self._at_once:
            is_resync, self._is_resync = self._is_resync, False
            try:
                documents = await self._reader.read(self._edge, self._home)
                pause = await self._reconciler.turn(
                    documents,
                    is_resync=is_resync,
                    is_superseded=lambda: self._is_superseded(documents),
                )
            except (Unavailable, OSError) as error:
                self._is_resync = self._is_resync or is_resync
                return self._pause(error)
            except Superseded:
                self._is_resync = self._is_resync or is_resync
                return 0.0
            except Interrupted:
                return None
            if documents.late:
                self._is_resync = self._is_resync or is_resync
        self._away = 0
        self._outside.is_over("unsaved", self._home)
        return self._until_there(documents, pause)

    def _pause(self, error: Unavailable | OSError) -> float:
        """Wait longer each time; a memory that cannot be written is told."""
        self._away += 1
        if isinstance(error, OSError):
            self._outside.tell_once(
                "unsaved", self._home, f"nothing is begun without memory: {error}"
            )
        return _doubled(FIRST_PAUSE_SECONDS, self._away, LONGEST_PAUSE_SECONDS)

    def _is_superseded(self, documents: Documents) -> bool:
        return any(
            self._promised.revision(key) > seen for key, seen in documents.seen.items()
        )

    def _until_there(self, documents: Documents, pause: float | None) -> float | None:
        """Look again soon for what was promised: the mirror lags some milliseconds."""
        if not documents.late:
            self._looks = 0
            self._outside.is_over("late", self._home)
            return pause
        self._looks += 1
        soon = _doubled(FIRST_LOOK_SECONDS, self._looks, LOOK_AGAIN_SECONDS)
        patient = int(MIRROR_LAG_SECONDS / LOOK_AGAIN_SECONDS)
        if self._looks > patient:
            named = ", ".join(sorted(documents.late))
            self._outside.tell_once(
                "late", self._home, f"promised, but not there yet: {named}"
            )
            self._lease.ask_soon()  # a wake may have promised what is not to come
            soon = _doubled(
                FIRST_PAUSE_SECONDS, self._looks - patient, LONGEST_PAUSE_SECONDS
            )
        return soon if pause is None else min(soon, pause)


def _doubled(first: float, times: int, longest: float) -> float:
    return min(first * 2.0 ** min(times - 1, 30), longest)
