"""What does every ledger promise, whatever keeps its messages?

A ledger moves bytes: it appends them under a guard and reads them back in order.
What the bytes mean is the codec's and validity's affair.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rollbook.names import EventId
from rollbook.subjects import Aggregate


@dataclass(frozen=True, slots=True)
class Draft:
    """One event on its way into the ledger; the id is made before the first try."""

    aggregate: Aggregate
    id: EventId
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message, whoever wrote it; `sequence` starts at 1."""

    sequence: int
    subject: str
    body: bytes
    id: str | None = None
    """Its `Nats-Msg-Id`, where it carries one."""


class Ledger(Protocol):
    """An append-only sequence of messages with one history for each aggregate."""

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        """Write all drafts or none; return their sequences, in order.

        `expected` holds the sequence of the last message on each aggregate's subject
        (0: none), valid or not. An aggregate may be expected that has no draft: then
        nothing is kept once it has moved on; that takes one draft more than there are
        aggregates written. Sending the same drafts again is safe: what was kept is
        recognised by its id.
        Raises AppendConflict when another writer was first, Unacknowledged when no
        answer came in time (kept or lost), ValueError for a body over the limit.
        """

    async def last(self, aggregate: Aggregate) -> Message | None:
        """Return the newest message of an aggregate, as the leader knows it."""

    async def at(self, sequence: int) -> Message | None:
        """Return the message in one place of the ledger, as the leader knows it."""

    async def next(self, aggregate: Aggregate, *, after: int) -> Message | None:
        """Return the first message above `after`, as the leader knows it."""

    async def history(
        self, aggregate: Aggregate, *, after: int = 0, most: int | None = None
    ) -> list[Message]:
        """Return an aggregate's messages with a sequence above `after`, in order.

        At most so many of the first of them, where `most` says how many. The newest
        may be missing: whoever decides on what is there reads with `whole.read_until`.
        """

    def replay(self, *, after: int = 0) -> AsyncIterator[list[Message]]:
        """Read every message above `after` up to the present end, in batches."""

    async def head(self) -> int:
        """Return the sequence of the last message; 0 when there is none."""
