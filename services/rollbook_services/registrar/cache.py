"""What does the registrar know of an aggregate, and how does it stay warm and right?

Folded aggregates are kept in memory, the least used go to the snapshots. A stale one
is harmless: the guard of the append refuses it, and a refusal is only given after a
look at the ledger. Following the ledger makes staleness rare.

The small aggregates, which every decision reads, are never evicted: no guard would
find out that a policy or a freeze had been forgotten.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from rollbook.codec import Link, parse, read
from rollbook.envelope import Envelope
from rollbook.errors import UnreadableEvent
from rollbook.event import Event
from rollbook.ledger.protocol import Ledger, Message
from rollbook.ledger.whole import read_until
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.subjects import (
    ACCESS,
    BUNDLES,
    CALENDAR,
    FLEET,
    POLICIES,
    PREFIX,
    Aggregate,
    subject,
)
from rollbook_services.registrar.deciding import initial
from rollbook_services.registrar.folded import Folded, fold, take
from rollbook_services.registrar.past import folded_until, time_at
from rollbook_services.registrar.snapshots import Snapshots
from rollbook_services.registrar.state import Answered
from rollbook_services.registrar.surroundings import Access

log = structlog.stdlib.get_logger(__name__)

MOST: Final = 10_000  # aggregates in memory
LONG_TAIL: Final = 100  # events folded in one load before a snapshot pays
SMALL: Final = (ACCESS, POLICIES, CALENDAR, BUNDLES, FLEET)


class Cache:
    """Folded aggregates in memory, over snapshots, over the ledger."""

    def __init__(
        self, ledger: Ledger, chain: Chain, snapshots: Snapshots, *, most: int = MOST
    ) -> None:
        """Start empty; `chain` supplies origin and keys."""
        self._ledger, self._chain, self._snapshots = ledger, chain, snapshots
        self._most = most
        self._folded: OrderedDict[Aggregate, Folded] = OrderedDict()
        self._small: dict[Aggregate, Folded] = {}
        self._own: set[int] = set()
        self._stopped: dict[Aggregate, UnreadableEvent] = {}
        """Small aggregates in which a newer release wrote what we cannot read."""

    async def load(self, aggregate: Aggregate) -> Folded:
        """Return an aggregate as far as it is known here, without asking the ledger.

        From memory, else from its snapshot, else as if nothing had happened: what is
        missing shows at the guard, or in `refresh` before a refusal. Raises
        UnreadableEvent for a small aggregate that this release cannot follow.
        """
        if aggregate in self._stopped:
            raise self._stopped[aggregate]
        known = self._small.get(aggregate)
        if known is not None:
            return known
        known = self._folded.get(aggregate)
        if known is not None:
            self._folded.move_to_end(aggregate)
            return known
        start = await self._snapshots.find(aggregate)
        return start or Folded(aggregate, initial(aggregate))

    async def warm(self) -> None:
        """Read what every decision reads; from here on it is held and followed."""
        for aggregate in SMALL:
            await self._remember(await self.refresh(aggregate))

    async def access(self) -> Access:
        """Return who may do what."""
        state = (await self.load(ACCESS)).state
        assert isinstance(state, Access)
        return state

    async def refresh(self, aggregate: Aggregate) -> Folded:
        """Return an aggregate as the ledger's leader has it now.

        Raises Unavailable when that much of it cannot be read.
        """
        folded = await self.load(aggregate)
        last = await self._ledger.last(aggregate)
        if last is not None and last.sequence > folded.sequence:
            return await self._read_on(folded, until=last.sequence)
        if folded.sequence:  # only what is held in memory is followed
            await self._remember(folded)
        return folded

    async def keep(self, folded: Folded, appended: Iterable[Envelope[Event]]) -> Folded:
        """Remember what this registrar itself has just appended."""
        for envelope in appended:
            folded = fold(folded, envelope)
            self._own.add(envelope.sequence)
        await self._remember(folded)
        return folded

    async def events(
        self, aggregate: Aggregate, answered: Answered
    ) -> list[Envelope[Event]]:
        """Read the events of an earlier decision back.

        Only these: impatient callers ask for the same again and again, and reading all
        history for each of them would never come to an end.
        """
        before_first = answered.first_sequence - 1
        messages = await read_until(
            self._ledger,
            aggregate,
            after=before_first,
            until=before_first + answered.count,  # a decision is kept in a row
            most=answered.count,
        )
        # They were accepted in their place, so the first one's own word for it holds.
        before = Link(answered.first_rev - 1, parse(messages[0].body).get("prev"))
        chain = replace(self._chain, links={aggregate: before})
        found = []
        for message in messages:
            verdict = check(message.body, subject(aggregate), message.sequence, chain)
            if isinstance(verdict, Accepted):
                chain.accept(verdict)
                found.append(read(verdict.raw, message.body, message.sequence))
        return found

    async def as_of(self, aggregate: Aggregate, sequence: int) -> Folded:
        """Return an aggregate as it was at a place of the ledger that has been."""
        start = await self.load(aggregate)
        if start.sequence > sequence:
            start = await self._snapshots.find(aggregate) or start
        if start.sequence > sequence:
            start = Folded(aggregate, initial(aggregate))
        return await folded_until(self._ledger, start, sequence, chain=self._chain)

    async def time_at(self, sequence: int) -> datetime:
        """Return when the last event up to a place of the ledger was recorded."""
        return await time_at(self._ledger, sequence, chain=self._chain)

    async def head(self) -> int:
        """Return where the ledger ends."""
        return await self._ledger.head()

    def skip_own(self, position: int) -> int:
        """Step over what this registrar appended next to a position; it is known."""
        while position + 1 in self._own:
            position += 1
        self._own = {sequence for sequence in self._own if sequence > position}
        return position

    async def follow(self, messages: Iterable[Message]) -> None:
        """Fold what other registrars appended to aggregates held here."""
        for message in messages:
            aggregate = Aggregate(message.subject.removeprefix(PREFIX))
            known = self._small.get(aggregate) or self._folded.get(aggregate)
            if known is None or message.sequence <= known.sequence:
                continue
            try:
                await self._take(known, message)
            except UnreadableEvent as error:
                self._stop(aggregate, error)

    async def _take(self, known: Folded, message: Message) -> None:
        folded = take(known, message, self._chain)
        if folded.link == known.link:
            # Foreign, or we missed what came before: the ledger knows.
            folded = await self._read_on(known, until=message.sequence)
        await self._remember(folded)

    def _stop(self, aggregate: Aggregate, error: UnreadableEvent) -> None:
        """Decide nothing more on what cannot be read; hear all others as before.

        A model is read anew by whoever asks about it, and found unreadable then.
        """
        log.error("aggregate_not_followed", aggregate=aggregate, error=str(error))
        if aggregate in SMALL:
            self._stopped[aggregate] = error
        self._folded.pop(aggregate, None)

    async def close(self) -> None:
        """Leave every aggregate to the snapshots."""
        held = [*self._small.values(), *self._folded.values()]
        await self._snapshots.save(held)
        self._folded.clear()
        self._small.clear()

    async def _read_on(self, folded: Folded, *, until: int) -> Folded:
        tail = await read_until(
            self._ledger, folded.aggregate, after=folded.sequence, until=until
        )
        for message in tail:
            folded = take(folded, message, self._chain)
        await self._remember(folded)
        if len(tail) >= LONG_TAIL:
            await self._snapshots.save([folded])
        return folded

    async def _remember(self, folded: Folded) -> None:
        if folded.aggregate in SMALL:
            known = self._small.get(folded.aggregate)
            if known is None or known.sequence <= folded.sequence:
                self._small[folded.aggregate] = folded
            return
        known = self._folded.get(folded.aggregate)
        if known is None or known.sequence <= folded.sequence:
            self._folded[folded.aggregate] = folded
        self._folded.move_to_end(folded.aggregate)
        if len(self._folded) > self._most:
            oldest = [
                self._folded.popitem(last=False)[1]
                for _ in range(max(1, self._most // 100))
            ]
            await self._snapshots.save(oldest)
