"""How are the ledger's promises kept without a server, for tests and try-outs?"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from rollbook.errors import AppendConflict
from rollbook.ledger.append import check
from rollbook.ledger.protocol import Draft, Message
from rollbook.subjects import Aggregate, subject

BATCH: Final = 1000


class MemoryLedger:
    """A ledger that lives and dies with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self.messages: list[Message] = []
        self._by_subject: dict[str, list[Message]] = {}
        self._by_id: dict[str, Message] = {}

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        """Write all drafts or none; see `Ledger.append`."""
        check(drafts, expected)
        if drafts and self._is_kept(drafts[0], after=expected[drafts[0].aggregate]):
            start = self._by_id[drafts[0].id].sequence
            return list(range(start, start + len(drafts)))
        for aggregate, after in expected.items() if drafts else ():
            to = subject(aggregate)
            last = self._last(to)
            actual = last.sequence if last else 0
            if actual != after:
                raise AppendConflict(to, expected=after, actual=actual)
        for draft in drafts:
            taken = self._by_id.get(draft.id)
            if taken:
                to, after = subject(draft.aggregate), expected[draft.aggregate]
                raise AppendConflict(to, expected=after, actual=taken.sequence)
        return [self._keep(draft) for draft in drafts]

    def inject(self, to: str, body: bytes, *, id_: str | None = None) -> int:
        """Store a message as a foreign writer would: unguarded and unchecked."""
        return self._store(to, body, id_)

    async def last(self, aggregate: Aggregate) -> Message | None:
        """Return the newest message of an aggregate."""
        return self._last(subject(aggregate))

    async def at(self, sequence: int) -> Message | None:
        """Return the message in one place of the ledger."""
        is_there = 0 < sequence <= len(self.messages)
        return self.messages[sequence - 1] if is_there else None

    async def next(self, aggregate: Aggregate, *, after: int) -> Message | None:
        """Return the first message of an aggregate above `after`."""
        kept = self._by_subject.get(subject(aggregate), [])
        return next((each for each in kept if each.sequence > after), None)

    async def history(
        self, aggregate: Aggregate, *, after: int = 0, most: int | None = None
    ) -> list[Message]:
        """Return an aggregate's messages with a sequence above `after`, in order."""
        kept = self._by_subject.get(subject(aggregate), [])
        return [message for message in kept if message.sequence > after][:most]

    async def replay(self, *, after: int = 0) -> AsyncIterator[list[Message]]:
        """Read every message above `after` up to the present end, in batches."""
        until = len(self.messages)
        for start in range(after, until, BATCH):
            yield self.messages[start : min(start + BATCH, until)]

    async def head(self) -> int:
        """Return the sequence of the last message; 0 when there is none."""
        return len(self.messages)

    def _last(self, to: str) -> Message | None:
        kept = self._by_subject.get(to)
        return kept[-1] if kept else None

    def _is_kept(self, draft: Draft, *, after: int) -> bool:
        """Tell whether the first message of its subject above `after` is this one."""
        kept = self._by_subject.get(subject(draft.aggregate), [])
        return any(
            message.id == draft.id
            for message in [each for each in kept if each.sequence > after][:1]
        )

    def _keep(self, draft: Draft) -> int:
        return self._store(subject(draft.aggregate), draft.body, draft.id)

    def _store(self, to: str, body: bytes, id_: str | None) -> int:
        message = Message(len(self.messages) + 1, to, body, id_)
        self.messages.append(message)
        self._by_subject.setdefault(to, []).append(message)
        if id_ is not None:
            self._by_id.setdefault(id_, message)
        return message.sequence
