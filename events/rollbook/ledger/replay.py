"""How is the ledger read in bulk, without a consumer, from any account?

By batched direct get: one request is answered by many messages and an end mark.
Two requests overlap, so that the server reads on while we decode. Whatever stays
away is asked for again.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import nats.errors
import orjson
from nats.aio.msg import Msg

from rollbook.errors import InvalidLedger, Unavailable
from rollbook.ledger import pauses
from rollbook.ledger.protocol import Message
from rollbook.ledger.source import Source

BATCH: Final = 1000
BATCH_BYTES: Final = 8 * 1024 * 1024
OVERLAPPING: Final = 2
_ENDS: Final = ("204", "404")  # the end mark; nothing there. 503 is nobody there.


@dataclass(slots=True)
class Answer:
    """What one request has brought so far, in order."""

    start: int
    count: int
    messages: list[Message] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    pending: int | None = None
    """How many more there are, says the end mark; None where none came."""

    @property
    def next(self) -> int:
        """Return the sequence to go on from."""
        return self.messages[-1].sequence + 1 if self.messages else self.start


class Questions:
    """Batched direct gets whose answers come over one subscription."""

    def __init__(self, source: Source) -> None:
        """Prepare; `asking` subscribes."""
        self._source = source
        self._inbox = source.client.new_inbox()
        self._open: dict[str, Answer] = {}
        self._asked = 0

    @property
    def inboxes(self) -> str:
        """Name what has to be subscribed to."""
        return f"{self._inbox}.*"

    def cancelled(self) -> bool:
        """Tell nats-py that answers are still wanted."""
        return False

    def set_result(self, message: Msg) -> None:
        """Add one message to the answer it belongs to."""
        answer = self._open.get(message.subject)
        if answer is None:  # of a request that was given up and asked again
            return
        headers = message.headers or {}
        # The server adds its headers last, so a stored one cannot stand in for them.
        sequence = headers.get("Nats-Sequence")
        if sequence is None:
            if headers.get("Status") in _ENDS:
                answer.pending = int(headers.get("Nats-Num-Pending", 0))
            answer.ended.set()
        else:
            found = headers["Nats-Subject"], message.data, headers.get("Nats-Msg-Id")
            answer.messages.append(Message(int(sequence), *found))

    async def ask(self, start: int, count: int, *, of: str | None = None) -> Answer:
        """Send one request, for one subject or for all; the answer fills by itself."""
        source, self._asked = self._source, self._asked + 1
        inbox = f"{self._inbox}.{self._asked}"
        answer = self._open[inbox] = Answer(start, count)
        query = {"seq": start, "batch": count, "max_bytes": BATCH_BYTES}
        body = orjson.dumps(query if of is None else {**query, "next_by_subj": of})
        with contextlib.suppress(nats.errors.Error):  # the wait will tell
            await source.client.publish(
                f"{source.prefix}.DIRECT.GET.{source.stream}", body, reply=inbox
            )
        return answer

    async def wait(self, answer: Answer) -> None:
        """Wait for the end mark, at most for one try, then close the answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._source.try_seconds):
                await answer.ended.wait()
        for inbox in [name for name, each in self._open.items() if each is answer]:
            del self._open[inbox]


@contextlib.asynccontextmanager
async def asking(source: Source) -> AsyncIterator[Questions]:
    """Subscribe for answers until the end of the block."""
    questions = Questions(source)
    try:
        # A future takes each message at once; the queue of a callback costs a tenth
        # more, and drops messages where it overflows.
        subscription = await source.client.subscribe(
            questions.inboxes, future=cast("asyncio.Future[Any]", questions)
        )
    except nats.errors.Error as error:
        raise _silent(source) from error
    try:
        yield questions
    finally:
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()


async def read_all(
    source: Source, *, after: int, until: int
) -> AsyncIterator[list[Message]]:
    """Read every message above `after` up to `until`, in batches.

    Raises InvalidLedger where a sequence is missing, Unavailable when the server
    says nothing for as long as the source's deadline.
    """
    start, asked = after + 1, deque[Answer]()
    async with asking(source) as questions:
        while start <= until or asked:
            while start <= until and len(asked) < OVERLAPPING:
                count = min(BATCH, until - start + 1)
                asked.append(await questions.ask(start, count))
                start += count
            async for part in _all_of(asked.popleft(), questions, source):
                yield part


async def _all_of(
    answer: Answer, questions: Questions, source: Source
) -> AsyncIterator[list[Message]]:
    """Hand on an answer in parts, until all that was asked for is there.

    Only a part comes where the bytes are many, a follower lags behind the end we
    were told, or the connection breaks.
    """
    end = answer.start + answer.count
    waiting = pauses.until(source.deadline_seconds)
    while True:
        await questions.wait(answer)
        if answer.messages:
            _check_unbroken(answer)
            yield answer.messages
            waiting = pauses.until(source.deadline_seconds)
        elif waiting.is_over:
            raise _silent(source)
        else:
            await waiting.take()
        if answer.next >= end:
            return
        answer = await questions.ask(answer.next, end - answer.next)


async def read_subject(
    source: Source, subject: str, *, after: int, most: int | None = None
) -> list[Message]:
    """Read messages of one subject above `after`, in order: all, or the first ones.

    As far as the replica that answers has them.
    """
    found: list[Message] = []
    start, waiting = after + 1, pauses.until(source.deadline_seconds)
    async with asking(source) as questions:
        while True:
            count = BATCH if most is None else min(BATCH, most - len(found))
            answer = await questions.ask(start, count, of=subject)
            await questions.wait(answer)
            if answer.messages:
                found += answer.messages
                waiting = pauses.until(source.deadline_seconds)
            start = answer.next
            if answer.pending == 0 or len(found) == most:
                return found
            if answer.pending is None:
                if waiting.is_over:
                    raise _silent(source)
                await waiting.take()


def _check_unbroken(answer: Answer) -> None:
    for sequence, message in enumerate(answer.messages, answer.start):
        if message.sequence != sequence:
            raise InvalidLedger(
                f"message {sequence} of the ledger is missing, the next one is "
                f"{message.sequence}: somebody cut the stream; stop what writes to it "
                "and restore it from a copy"
            )


def _silent(source: Source) -> Unavailable:
    return Unavailable(f"stream {source.stream} does not answer direct gets")
