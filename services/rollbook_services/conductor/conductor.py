"""How is what is due done, and done again until somebody answers?

Effects rest on what the ledger says now, and their ids on its events: a kill at any
point, or a second conductor, repeats them harmlessly.
"""

import asyncio
import contextlib
import time
from typing import Final, Protocol

import structlog
from sqlalchemy.exc import DBAPIError

from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import Unavailable
from rollbook.ledger.bucket import DesiredBucket
from rollbook_projections.projector import Projector
from rollbook_services.conductor import desired, queries, react
from rollbook_services.conductor.react import Written

SWEEP_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
ANSWERS_KEPT: Final = 100_000
# The same command may be answered otherwise later.
WORTH_ANOTHER_TRY: Final = frozenset(
    {"unavailable", "outcome-unknown", "unauthenticated"}
)

log = structlog.stdlib.get_logger(__name__)


class Sender(Protocol):
    """Carries a command to the registrar."""

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        """Return the answer; `unavailable` or `outcome-unknown` where none came."""


class Conductor:
    """Does what is due, each time the ledger moved and once in a while."""

    def __init__(
        self,
        projector: Projector,
        sender: Sender,
        bucket: DesiredBucket,
        *,
        credential: str,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Take the memory of the ledger and the two ways to have an effect."""
        self._projector, self._sender, self._bucket = projector, sender, bucket
        self._credential, self._sweep_seconds = credential, sweep_seconds
        self._answered: set[str] = set()
        self._written = self._woken = 0

    async def run(self) -> None:
        """Act for ever; what cannot be done now is tried again, with pauses."""
        pause, swept_at = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            position = self._projector.position
            if time.monotonic() - swept_at > self._sweep_seconds:
                self._written, swept_at = 0, time.monotonic()
            try:
                await self.act()
                wait, pause = self._sweep_seconds, FIRST_PAUSE_SECONDS
            except (Unavailable, DBAPIError) as error:
                log.warning("conductor_waits", error=str(error), seconds=pause)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
                position = self._projector.position  # news alone will not help
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._projector.moved(position)

    async def act(self) -> None:
        """Do what is due now; Unavailable when something has to be tried again."""
        await self._write_documents()
        lanes = await self._projector.database.read(queries.free_lanes)
        requests = react.dispatches(lanes, self._answered)
        answers = await asyncio.gather(*map(self._send, requests))
        unanswered = [each for each in answers if each is not None]
        if unanswered:
            raise Unavailable(unanswered[0].message)

    async def _write_documents(self) -> None:
        """Write each document that holds now and was not yet seen in the bucket."""
        newest = self._written
        for written in await self._projector.database.read(
            queries.desired_after, self._written
        ):
            newest = written.document.sequence
            is_new = await desired.write(self._bucket, written)
            # Also what was written before a crash, that came before the wake.
            if is_new or newest > self._woken:
                await self._wake(written)
        # A crash before this line does it all again, which changes nothing.
        self._written, self._woken = newest, max(newest, self._woken)

    async def _wake(self, written: Written) -> None:
        hint = written.wake.model_dump_json().encode()
        await self._bucket.wake(written.wake_subject, hint)

    async def _send(self, request: Request) -> Problem | None:
        """Send a command; return the problem if it has to be sent again."""
        answer = await self._sender.send(request, credential=self._credential)
        match answer:
            case Problem(code=code) if code in WORTH_ANOTHER_TRY:
                return answer
            case Problem(reason=reason, message=message):
                log.info(
                    "command_refused", id=request.id, reason=reason, message=message
                )
            case Done(sequence=sequence):
                log.info("promotion_dispatched", id=request.id, sequence=sequence)
        if len(self._answered) > ANSWERS_KEPT:
            self._answered.clear()  # sent once more, at worst
        self._answered.add(request.id)
        return None
