"""How do commands reach the registrar, and how is each one answered?

One queue group over NATS request and reply; every request is answered, also with a
no: a caller must never wait for a time-out to learn that its body was wrong.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from faststream import AckPolicy
from faststream.nats import NatsBroker, NatsMessage
from pydantic import ValidationError

from rollbook.commands.explain import Explain
from rollbook.commands.wire import (
    COMMANDS,
    CREDENTIAL_HEADER,
    Done,
    Problem,
    Request,
    Told,
    write_reply,
)
from rollbook.envelope import Actor
from rollbook.errors import RollbookError, Unacknowledged
from rollbook.ledger.protocol import Ledger
from rollbook.problems import code_of
from rollbook.refusals import Refusal, foreign_credential, invalid
from rollbook.subjects import ACCESS
from rollbook_services.registrar.authorise import authenticate
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.command_handler import (
    CommandHandler,
    Edge,
    Recorded,
    Rehearsed,
    Result,
)
from rollbook_services.registrar.questions import tell

QUEUE: Final = "registrar"
WORKERS: Final = 128
FOLLOW_EVERY_SECONDS: Final = 0.1

log = structlog.stdlib.get_logger(__name__)


class Registrar:
    """Answers commands; the same for a broker and for a caller in this process."""

    def __init__(
        self, cache: Cache, handler: CommandHandler, edge: Edge, *, event_key: bytes
    ) -> None:
        """Hold the write path; `event_key` are the 32 public bytes agents pin."""
        self._cache, self._handler, self._edge = cache, handler, edge
        self.event_key = event_key

    async def answer(
        self, body: bytes, *, subject: str, credential: str
    ) -> Done | Told | Problem:
        """Answer one request; nothing it may hold raises."""
        started = time.perf_counter()
        try:
            request = Request.model_validate_json(body)
        except ValidationError as error:
            return _problem(invalid(_faults(error)))
        outcome = await self._outcome(request, subject, credential)
        log.debug(
            "command_answered",
            command=request.command.command,
            command_id=request.id,
            status=outcome.status,
            seconds=time.perf_counter() - started,
        )
        return outcome

    async def _outcome(
        self, request: Request, subject: str, credential: str
    ) -> Done | Told | Problem:
        try:
            actor = await self._authenticate(credential)
            if isinstance(actor, Refusal):
                return _problem(actor)
            if not fits(subject, actor):
                return _problem(foreign_credential(subject))
            outcome = await self._answer(request, actor)
        except (RollbookError, TimeoutError, OSError) as error:
            return _failure(error)
        if isinstance(outcome, Refusal):
            log.info(
                "command_refused",
                command=request.command.command,
                command_id=request.id,
                actor=actor.id,
                reason=outcome.reason.value,
            )
            return _problem(outcome)
        return outcome if isinstance(outcome, Told) else _done(outcome)

    async def _answer(self, request: Request, actor: Actor) -> Result | Told:
        command = request.command
        if isinstance(command, Explain):
            return await tell(command, actor, self._cache, now=self._edge.now())
        return await self._handler.handle(request, actor)

    async def _authenticate(self, credential: str) -> Actor | Refusal:
        access = await self._cache.access()
        actor = authenticate(access, credential, self._edge.now())
        if isinstance(actor, Refusal):
            # Another registrar may have issued the token a moment ago.
            await self._cache.refresh(ACCESS)
            access = await self._cache.access()
            actor = authenticate(access, credential, self._edge.now())
        return actor


@asynccontextmanager
async def serve(broker: NatsBroker, registrar: Registrar) -> AsyncIterator[None]:
    """Subscribe to commands while the context is open; finish those in hand."""
    answers = _Answers(registrar)
    subscriber = broker.subscriber(
        COMMANDS,
        queue=QUEUE,
        no_reply=True,
        ack_policy=AckPolicy.MANUAL,
        decoder=_as_it_is,
    )
    subscriber(answers.begin)
    client = await broker.connect()
    await broker.start()
    for _ in range(2):  # nats-py sends the first ping ahead of what is still buffered
        await client.flush()  # from here on, every command finds us
    try:
        yield
    finally:
        await subscriber.stop()
        await answers.finish()
        await broker.stop()


class _Answers:
    """Many answers side by side, up to a bound.

    FastStream's own workers and replies take 220 µs for each command, these 60.
    """

    def __init__(self, registrar: Registrar) -> None:
        self._registrar = registrar
        self._free = asyncio.Semaphore(WORKERS)
        self._running: set[asyncio.Task[None]] = set()

    async def begin(self, message: NatsMessage) -> None:
        """Start to answer; wait first while too many are being answered."""
        await self._free.acquire()
        task = asyncio.create_task(self._answer(message))
        self._running.add(task)
        task.add_done_callback(self._end)

    async def finish(self) -> None:
        """Wait for the answers that were begun."""
        if self._running:
            await asyncio.wait(self._running)

    async def _answer(self, message: NatsMessage) -> None:
        answer = await self._registrar.answer(
            message.body,
            subject=message.raw_message.subject,
            credential=message.headers.get(CREDENTIAL_HEADER, ""),
        )
        if message.reply_to:
            await message.raw_message.respond(write_reply(answer))

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()
        error = None if task.cancelled() else task.exception()
        if error is not None:  # NATS is away: the caller asks again with the same id
            log.error("command_not_answered", error=repr(error))


async def _as_it_is(message: NatsMessage) -> NatsMessage:
    """Leave decoding to `answer`: what FastStream cannot decode gets no reply."""
    return message


async def follow(ledger: Ledger, cache: Cache, *, after: int) -> None:
    """Keep what is held warm and right while other registrars write; never returns.

    `after` is where the ledger ended before anything was read into the cache. A
    revoked token is refused by every registrar within one round.
    """
    position = after
    while True:
        try:
            position = cache.skip_own(position)
            async for batch in ledger.replay(after=position):
                await cache.follow(batch)
                position = batch[-1].sequence
        except (RollbookError, TimeoutError, OSError) as error:
            log.warning("ledger_not_followed", position=position, error=str(error))
        await asyncio.sleep(FOLLOW_EVERY_SECONDS)


def fits(subject: str, actor: Actor) -> bool:
    """Tell whether the NATS user who may publish here is the credential's holder.

    A command needs two proofs that agree (design/proof.md §5). The gateway passes
    on the credentials of others, but never one of ours.
    """
    _, _, zone, user, *_ = subject.split(".")
    if zone == "core" and user == "gateway":
        return not actor.id.startswith("rollbook:")
    return actor.id == (f"rollbook:{user}" if zone == "core" else f"svc:{user}")


def _done(recorded: Recorded | Rehearsed) -> Done:
    if isinstance(recorded, Rehearsed):
        return Done(sequence=0, rev=recorded.rev, events=tuple(recorded.events))
    return Done(
        sequence=recorded.envelopes[-1].sequence if recorded.envelopes else 0,
        rev=recorded.rev,
        replayed=recorded.replayed,
        events=tuple(
            {**envelope.raw, "sequence": envelope.sequence}
            for envelope in recorded.envelopes
        ),
    )


def _problem(refusal: Refusal) -> Problem:
    return Problem(
        code=code_of(refusal.reason),
        reason=refusal.reason.value,
        message=refusal.message,
        detail=dict(refusal.detail),
    )


def _failure(error: Exception) -> Problem:
    code = "outcome-unknown" if isinstance(error, Unacknowledged) else "unavailable"
    log.error("command_failed", code=code, error=str(error))
    return Problem(code=code, reason=code.replace("-", "_"), message=str(error))


def _faults(error: ValidationError) -> list[dict[str, Any]]:
    faults: list[dict[str, Any]] = json.loads(
        error.json(include_url=False, include_context=False, include_input=False)
    )
    return faults
