"""How does each view follow the ledger: from its own position, live, for ever?

The durable only brings messages near; the stored position says what is missing, and
replay supplies it. What stops a view is said once and shown; the others go on.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol

import structlog
from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsMessage, PullSub
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from rollbook.errors import InvalidLedger, RollbookError, Unavailable
from rollbook.ledger.protocol import Ledger, Message
from rollbook.subjects import EVERYTHING
from rollbook_projections import standstill
from rollbook_projections.fold import HandlerFailed
from rollbook_projections.projector import Gap, Outdated, Projector
from rollbook_projections.rebuild import rebuild

STREAM: Final = JStream("LEDGER", declare=False)  # declaring rewrites its settings
WATCH_SECONDS: Final = 1.0
FETCH_SECONDS: Final = 5.0
FEW: Final = 500  # messages behind, beyond which replay is faster than the durable
QUEUED: Final = 1_000
REST_SECONDS: Final = 0.5  # the rest of an atomic batch is in the stream already

log = structlog.stdlib.get_logger(__name__)


class _Subscriber(Protocol):
    """What is used of FastStream's subscriber."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Follower:
    """One view on its way through the ledger; `failure` says why it stopped."""

    def __init__(self, projector: Projector, ledger: Ledger) -> None:
        """Take an opened projector and the ledger as its user may replay it."""
        self.projector = projector
        self.failure: Exception | None = None
        self.stopped = asyncio.Event()
        self._ledger = ledger
        self._arrived: asyncio.Queue[NatsMessage] = asyncio.Queue(QUEUED)
        self._turn = asyncio.Lock()
        self._said = (-1, "")

    async def receive(self, message: NatsMessage) -> None:
        """Take one message from the durable; it is acknowledged once it is stored."""
        if _sequence(message) <= self.projector.position:
            await message.ack()
        elif self.failure is None:
            await self._arrived.put(message)

    async def catch_up(self) -> None:
        """Apply what the ledger holds beyond the view's position."""
        async with self._turn:
            await self.projector.catch_up(self._ledger)

    async def run(self, subscriber: _Subscriber) -> None:
        """Write what arrives and watch that it does; return when the view stops."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write())
                tasks.create_task(self._watch(subscriber))
        except* Exception as stops:  # noqa: BLE001 - it is shown, not lost
            await self.stop_for(_first(stops))
            with suppress(Exception):  # the view has stopped, whatever this says
                async with asyncio.timeout(FETCH_SECONDS):
                    await subscriber.stop()

    async def stop_for(self, failure: Exception) -> None:
        """Stand still at the position and say why, to other processes too."""
        self.failure = failure
        is_expected = isinstance(failure, RollbookError)
        log.error(
            "projection_stopped",
            projection=self.projector.projection.name,
            position=self.projector.position,
            error=str(failure) if is_expected else repr(failure),
            exc_info=None if is_expected else failure,
        )
        await self._say(failure, is_final=True)
        self.stopped.set()

    async def _write(self) -> None:
        while True:
            batch = await self._decisions()
            batch.sort(key=_sequence)  # redelivered messages come out of order
            try:
                async with self._turn:
                    await self.projector.apply([_message(each) for each in batch])
            except Gap:
                await self._try(self.catch_up())
            except DBAPIError as error:
                self._warn("database_refused", error)
                await self._say(error, is_final=False)
                await asyncio.sleep(WATCH_SECONDS)
            await self._acknowledge(batch)

    async def _acknowledge(self, batch: list[NatsMessage]) -> None:
        try:
            for message in batch:
                if _sequence(message) <= self.projector.position:
                    await message.ack()
        except Exception as error:  # noqa: BLE001 - redelivered, acknowledged then
            self._warn("not_acknowledged", error)

    async def _decisions(self) -> list[NatsMessage]:
        """Take what has arrived, and the rest of a decision that has begun.

        The events of one atomic batch became true together: nobody sees half of it.
        """
        batch = [await self._arrived.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                while not self._arrived.empty() or _goes_on(batch):
                    batch.append(await self._arrived.get())
        return batch

    async def _watch(self, subscriber: _Subscriber) -> None:
        """Notice what no error tells: a subscription that died, a slow durable."""
        before, restarting = -1, None
        async with asyncio.TaskGroup() as restarts:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                position, head = self.projector.position, await self._head()
                is_behind = head is not None and head != position
                is_stuck = is_behind and position == before
                before = position if is_behind else -1
                if is_stuck or (head or 0) - position > FEW:
                    await self._try(self.catch_up())
                if is_stuck and (restarting is None or restarting.done()):
                    # It may hang for as long as what is wrong lasts: watch on.
                    restarting = restarts.create_task(self._restart(subscriber))

    async def _head(self) -> int | None:
        try:
            return await self._ledger.head()
        except Unavailable as error:
            self._warn("ledger_unreachable", error)
            return None

    async def _try(self, work: Awaitable[None]) -> None:
        """Do what the next round will do again if something is away now."""
        try:
            await work
        except (Unavailable, TimeoutError) as error:
            self._warn("catching_up_failed", error)
        except DBAPIError as error:
            self._warn("catching_up_failed", error)
            await self._say(error, is_final=False)

    async def _say(self, error: Exception, *, is_final: bool) -> None:
        """Leave word of what keeps the view; a database that is broken cannot."""
        said = (self.projector.position, _why(error))
        if said == self._said and not is_final:
            return
        work = partial(standstill.record, why=said[1], is_final=is_final)
        try:
            await self.projector.database.write(work)
        except SQLAlchemyError as refused:
            self._warn("standstill_not_recorded", refused)
        else:
            self._said = said

    async def _restart(self, subscriber: _Subscriber) -> None:
        name, position = self.projector.projection.name, self.projector.position
        log.warning("subscription_restarted", projection=name, position=position)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await subscriber.stop()
                await subscriber.start()
        except Exception as error:  # noqa: BLE001 - the next round tries again
            self._warn("subscription_failed", error)

    def _warn(self, event: str, error: Exception) -> None:
        name = self.projector.projection.name
        log.warning(event, projection=name, error=str(error))


@asynccontextmanager
async def follow(
    broker: NatsBroker, projector: Projector, ledger: Ledger
) -> AsyncIterator[Follower]:
    """Catch up by replay, then follow live while the context is open.

    `broker` is connected as the view's user, whose durable has the view's name.
    Raises InvalidLedger when the ledger is not the one the view was made from.
    """
    name = projector.projection.name
    await open_or_rebuild(projector, ledger)
    follower = Follower(projector, ledger)
    try:
        await follower.catch_up()
    except HandlerFailed as failure:
        await follower.stop_for(failure)
        yield follower
        return
    except InvalidLedger as failure:
        await follower.stop_for(failure)
        raise
    await projector.database.write(standstill.clear)
    subscriber = broker.subscriber(
        EVERYTHING,
        durable=name,
        stream=STREAM,
        pull_sub=PullSub(batch_size=1, timeout=FETCH_SECONDS),
        inbox_prefix=f"_INBOX.{name}.".encode(),
        ack_policy=AckPolicy.MANUAL,
        decoder=_as_it_is,
        title=f"ledger-{name}",
    )
    subscriber(follower.receive)
    await broker.start()
    running = asyncio.create_task(follower.run(subscriber))
    try:
        yield follower
    finally:
        # First the writer: a connection that drains takes no acknowledgement.
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await broker.stop()


async def open_or_rebuild(projector: Projector, ledger: Ledger) -> None:
    """Open a view; fill it anew when other handlers filled it."""
    try:
        await projector.open()
    except Outdated as outdated:
        log.info("projection_outdated", error=str(outdated))
        rebuilt = await rebuild(projector.projection, projector.database, ledger)
        log.info(
            "projection_rebuilt",
            projection=projector.projection.name,
            position=rebuilt.position,
            seconds=rebuilt.seconds,
        )
        await projector.open()


async def _as_it_is(message: NatsMessage) -> NatsMessage:
    """Leave decoding to validity: FastStream must not judge a foreign message."""
    return message


def _first(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


def _why(error: Exception) -> str:
    """Say it without the statement and its values, which are not for everybody."""
    if isinstance(error, DBAPIError):
        first, _, _ = str(error.orig).partition("\n")
        return f"its database refused: {first}"
    return str(error) if isinstance(error, RollbookError) else repr(error)


def _goes_on(batch: list[NatsMessage]) -> bool:
    headers = max(batch, key=_sequence).headers
    return "Nats-Batch-Id" in headers and "Nats-Batch-Commit" not in headers


def _sequence(message: NatsMessage) -> int:
    return message.raw_message.metadata.sequence.stream


def _message(message: NatsMessage) -> Message:
    raw = message.raw_message
    return Message(_sequence(message), raw.subject, raw.data)
