"""What does a rule work with while it decides?

A decision collects events and folds them as it goes, so that the rules after the
first see what the first did. It lives as long as one call of `decide`.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from rollbook.catalogue.model import ModelEvent
from rollbook.envelope import Actor, Stamp
from rollbook.names import EventId
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.state import Access, Context, Mark, Model

Fold = Callable[[Model, ModelEvent, Mark], Model]


class Decision:
    """The events of one decision, and the model as they leave it."""

    __slots__ = ("_context", "_fold", "_folded", "_model", "_stamp", "at", "events")

    def __init__(
        self, model: Model, context: Context, stamp: Stamp, *, fold: Fold
    ) -> None:
        """Begin with the model as it is."""
        self._model, self._context, self._stamp = model, context, stamp
        self._fold, self._folded = fold, 0
        self.events: list[ModelEvent] = []
        self.at = _as_recorded(stamp.at)

    @property
    def actor(self) -> Actor:
        """Return who asks."""
        return self._stamp.actor

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


def _as_recorded(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000)
