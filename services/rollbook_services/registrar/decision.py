"""What does a rule work with while it decides?

A decision collects events and folds them as it goes, so that the rules after the
first see what the first did. It lives as long as one call of `decide`.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rollbook.catalogue.model import ModelEvent
from rollbook.envelope import Actor, Stamp
from rollbook.event import Event
from rollbook.names import EventId
from rollbook.refusals import Refusal
from rollbook.subjects import Aggregate
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.state import (
    Mark,
    Model,
)
from rollbook_services.registrar.surroundings import (
    Access,
    Context,
)

Fold = Callable[[Model, ModelEvent, Mark], Model]


@dataclass(frozen=True, slots=True)
class Refused:
    """A no that is recorded, because an auditor would ask for it."""

    refusal: Refusal
    events: Sequence[ModelEvent]


@dataclass(frozen=True, slots=True)
class Decided:
    """The events of a decision about several aggregates: all are kept, or none."""

    events: Sequence[tuple[Aggregate, Event]]


def stamp_of(stamp: Stamp, aggregate: Aggregate) -> Stamp:
    """Make the stamp under which a decision about several aggregates writes to one.

    Event ids count from the entropy by the place in their aggregate.
    """
    chance = hashlib.sha256(stamp.entropy + aggregate.encode()).digest()
    return replace(stamp, entropy=chance[: len(stamp.entropy)])


class Decision:
    """The events of one decision, and the model as they leave it."""

    __slots__ = (
        *("_context", "_fold", "_folded", "_model", "_stamp"),
        *("at", "events", "is_refusal_kept"),
    )

    def __init__(
        self, model: Model, context: Context, stamp: Stamp, *, fold: Fold
    ) -> None:
        """Begin with the model as it is."""
        self._model, self._context, self._stamp = model, context, stamp
        self._fold, self._folded = fold, 0
        self.events: list[ModelEvent] = []
        self.is_refusal_kept = False
        self.at = _as_recorded(stamp.at)

    @property
    def actor(self) -> Actor:
        """Return who asks."""
        return self._stamp.actor

    @property
    def context(self) -> Context:
        """Return what is known outside the model."""
        return self._context

    @property
    def policy(self) -> Policy:
        """Return the policy in force."""
        return self._context.policy

    @property
    def access(self) -> Access:
        """Return who holds which role."""
        return self._context.access

    @property
    def model(self) -> Model:
        """Return the model with all events so far."""
        while self._folded < len(self.events):
            index = self._folded
            mark = Mark(self._stamp.event_id(index), self.at, self.actor)
            self._model = self._fold(self._model, self.events[index], mark)
            self._folded += 1
        return self._model

    def record(self, event: ModelEvent) -> EventId:
        """Add an event; its id is the one the ledger will give it."""
        self.events.append(event)
        return self._stamp.event_id(len(self.events) - 1)

    def keep_refusal(self) -> None:
        """Record the events so far even though the request is refused."""
        self.is_refusal_kept = True


def _as_recorded(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
