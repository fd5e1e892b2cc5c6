"""How is what is due done, and done again until somebody answers?

Effects rest on what the ledger says now, and their ids on its events: a kill at any
point, or a second conductor, repeats them harmlessly. The clock only says when to look.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import Unavailable
from rollbook.ledger.bucket import DesiredBucket
from rollbook_projections.projector import Projector
from rollbook_services.conductor import desired
from rollbook_services.conductor.answers import Answered
from rollbook_services.conductor.queries import moment, served
from rollbook_services.conductor.queries.moment import Looked
from rollbook_services.conductor.react import everything
from rollbook_services.conductor.react.documents import Written
from rollbook_services.conductor.react.due import Due, unanswered
from rollbook_services.conductor.react.instants import sortable
from rollbook_services.conductor.react.memory import Memory

SWEEP_SECONDS: Final = 60.0
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 10.0
AT_ONCE: Final = 32  # commands on their way
BATCH: Final = 1_024  # commands between two looks

log = structlog.stdlib.get_logger(__name__)


class Sender(Protocol):
    """Carries a command to the registrar."""

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        """Return the answer; `unavailable` or `outcome-unknown` where none came."""


class Conductor:
    """Does what is due: when the ledger moved, an instant came, and now and then."""

    def __init__(
        self,
        projector: Projector,
        sender: Sender,
        bucket: DesiredBucket,
        *,
        credential: str,
        now: Callable[[], datetime],
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        """Take the memory of the ledger, the two ways to have an effect, the clock."""
        self._projector, self._sender, self._bucket = projector, sender, bucket
        self._credential, self._now = credential, now
        self._sweep_seconds = sweep_seconds
        self._answered = Answered()
        self._looked = self._swept = Looked()
        self._written = self._woken = 0
        self._next_at: datetime | None = None

    async def run(self) -> None:
        """Act for ever; what cannot be done now is tried again, with pauses."""
        pause, swept_at = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            position = self._projector.position
            if time.monotonic() - swept_at > self._sweep_seconds:
                self._written, self._swept = 0, Looked()
                swept_at = time.monotonic()
            try:
                await self.act()
                wait, pause = self.rest_seconds(), FIRST_PAUSE_SECONDS
            except (Unavailable, DBAPIError) as error:
                log.warning("conductor_waits", error=str(error), seconds=pause)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
                position = self._projector.position  # news alone will not help
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._projector.moved(position)

    async def act(self) -> None:
        """Do what is due now; Unavailable when something has to be tried again."""
        while True:
            await self._write_documents()
            now = self._now()
            self._look_back(now)
            memory, due = await self._projector.database.read(self._look, now)
            if not due:
                break
            await self._send_all(due)
        # Only now: a crash, or no answer, before this line does it all again.
        self._looked = self._swept = Looked(memory.position, sortable(now))
        self._next_at = self._answered.earlier(memory.next_at)
        self._answered.trim()

    def rest_seconds(self) -> float:
        """Return how long nothing is due, unless there is news."""
        if self._next_at is None:
            return self._sweep_seconds
        left = (self._next_at - self._now()).total_seconds()
        return min(max(left, 0), self._sweep_seconds)

    def _look(self, connection: Connection, now: datetime) -> tuple[Memory, list[Due]]:
        memory = moment.memory(
            connection, looked=self._looked, swept=self._swept, now=sortable(now)
        )
        answers = self._answered.by_id
        due = everything.due(memory, answers)
        return memory, unanswered(due, answers, now=now, at_most=BATCH)

    def _look_back(self, now: datetime) -> None:
        """Look again at the instants whose commands may be sent once more."""
        since = self._answered.take_rested(now)
        if since is not None:
            self._looked = replace(self._looked, at=min(since, self._looked.at))
            self._swept = replace(self._swept, at=min(since, self._swept.at))

    async def _write_documents(self) -> None:
        """Write each document that holds now and was not yet seen in the bucket."""
        newest = self._written
        for written in await self._projector.database.read(
            served.desired_after, self._written
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

    async def _send_all(self, due: Sequence[Due]) -> None:
        """Send commands side by side, in order; stop when most get no answer."""
        waiting, problems = iter(due), list[Problem]()
        senders = (self._send_each(waiting, problems) for _ in range(AT_ONCE))
        await asyncio.gather(*senders)
        if problems:
            raise Unavailable(problems[0].message)

    async def _send_each(self, waiting: Iterable[Due], problems: list[Problem]) -> None:
        for due in waiting:
            tries = self._answered.tries(due)
            answer = await self._sender.send(
                due.request(tries), credential=self._credential
            )
            if not self._answered.note(due, answer, now=self._now()):
                assert isinstance(answer, Problem)
                problems.append(answer)
            if len(problems) >= AT_ONCE:
                break  # nobody is there; one model's trouble keeps no other waiting
