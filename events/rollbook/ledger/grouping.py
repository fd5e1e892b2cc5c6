"""How do appends that wait at the same time share one write to disk?

One replica writes to disk for every publish, but once for an atomic batch. So appends
that arrive while others are under way go together, and one that is alone goes at
once. What a group does not settle cleanly is settled for each append by itself, as if
there had been no group: its ids and its guard stay the same.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rollbook.ledger import append
from rollbook.ledger.append import Answer
from rollbook.ledger.protocol import Draft
from rollbook.ledger.source import Source
from rollbook.subjects import Aggregate

# The server allows 50 open batches on one stream, and there may be several registrars.
GROUPS_UNDER_WAY: Final = 2
LARGEST_GROUP: Final = 64


@dataclass(frozen=True, slots=True)
class _Alone:
    """The group settled nothing; `answer` is what the server said to this append."""

    answer: Answer | None = None


@dataclass(slots=True)
class _Waiting:
    drafts: Sequence[Draft]
    expected: Mapping[Aggregate, int]
    settled: asyncio.Future[list[int] | _Alone]

    def settle(self, how: list[int] | _Alone) -> None:
        if not self.settled.done():
            self.settled.set_result(how)


class Grouping:
    """Appends to one stream, a few groups at a time."""

    def __init__(self, source: Source) -> None:
        """Start with nothing under way."""
        self._source = source
        self._waiting: deque[_Waiting] = deque()
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        """Write all drafts or none; see `Ledger.append`."""
        settled = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(drafts, expected, settled))
        if self._under_way < GROUPS_UNDER_WAY:
            self._under_way += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        how: list[int] | _Alone = await settled
        if isinstance(how, list):
            return how
        return await append.append(
            self._source, drafts, expected=expected, answer=how.answer
        )

    async def _work(self) -> None:
        try:
            while group := self._take():
                try:
                    await self._write(group)
                finally:
                    for each in group:
                        each.settle(_Alone())
        finally:
            # In the same step as the look that found nothing: the next append starts.
            self._under_way -= 1

    def _take(self) -> list[_Waiting]:
        """Take what goes together: one decision for each history, not too many."""
        group: list[_Waiting] = []
        taken: set[Aggregate] = set()
        size = 0
        while self._waiting:
            following = self._waiting[0]
            size += len(following.drafts)
            if group and (size > LARGEST_GROUP or taken & following.expected.keys()):
                break
            taken |= following.expected.keys()
            group.append(self._waiting.popleft())
        return group

    async def _write(self, group: list[_Waiting]) -> None:
        """Try once; one guard that does not hold refuses the whole group."""
        answer = await append.send(
            self._source,
            [draft for each in group for draft in each.drafts],
            {name: after for each in group for name, after in each.expected.items()},
        )
        if len(group) == 1:
            group[0].settle(_Alone(answer))
        elif answer.sequence is not None and not answer.is_duplicate:
            _share(group, answer.sequence)


def _share(group: list[_Waiting], last: int) -> None:
    """Give each append its part of the row that a batch takes in the stream."""
    following = last - sum(len(each.drafts) for each in group) + 1
    for each in group:
        each.settle(list(range(following, following + len(each.drafts))))
        following += len(each.drafts)
