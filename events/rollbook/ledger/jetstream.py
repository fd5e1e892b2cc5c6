"""How does a JetStream stream keep the ledger's promises?"""

from collections.abc import AsyncIterator, Mapping, Sequence

from nats.aio.client import Client

from rollbook.ledger import append, replay
from rollbook.ledger.grouping import Grouping
from rollbook.ledger.protocol import Draft, Message
from rollbook.ledger.source import Source
from rollbook.subjects import Aggregate, subject


class JetStreamLedger:
    """A ledger on one stream.

    `prefix` is where the stream's API is for this connection: `$JS.API` in its own
    account, `JS.CORE.API` in SERVICES. `append`, `last`, `at` and `next` need the
    right to publish to the ledger and to ask its leader, which the registrar alone has.
    """

    def __init__(
        self,
        client: Client,
        *,
        stream: str = "LEDGER",
        prefix: str = "$JS.API",
        deadline_seconds: float = 10.0,
        try_seconds: float = 2.0,
    ) -> None:
        """Take an open connection; `deadline_seconds` bounds each call's retries."""
        self._source = Source(client, stream, prefix, deadline_seconds, try_seconds)
        self._grouping = Grouping(self._source)

    async def append(
        self, drafts: Sequence[Draft], *, expected: Mapping[Aggregate, int]
    ) -> list[int]:
        """Write all drafts or none; see `Ledger.append`."""
        append.check(drafts, expected)
        return await self._grouping.append(drafts, expected=expected) if drafts else []

    async def last(self, aggregate: Aggregate) -> Message | None:
        """Return the newest message of an aggregate, as the leader knows it."""
        return await self._source.stored({"last_by_subj": subject(aggregate)})

    async def at(self, sequence: int) -> Message | None:
        """Return the message in one place of the ledger, as the leader knows it."""
        return await self._source.stored({"seq": sequence})

    async def next(self, aggregate: Aggregate, *, after: int) -> Message | None:
        """Return the first message above `after`, as the leader knows it."""
        return await self._source.stored(
            {"seq": after + 1, "next_by_subj": subject(aggregate)}
        )

    async def history(
        self, aggregate: Aggregate, *, after: int = 0, most: int | None = None
    ) -> list[Message]:
        """Return what a replica holds of an aggregate above `after`; see `Ledger`."""
        return await replay.read_subject(
            self._source, subject(aggregate), after=after, most=most
        )

    async def replay(self, *, after: int = 0) -> AsyncIterator[list[Message]]:
        """Read every message above `after` up to the present end, in batches."""
        until = await self.head()
        async for batch in replay.read_all(self._source, after=after, until=until):
            yield batch

    async def head(self) -> int:
        """Return the sequence of the last message; 0 when there is none."""
        return await self._source.head()
