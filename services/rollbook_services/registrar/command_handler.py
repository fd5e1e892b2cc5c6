"""THE WRITE PATH: load, decide, append, until the ledger has it or the rules say no.

A crash anywhere leaves the whole decision in the ledger or nothing of it; the next
try with the same command id finds out which, by the same loop.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

import rfc8785

from rollbook.codec import (
    Link,
    enclose,
    leaf_hash,
    message_to_sign,
    parse,
    unsigned,
    with_signature,
)
from rollbook.commands.command import ModelScoped, content_digest
from rollbook.commands.wire import AnyCommand, Request
from rollbook.envelope import Actor, Envelope, Stamp
from rollbook.errors import AppendConflict
from rollbook.event import Event
from rollbook.ledger.protocol import Draft, Ledger
from rollbook.names import LARGEST_BODY, Digest
from rollbook.refusals import (
    Refusal,
    command_id_reused,
    conflict,
    too_large,
    unserialisable,
)
from rollbook.subjects import ACCESS, Aggregate, model
from rollbook_services.keys import Signer
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.correlation import story
from rollbook_services.registrar.decider import decide_any
from rollbook_services.registrar.folded import Folded
from rollbook_services.registrar.state import Access, Answered

MOST_TRIES: Final = 12
LONGEST_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a command left in the ledger, now or at an earlier try."""

    envelopes: Sequence[Envelope[Event]]
    rev: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the write path touches clock and chance."""

    now: Callable[[], datetime]
    entropy: Callable[[], bytes]


class CommandHandler:
    """One lane of work for each aggregate, many aggregates side by side."""

    def __init__(
        self, ledger: Ledger, cache: Cache, signer: Signer, *, origin: str, edge: Edge
    ) -> None:
        """Hold what the write path needs."""
        self._ledger, self._cache, self._signer = ledger, cache, signer
        self._origin, self._edge = origin, edge
        # A lock lives as long as somebody holds it or waits for it.
        self._lanes: WeakValueDictionary[Aggregate, asyncio.Lock] = (
            WeakValueDictionary()
        )

    async def handle(self, request: Request, actor: Actor) -> Recorded | Refusal:
        """Record what the command decides, once, or say why not.

        Raises Unacknowledged when nobody can say whether it is kept: the caller
        sends the same request again.
        """
        try:
            digest = content_digest(request.command, actor=actor.id)
        except rfc8785.CanonicalizationError as error:
            return unserialisable(str(error))
        aggregate = aggregate_of(request.command)
        lane = self._lanes.setdefault(aggregate, asyncio.Lock())
        async with lane:
            return await self._record(request, actor, aggregate, digest)

    async def _record(
        self, request: Request, actor: Actor, aggregate: Aggregate, digest: Digest
    ) -> Recorded | Refusal:
        for attempt in range(MOST_TRIES):
            folded = await self._cache.load(aggregate)
            known = folded.state.commands.get(request.id)
            if known is not None:
                if known.digest != digest:
                    return command_id_reused(request.id)
                return await self._first_result(aggregate, known)
            stamp = self._stamp(request, actor, digest, folded)
            outcome = await self._try(request.command, folded, stamp)
            if outcome is not None:
                return outcome
            await asyncio.sleep(
                random.uniform(0, LONGEST_PAUSE_SECONDS) * attempt / MOST_TRIES
            )
        return conflict(aggregate, attempts=MOST_TRIES)

    async def _try(
        self, command: AnyCommand, folded: Folded, stamp: Stamp
    ) -> Recorded | Refusal | None:
        """Decide and append once; None asks for another round."""
        access = await self._cache.load(ACCESS)
        assert isinstance(access.state, Access)
        decided = decide_any(command, folded.state, access.state, stamp)
        if isinstance(decided, Refusal) or not decided:
            # No guard holds these, so they must not rest on what was true before.
            if not await self._is_newest(folded, access):
                return None
            return (
                decided
                if isinstance(decided, Refusal)
                else Recorded((), folded.link.rev)
            )
        drafts, links = await self._write(decided, folded, stamp)
        largest = max(len(draft.body) for draft in drafts)
        if largest > LARGEST_BODY:
            return too_large(largest, LARGEST_BODY)
        try:
            sequences = await self._ledger.append(
                drafts, expected={folded.aggregate: folded.sequence}
            )
        except AppendConflict:
            await self._cache.refresh(folded.aggregate)
            return None
        appended = [
            enclose(event, parse(draft.body), link.leaf or Digest(""), sequence)
            for event, draft, link, sequence in zip(
                decided, drafts, links, sequences, strict=True
            )
        ]
        folded = await self._cache.keep(folded, appended)
        return Recorded(appended, folded.link.rev)

    async def _is_newest(self, *read: Folded) -> bool:
        """Tell whether the ledger's leader has nothing newer than what was read."""
        for each in {folded.aggregate: folded for folded in read}.values():
            fresh = await self._cache.refresh(each.aggregate)
            if fresh.sequence != each.sequence:
                return False
        return True

    async def _write(
        self, decided: Sequence[Event], folded: Folded, stamp: Stamp
    ) -> tuple[list[Draft], list[Link]]:
        drafts, links, link = [], [], folded.link
        for index, event in enumerate(decided):
            fields = unsigned(
                event,
                _in_story(event, folded.aggregate, stamp),
                index=index,
                aggregate=folded.aggregate,
                origin=self._origin,
                link=link,
                kid=self._signer.kid,
            )
            message = message_to_sign(fields)
            body = with_signature(message, await self._signer.sign(message))
            link = Link(link.rev + 1, leaf_hash(body))
            drafts.append(Draft(folded.aggregate, fields["id"], body))
            links.append(link)
        return drafts, links

    async def _first_result(self, aggregate: Aggregate, answered: Answered) -> Recorded:
        envelopes = await self._cache.events(aggregate, answered)
        last_rev = answered.first_rev + answered.count - 1
        return Recorded(envelopes, last_rev, replayed=True)

    def _stamp(
        self, request: Request, actor: Actor, digest: Digest, folded: Folded
    ) -> Stamp:
        now = self._edge.now()
        return Stamp(
            # The ledger keeps milliseconds, and time never runs backwards in a history.
            at=max(
                now.replace(microsecond=now.microsecond // 1000 * 1000), folded.last_at
            ),
            actor=actor,
            command_id=request.id,
            command_digest=digest,
            correlation_id=request.correlation_id,
            causation_id=request.causation_id,
            entropy=self._edge.entropy(),
        )


def _in_story(event: Event, aggregate: Aggregate, stamp: Stamp) -> Stamp:
    told = story(event, aggregate, stamp)
    is_same = told == stamp.correlation_id
    return stamp if is_same else replace(stamp, correlation_id=told)


def aggregate_of(command: AnyCommand) -> Aggregate:
    """Say which history a command is about."""
    return model(command.model) if isinstance(command, ModelScoped) else ACCESS
