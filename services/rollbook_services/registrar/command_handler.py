"""THE WRITE PATH: load, decide, append, until the ledger has it or the rules say no.

A crash anywhere leaves the whole decision in the ledger or nothing of it; the next
try with the same command id finds out which, by the same loop.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from weakref import WeakValueDictionary

import rfc8785

from rollbook.catalogue.approval import ApprovalRefused
from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.bundle import BundlesCommand
from rollbook.commands.command import content_digest
from rollbook.commands.policy import ProposePolicy
from rollbook.commands.wire import Request
from rollbook.envelope import Actor, Envelope, Stamp
from rollbook.errors import AppendConflict
from rollbook.event import Event
from rollbook.governing import policy_invalid
from rollbook.ledger.protocol import Ledger
from rollbook.names import LARGEST_BODY, Digest
from rollbook.refusals import (
    Reason,
    Refusal,
    command_id_reused,
    conflict,
    too_large,
    unserialisable,
)
from rollbook.subjects import BUNDLES, CALENDAR, Aggregate, model
from rollbook_services.keys import Signer
from rollbook_services.registrar.basis import Basis, basis_of
from rollbook_services.registrar.cache import Cache
from rollbook_services.registrar.deciding import aggregate_of, decide_any
from rollbook_services.registrar.decision import Refused
from rollbook_services.registrar.rules.bundle import members_of
from rollbook_services.registrar.surroundings import Bundles
from rollbook_services.registrar.timing import faults_in
from rollbook_services.registrar.writing import Nobody, Page, Part, write

MOST_TRIES: Final = 12
LONGEST_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a command left in the ledger, now or at an earlier try."""

    envelopes: Sequence[Envelope[Event]]
    rev: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What a command would leave in the ledger, as things stand."""

    events: Sequence[dict[str, Any]]
    rev: int
    """Of the last event that is there."""


Result = Recorded | Rehearsed | Refusal


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the write path touches clock and chance."""

    now: Callable[[], datetime]
    entropy: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    actor: Actor
    aggregate: Aggregate
    digest: Digest


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
        # In a cluster, two appends that guard the calendar at once refuse each other.
        self._dispatching = asyncio.Lock()

    async def handle(self, request: Request, actor: Actor) -> Result:
        """Record what the command decides, once, or say why not.

        Raises Unacknowledged when nobody can say whether it is kept: the caller
        sends the same request again.
        """
        try:
            digest = content_digest(request.command, actor=actor.id)
        except rfc8785.CanonicalizationError as error:
            return unserialisable(str(error))
        if isinstance(request.command, ProposePolicy):
            # Outside every lane: nobody waits while a child process measures.
            slow = await faults_in(request.command.document)
            if slow:
                return policy_invalid(slow)
        aggregate = aggregate_of(request.command)
        asked = _Asked(request, actor, aggregate, digest)
        async with self._lane(aggregate):
            return await self._answer(asked)

    async def _answer(self, asked: _Asked) -> Result:
        for attempt in range(MOST_TRIES):
            if asked.aggregate == BUNDLES:
                async with self._together(asked) as basis:
                    result = await self._try(asked, basis)
            else:
                own = await self._cache.load(asked.aggregate)
                result = await self._try(asked, await basis_of(self._cache, own))
            if result is not None:
                return result
            await asyncio.sleep(
                random.uniform(0, LONGEST_PAUSE_SECONDS) * attempt / MOST_TRIES
            )
        return conflict(asked.aggregate, attempts=MOST_TRIES)

    @asynccontextmanager
    async def _together(self, asked: _Asked) -> AsyncIterator[Basis]:
        """Take the lanes of a bundle's models, everybody in the same order.

        The models are read after the bundles, through the leader: what a bundle knows
        of its members has then happened to them.
        """
        bundles = await self._cache.refresh(BUNDLES)
        names = members_of(
            cast("BundlesCommand", asked.request.command),
            cast("Bundles", bundles.state),
        )
        members = sorted({model(name) for name in names})
        async with AsyncExitStack() as stack:
            for each in members:
                await stack.enter_async_context(self._lane(each))
            read = [await self._cache.refresh(each) for each in members]
            yield await basis_of(self._cache, bundles, tuple(read))

    async def _try(self, asked: _Asked, basis: Basis) -> Result | None:
        """Decide and append once; None asks for another round."""
        request, is_meant = asked.request, not asked.request.dry_run
        if is_meant and basis.answers(request.id):
            return await self._first_result(asked, basis)
        stamp = self._stamp(asked, basis)
        decided = decide_any(
            request.command,
            basis.own.state,
            basis.around,
            stamp,
            members=basis.models,
        )
        parts = basis.parts(decided, stamp)
        if not (parts and is_meant):
            # No guard holds these, so they must not rest on what was true before.
            if not await basis.is_newest(self._cache):
                return None
            if isinstance(decided, Refused):
                return decided.refusal
            if isinstance(decided, Refusal):
                return decided
            return await self._rehearse(parts, basis)
        result = await self._append(parts, basis)
        if isinstance(decided, Refused) and isinstance(result, Recorded):
            return decided.refusal
        return result

    async def _rehearse(self, parts: Sequence[Part], basis: Basis) -> Result:
        """Answer what leaves nothing behind."""
        rev = basis.own.link.rev
        if not parts:
            return Recorded((), rev)
        pages = await self._write(parts, Nobody(self._signer))
        if isinstance(pages, Refusal):
            return pages
        return Rehearsed([event for page in pages for event in page.unsigned()], rev)

    async def _write(
        self, parts: Sequence[Part], signer: Signer
    ) -> list[Page] | Refusal:
        pages = [await write(part, signer, origin=self._origin) for part in parts]
        largest = max(len(draft.body) for page in pages for draft in page.drafts)
        return too_large(largest, LARGEST_BODY) if largest > LARGEST_BODY else pages

    async def _append(
        self, parts: Sequence[Part], basis: Basis
    ) -> Recorded | Refusal | None:
        pages = await self._write(parts, self._signer)
        if isinstance(pages, Refusal):
            return pages
        drafts = [draft for page in pages for draft in page.drafts]
        expected = {part.folded.aggregate: part.folded.sequence for part in parts}
        is_dispatch = _dispatches(parts)
        if is_dispatch:
            # Nothing starts behind a freeze (design/promotion.md §1.5).
            expected.setdefault(CALENDAR, basis.calendar.sequence)
        try:
            async with self._dispatching if is_dispatch else nullcontext():
                sequences = await self._ledger.append(drafts, expected=expected)
        except AppendConflict:
            for aggregate in expected:
                await self._cache.refresh(aggregate)
            return None
        return await self._keep(pages, sequences, basis)

    async def _keep(
        self, pages: Sequence[Page], sequences: Sequence[int], basis: Basis
    ) -> Recorded:
        places, appended, rev = iter(sequences), [], basis.own.link.rev
        for page in pages:
            envelopes = page.kept(places)
            folded = await self._cache.keep(page.part.folded, envelopes)
            appended += envelopes
            if folded.aggregate == basis.own.aggregate:
                rev = folded.link.rev
        return Recorded(appended, rev)

    async def _first_result(self, asked: _Asked, basis: Basis) -> Recorded | Refusal:
        """Answer as an earlier try was answered."""
        found: list[Envelope[Event]] = []
        rev = basis.own.link.rev
        for aggregate, answered in basis.answers(asked.request.id):
            if answered.digest != asked.digest:
                return command_id_reused(asked.request.id)
            found += await self._cache.events(aggregate, answered)
            if aggregate == asked.aggregate:
                rev = answered.first_rev + answered.count - 1
        for told in found:
            if isinstance(told.event, ApprovalRefused):
                return Refusal(Reason(told.event.reason_code), told.event.message)
        return Recorded(found, rev, replayed=True)

    def _stamp(self, asked: _Asked, basis: Basis) -> Stamp:
        now = self._edge.now()
        # The ledger keeps milliseconds.
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        return Stamp(
            at=max(now, basis.not_before()),
            actor=asked.actor,
            command_id=asked.request.id,
            command_digest=asked.digest,
            correlation_id=asked.request.correlation_id,
            causation_id=asked.request.causation_id,
            entropy=self._edge.entropy(),
        )

    def _lane(self, aggregate: Aggregate) -> asyncio.Lock:
        return self._lanes.setdefault(aggregate, asyncio.Lock())


def _dispatches(parts: Sequence[Part]) -> bool:
    return any(
        isinstance(event, PromotionDispatched)
        for part in parts
        for event in part.events
    )
