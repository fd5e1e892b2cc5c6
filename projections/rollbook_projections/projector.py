"""THE READ PATH: in ledger order, rows and position in one transaction.

A projector takes only the message after its position. What is older was applied
before; a gap means that messages are missing, and replay supplies them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection

from rollbook import catalogue
from rollbook.codec import leaf_hash
from rollbook.errors import InvalidLedger, RollbookError, Unavailable
from rollbook.ledger.protocol import Ledger, Message
from rollbook_projections import checkpoint, generation
from rollbook_projections.bulk import collector_paused
from rollbook_projections.checkpoint import Standing
from rollbook_projections.database import Database
from rollbook_projections.fold import Fold, HandlerFailed, unreadable
from rollbook_projections.projection import Projection

BATCH: Final = 5_000
MANY: Final = 20_000  # messages to catch up with from which pausing the collector pays
POLL_SECONDS: Final = 0.01


class Gap(RollbookError):
    """Messages are missing before this one; replay supplies them."""

    def __init__(self, position: int, sequence: int) -> None:
        """Hold the position and the message that came too early."""
        self.position, self.sequence = position, sequence
        super().__init__(
            f"message {sequence} came after {position}: catch up by replay"
        )


class Outdated(RollbookError):
    """The view's tables were filled by other handlers."""

    def __init__(self, projection: str, why: str) -> None:
        """Hold the view and how its tables differ."""
        self.projection, self.why = projection, why
        super().__init__(
            f"view {projection}: {why}; run `rollbook projection rebuild {projection}`"
        )


class Projector:
    """Keeps one view in its database; `position` is the last sequence applied."""

    def __init__(self, projection: Projection, database: Database) -> None:
        """Serve this view; nothing is read before `open`."""
        self.projection, self.database = projection, database
        self.position = 0
        self._fold: Fold | None = None
        self._tables = generation.live(projection).tables
        self._moved = asyncio.Condition()

    async def open(self) -> None:
        """Make the tables where there are none, and read the position.

        Raises Outdated when the tables have to be rebuilt first.
        """
        found = await self.database.write(self._prepare)
        await self._arrive(found.position if found else 0)

    async def apply(self, messages: Sequence[Message]) -> int:
        """Apply consecutive messages in one transaction; return the position.

        Raises Gap, HandlerFailed (what came before the event is applied), Outdated.
        """
        position = await self.database.in_writer(partial(self._apply, messages))
        await self._arrive(position)
        return position

    async def catch_up(self, ledger: Ledger, *, until: int | None = None) -> int:
        """Apply what the ledger holds beyond the position; return the new position.

        Raises InvalidLedger when the ledger is not the one this view was made from.
        """
        head = await ledger.head()
        standing = await self.database.read(checkpoint.standing)
        position = standing.position if standing else 0
        self._refuse_cut(head, position)
        with collector_paused(head - position > MANY):
            async for messages in chunks(
                ledger, after=max(position - 1, 0), until=until
            ):
                if standing and messages[0].sequence == standing.position:
                    self._refuse_other(messages[0], standing)
                position = await self.apply(messages)
        await self._arrive(position)
        return position

    async def wait_for(self, sequence: int, *, timeout_seconds: float) -> None:
        """Wait until the view shows this event; Unavailable when it takes too long.

        Follows other processes too: they move the stored position.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while self.position < sequence:
                    await self._look_again()
        except TimeoutError as late:
            raise Unavailable(
                f"view {self.projection.name} is at {self.position}, "
                f"behind event {sequence}"
            ) from late

    async def moved(self, after: int) -> int:
        """Wait until this process has applied more; return the position."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position > after)
            return self.position

    async def _look_again(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS), self._moved:
                await self._moved.wait()
        except TimeoutError:
            place = await self.database.read(checkpoint.place)
            await self._arrive(place[1] if place else 0)

    async def _arrive(self, position: int) -> None:
        async with self._moved:
            self.position = position
            self._moved.notify_all()

    def _prepare(self, connection: Connection) -> Standing | None:
        catalogue.load()
        if not generation.exists(connection):
            tables = generation.live(self.projection)
            tables.create(connection)
            tables.index(connection)
        found = checkpoint.standing(connection)
        if found and found.version != self.projection.version:
            raise Outdated(
                self.projection.name,
                f"its tables are version {found.version}, "
                f"this release writes version {self.projection.version}",
            )
        for halt in checkpoint.halted(connection):
            if halt.is_newer and unreadable(halt.type) is None:
                why = f"{halt.aggregate} stopped at {halt.sequence} ({halt.type})"
                raise Outdated(self.projection.name, why)
        return found

    def _apply(self, messages: Sequence[Message]) -> int:
        try:
            return self._transact(messages)
        except HandlerFailed as failure:
            before = [each for each in messages if each.sequence < failure.sequence]
            if before:
                self._transact(before)
            raise

    def _transact(self, messages: Sequence[Message]) -> int:
        fold, self._fold = self._fold, None  # whatever fails, memory is read anew
        with self.database.transaction() as connection:
            fold = self._resume(connection, fold)
            fold.read_from(connection)
            is_new = False
            for message in messages:
                if message.sequence > fold.position:
                    if message.sequence != fold.position + 1:
                        raise Gap(fold.position, message.sequence)
                    fold.take(message)
                    is_new = True
            if is_new:
                fold.write(connection)
        self._fold = fold
        return fold.position

    def _resume(self, connection: Connection, fold: Fold | None) -> Fold:
        """Keep the fold in memory unless others wrote, or rebuilt, meanwhile."""
        place = checkpoint.place(connection) or (0, 0)
        if fold is not None and place == (fold.generation, fold.position):
            return fold
        return Fold(self.projection, self._tables, connection)

    def _refuse_cut(self, head: int, position: int) -> None:
        if head < position:
            raise InvalidLedger(
                f"view {self.projection.name} has seen event {position}, the ledger "
                f"ends at {head}: the stream was cut or made anew; keep both, compare "
                "with a copy of the ledger, and find out who did it"
            )

    def _refuse_other(self, message: Message, standing: Standing) -> None:
        if leaf_hash(message.body) != standing.leaf:
            raise InvalidLedger(
                f"event {message.sequence} of the ledger is not the one that view "
                f"{self.projection.name} has seen there: the stream was made anew, or "
                "this is another ledger's database; restore what belongs together"
            )


async def chunks(
    ledger: Ledger, *, after: int, until: int | None = None, size: int = BATCH
) -> AsyncIterator[list[Message]]:
    """Replay up to `until`, or to the end, in transactions' worth of messages.

    Reads one ahead: the database's work leaves the interpreter free now and then.
    """
    gathered = _gathered(ledger, after, until, size)
    reading = asyncio.create_task(anext(gathered, None))
    try:
        while messages := await reading:
            reading = asyncio.create_task(anext(gathered, None))
            yield messages
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def _gathered(
    ledger: Ledger, after: int, until: int | None, size: int
) -> AsyncIterator[list[Message]]:
    gathered: list[Message] = []
    async for messages in ledger.replay(after=after):
        gathered += messages
        if until is not None and gathered and gathered[-1].sequence > until:
            gathered = [each for each in gathered if each.sequence <= until]
            break
        while len(gathered) >= size:
            yield gathered[:size]
            gathered = gathered[size:]
    if gathered:
        yield gathered
