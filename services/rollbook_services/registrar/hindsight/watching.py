"""Which decisions would a policy have turned, as one goes through a ledger?

A promotion is judged just before it is dispatched, rejected or expired. One that ends
without a dispatch is also judged while it waits: whenever something happened to its
model or to the freezes, and when time alone may have opened what was closed.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from typing import cast

from rollbook.catalogue.approval import ApprovalGranted, ApprovalRejected
from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import (
    PromotionCancelled,
    PromotionDispatched,
    PromotionExpired,
    PromotionRejected,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import EventId, PromotionId, Version
from rollbook.subjects import CALENDAR, Aggregate
from rollbook_services.policy.document import Policy, matches
from rollbook_services.registrar.hindsight.history import (
    History,
    Run,
    is_model,
    name_of,
    seen_by,
)
from rollbook_services.registrar.hindsight.supposing import (
    Cast,
    Supposed,
    Then,
    suppose,
)
from rollbook_services.registrar.hindsight.verdict import (
    Case,
    Decided,
    Verdict,
    of_dispatched,
    of_ended,
    without_stage,
)
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.state import Promotion
from rollbook_services.registrar.surroundings import Context
from rollbook_services.registrar.transitions import PromotionState

_Key = tuple[Aggregate, PromotionId]


@dataclass(slots=True)
class _Waiting:
    """A promotion that has not been dispatched, and what was found out about it."""

    votes: dict[EventId, Cast] = field(default_factory=dict)
    open_at: datetime | None = None
    """When the policy would first have let it through."""
    lacking: Supposed | None = None
    """What it came to when only evidence was missing that nobody had recorded."""
    due_at: datetime | None = None
    """When time alone may open what is closed."""


class Watch:
    """A ledger as far as it was gone through, and the verdicts so far."""

    def __init__(self, policy: Policy, models: tuple[str, ...] | None) -> None:
        """Begin before anything happened; None: look at every model."""
        self.history = History()
        self.verdicts: list[Verdict] = []
        self._policy, self._models = policy, models
        self._waiting: dict[_Key, _Waiting] = {}
        self._evidence: defaultdict[
            tuple[Aggregate, Version], list[EvidenceRecorded]
        ] = defaultdict(list)
        self._due: list[tuple[datetime, _Key]] = []

    def take(self, run: Run) -> None:
        """Go on by one decision."""
        self._wake(run[0].at)
        aggregate = run[0].aggregate
        if not self._is_asked(aggregate):
            for envelope in run:
                self.history.take(envelope)
            if aggregate == CALENDAR:
                self._judge_all(run[-1].at)
            return
        context = self._context(aggregate, run)
        for envelope in run:
            self._look(cast("Envelope[ModelEvent]", envelope), context)
            self.history.take(envelope)
        for id_ in self.history.model(aggregate).open:
            self._judge((aggregate, id_), context, run[-1].at)

    def _wake(self, at: datetime) -> None:
        """Judge again what time alone may have opened until now."""
        while self._due and self._due[0][0] <= at:
            due_at, key = heappop(self._due)
            waiting = self._waiting.get(key)
            if waiting is not None and waiting.due_at == due_at:
                self._judge(key, self._present(key), due_at)

    def _judge_all(self, at: datetime) -> None:
        """Judge what waits once freezes came or went."""
        for key in self._waiting:
            self._judge(key, self._present(key), at)

    def _present(self, key: _Key) -> Context:
        return self.history.present(name_of(key[0]))

    def _is_asked(self, aggregate: Aggregate) -> bool:
        if not is_model(aggregate):
            return False
        name = name_of(aggregate)
        is_named = self._models is None or matches(name, self._models)
        return is_named and self._policy.matches(name)

    def _context(self, aggregate: Aggregate, run: Run) -> Context:
        """Return what a decision had seen, else what was there by then."""
        name, seen = name_of(aggregate), seen_by(run)
        told = None if seen is None else self.history.context(name, seen)
        return told or self.history.present(name)

    def _look(self, recorded: Envelope[ModelEvent], context: Context) -> None:
        """Take from an event what no state keeps; judge where it ends a wait."""
        aggregate = recorded.aggregate
        match recorded.event:
            case EvidenceRecorded() as event:
                self._evidence[aggregate, event.version].append(event)
            case PromotionRequested() as event:
                self._waiting[aggregate, event.promotion] = _Waiting()
            case ApprovalGranted() | ApprovalRejected() as event:
                self._vote(recorded, event.promotion, context)
            case PromotionDispatched() as event:
                self._decide(recorded, event.promotion, Decided.DISPATCHED, context)
            case PromotionRejected() as event:
                self._decide(recorded, event.promotion, Decided.REJECTED, context)
            case PromotionExpired() as event:
                self._decide(recorded, event.promotion, Decided.EXPIRED, context)
            case PromotionCancelled() | PromotionSuperseded() as event:
                del self._waiting[aggregate, event.promotion]
            case _:
                pass

    def _vote(
        self, recorded: Envelope[Event], id_: PromotionId, context: Context
    ) -> None:
        key = recorded.aggregate, id_
        rules = stage_of(context.policy, self._promotion(key).stage)
        cast_then = Cast(recorded.at, recorded.actor.roles, rules)
        self._waiting[key].votes[recorded.id] = cast_then

    def _decide(
        self,
        recorded: Envelope[Event],
        id_: PromotionId,
        decided: Decided,
        context: Context,
    ) -> None:
        key = recorded.aggregate, id_
        if decided is not Decided.DISPATCHED:
            self._judge(key, context, recorded.at)
        waiting, promotion = self._waiting.pop(key), self._promotion(key)
        case = Case(name_of(key[0]), id_, recorded.sequence, recorded.at, decided)
        supposed = self._supposed(key, waiting, context, recorded.at)
        if supposed is None:
            verdict = without_stage(case, self._policy.name, promotion.stage)
        elif decided is Decided.DISPATCHED:
            verdict = of_dispatched(case, supposed)
        else:
            verdict = of_ended(
                case, supposed, open_at=waiting.open_at, lacking=waiting.lacking
            )
        self.verdicts.append(verdict)

    def _judge(self, key: _Key, context: Context, at: datetime) -> None:
        """See whether the policy would have let through what waits.

        What was ready anyway says nothing about the policy.
        """
        waiting = self._waiting.get(key)
        if waiting is None or waiting.open_at is not None:
            return
        if self._promotion(key).state is not PromotionState.GATING:
            return
        waiting.due_at = None
        supposed = self._supposed(key, waiting, context, at)
        if supposed is None:
            return
        if supposed.is_open:
            waiting.open_at = at
        elif not supposed.closed:
            waiting.lacking = supposed
        elif supposed.opens_at is not None and supposed.opens_at > at:
            waiting.due_at = supposed.opens_at
            heappush(self._due, (supposed.opens_at, key))

    def _supposed(
        self, key: _Key, waiting: _Waiting, context: Context, at: datetime
    ) -> Supposed | None:
        """Judge it as it is by the policy; None: the policy has no such stage."""
        promotion = self._promotion(key)
        stage = self._policy.stage(promotion.stage)
        if stage is None:
            return None
        then = Then(
            self.history.model(key[0]),
            promotion,
            context,
            at,
            waiting.votes,
            self._evidence[key[0], promotion.version],
        )
        return suppose(self._policy, stage, then)

    def _promotion(self, key: _Key) -> Promotion:
        promotion: Promotion = self.history.model(key[0]).promotions[key[1]]
        return promotion
