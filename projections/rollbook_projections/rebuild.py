"""How is a view filled anew beside the one that people read, and put in its place?

The prefix that the live view has judged is not judged again: its running digest,
over verdicts and hashes, says at the end whether these were the same messages.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from rollbook.errors import InvalidLedger, Unavailable
from rollbook.ledger.protocol import Ledger, Message
from rollbook_projections import checkpoint, generation
from rollbook_projections.bulk import collector_paused
from rollbook_projections.database import Database
from rollbook_projections.fold import Fold
from rollbook_projections.generation import Generation
from rollbook_projections.projection import Projection
from rollbook_projections.projector import chunks

SWITCH_TRIES: Final = 5
FETCH_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far long work is."""

    count: int
    total: int
    per_second: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Vouched:
    """What the live view says of the ledger's beginning."""

    position: int
    digest: bytes
    invalid: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A rebuild that took place."""

    position: int
    seconds: float
    vouched: int
    """Up to which sequence the live view's verdicts were taken over."""


async def rebuild(
    projection: Projection,
    database: Database,
    ledger: Ledger,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    is_trusting: bool = True,
) -> Rebuilt:
    """Fill the view anew and switch readers to it in one transaction.

    With `is_trusting` false every signature is verified again. Raises InvalidLedger
    when the ledger is not the one the live view was made from. Cut short at any
    point, it leaves the live view alone and tables that the next rebuild drops.
    """
    begin = time.monotonic()
    await _drop_leftovers(database)
    number, vouched = await database.write(partial(_begin, projection))
    if not is_trusting:
        vouched = Vouched(0, bytes(32), {})
    work = _Rebuild(projection, generation.beside(projection, number), number, vouched)
    await database.write(work.begin)
    total = await ledger.head()
    with collector_paused(True):
        async for messages in chunks(ledger, after=0):
            position = await database.write(partial(work.apply, messages=messages))
            on_progress(_progress(position, max(total, position), begin))
    work.refuse_short()
    await database.write(work.beside.index)
    position = await _switch(work, database, ledger)
    await _drop_leftovers(database)
    return Rebuilt(position, time.monotonic() - begin, vouched.position)


class _Rebuild:
    """The new tables on their way; the fold stays between batches."""

    _fold: Fold

    def __init__(
        self,
        projection: Projection,
        beside: Generation,
        number: int,
        vouched: Vouched,
    ) -> None:
        self.beside = beside
        self._projection, self._number, self._vouched = projection, number, vouched

    def begin(self, connection: Connection) -> None:
        self.beside.create(connection)
        self._fold = self._load(connection)
        self._fold.write(connection)

    def apply(self, connection: Connection, *, messages: list[Message]) -> int:
        self._refuse_rival(connection)
        self._fold.read_from(connection)
        for message in messages:
            self._take(self._fold, message)
        self._fold.write(connection)
        return self._fold.position

    def finish(
        self, connection: Connection, *, fetch: Callable[[int], list[Message]]
    ) -> int:
        """Apply what the live view has beyond us, and switch, holding the writer."""
        self._refuse_rival(connection)
        fold = self._load(connection)
        fold.read_from(connection)
        live = checkpoint.standing(connection)
        while live is not None and fold.position < live.position:
            for message in fetch(fold.position):
                fold.take(message)
        fold.write(connection)
        generation.switch(connection)
        return fold.position

    def _load(self, connection: Connection) -> Fold:
        tables = self.beside.tables
        return Fold(self._projection, tables, connection, generation=self._number)

    def _refuse_rival(self, connection: Connection) -> None:
        """Another rebuild would have dropped our tables and made its own."""
        now = checkpoint.standing(connection, self.beside.tables["checkpoint"])
        if now is None or now.position != self._fold.position:
            raise Unavailable(
                f"another rebuild of view {self._projection.name} is running",
                retry_after_seconds=60,
            )

    def refuse_short(self) -> None:
        position = self._fold.position
        if position < self._vouched.position:
            raise InvalidLedger(
                f"view {self._projection.name} has seen event "
                f"{self._vouched.position}, the ledger ends at {position}: the stream "
                "was cut or made anew; keep both and find out who did it"
            )

    def _take(self, fold: Fold, message: Message) -> None:
        vouched = self._vouched
        if message.sequence > vouched.position:
            fold.take(message)
            return
        fold.take_vouched(message, invalid=vouched.invalid.get(message.sequence))
        if message.sequence == vouched.position and fold.digest != vouched.digest:
            raise InvalidLedger(
                f"the ledger up to {vouched.position} is not what view "
                f"{self._projection.name} has seen of it: one of them was changed; "
                f"run `rollbook projection compare {self._projection.name}`, and "
                "`rollbook projection rebuild --full` to judge every event again"
            )


def _begin(projection: Projection, connection: Connection) -> tuple[int, Vouched]:
    if not generation.exists(connection):
        live = generation.live(projection)
        live.create(connection)
        live.index(connection)
    now = checkpoint.standing(connection)
    if now is None:
        return 1, Vouched(0, bytes(32), {})
    invalid = {each.sequence: each.reason for each in checkpoint.anomalies(connection)}
    return now.generation + 1, Vouched(now.position, now.digest, invalid)


async def _switch(work: _Rebuild, database: Database, ledger: Ledger) -> int:
    loop = asyncio.get_running_loop()

    def fetch(after: int) -> list[Message]:
        # Called in the writer's thread, which holds the writer while the loop reads.
        missing = asyncio.run_coroutine_threadsafe(_collect(ledger, after), loop)
        return missing.result(FETCH_SECONDS)

    tries = 0
    while True:
        try:
            return await database.write(partial(work.finish, fetch=fetch))
        except OperationalError as busy:
            tries += 1
            if tries == SWITCH_TRIES:
                raise Unavailable(
                    f"readers kept the tables of view {database.name} in use ({busy}), "
                    "so the new ones did not take their place"
                ) from busy


async def _collect(ledger: Ledger, after: int) -> list[Message]:
    return [
        message async for messages in ledger.replay(after=after) for message in messages
    ]


async def _drop_leftovers(database: Database) -> None:
    for name in await database.write(generation.leftovers):
        await database.write(partial(generation.drop, name=name))


def _progress(count: int, total: int, begin: float) -> Progress:
    rate = count / max(time.monotonic() - begin, 1e-9)
    return Progress(count, total, rate, (total - count) / max(rate, 1e-9))
