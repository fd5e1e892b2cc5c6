"""Does every decision in a ledger follow from what lay before it?

The ledger alone is read: each decision is taken again on the state before it, with
what it had seen, at its own time (design/promotion.md §8, I3 and I13).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import Engine, GateEvaluated, PromotionDispatched
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook_services.policy import expression, window
from rollbook_services.registrar.hindsight.differing import (
    Disagreement,
    differences,
    forbidden,
    left_out,
    place_of,
    unfounded,
)
from rollbook_services.registrar.hindsight.following import follows, kept_back
from rollbook_services.registrar.hindsight.history import (
    History,
    Run,
    decisions,
    is_model,
    name_of,
    seen_by,
)
from rollbook_services.registrar.state import RULES_VERSION, Model
from rollbook_services.registrar.surroundings import Context

OURS: Final[Mapping[str, str]] = {
    "rules": RULES_VERSION,
    "cel": expression.ENGINE,
    "tzdata": window.TZDATA,
}
"""What decides here. Where something else decided, its word is not ours to doubt."""
_Step = tuple[Envelope[ModelEvent], Model]


@dataclass(frozen=True, slots=True)
class Report:
    """How many decisions were taken again, and what came of it."""

    decisions: int
    """Those in which something follows by rule."""
    agreed: int
    disagreements: tuple[Disagreement, ...]
    not_comparable: int
    """Decisions that come out differently under other rules, expressions or time zones
    than those that took them, or that rest on revisions that were not read."""


def recompute(envelopes: Iterable[Envelope[Event]]) -> Report:
    """Take every decision of a ledger again; it is read from its first event on."""
    history, tally = History(), _Tally()
    for run in decisions(envelopes):
        if is_model(run[0].aggregate):
            tally.add(_taken_again(run, history))
        else:
            for envelope in run:
                history.take(envelope)
    return tally.report()


@dataclass(frozen=True, slots=True)
class _Again:
    """One decision, taken again."""

    is_judged: bool = False
    """Whether anything in it follows by rule."""
    found: Sequence[Disagreement] = ()
    is_read: bool = True
    """Whether all that it had seen was read."""
    is_told: bool = True
    """Whether it says what it had seen: an older release, with other rules, did not."""
    engine: Engine | None = None
    """Which code took it, where it says so."""


def _taken_again(run: Run, history: History) -> _Again:
    aggregate, steps = run[0].aggregate, []
    for envelope in run:
        before = history.model(aggregate)
        steps.append((cast("Envelope[ModelEvent]", envelope), before))
        history.take(envelope)
    again, seen = _Again(), seen_by(run)
    for context in history.contexts(name_of(aggregate), seen, run[0].at):
        if context is None:
            return _Again(is_judged=True, is_read=False)
        again = _compared(steps, context)
        if not again.found:
            break
    return again


def _compared(steps: Sequence[_Step], context: Context) -> _Again:
    """Hold what is recorded against what follows by rule, event by event."""
    found: list[Disagreement] = []
    due: list[ModelEvent] = []
    is_judged = False
    for at, (recorded, before) in enumerate(steps):
        if place_of(recorded.event, due) is None:
            found += left_out(due, recorded)
            follow = follows(before, context, [each for each, _ in steps[at:]])
            due = list(follow or ())
            if follow is None:
                continue
            is_judged = True
        place = place_of(recorded.event, due)
        if place is None:
            found.append(unfounded(recorded, due))
            due = []
            continue
        found += left_out(due[:place], recorded)
        found += _held_against(recorded, due[place], before)
        due = due[place + 1 :]
    found += left_out(due, steps[-1][0])
    events = [recorded.event for recorded, _ in steps]
    return _Again(is_judged, found, is_told=_is_told(events), engine=_engine(events))


def _held_against(
    recorded: Envelope[ModelEvent], due: ModelEvent, before: Model
) -> Iterator[Disagreement]:
    yield from differences(recorded, due)
    if isinstance(due, PromotionDispatched):
        why = kept_back(before, due)
        if why is not None:
            yield forbidden(recorded, why)


def _is_told(events: Iterable[ModelEvent]) -> bool:
    judged = (GateEvaluated, PromotionDispatched)
    return all(each.seen is not None for each in events if isinstance(each, judged))


def _engine(events: Iterable[ModelEvent]) -> Engine | None:
    dispatched = (each for each in events if isinstance(each, PromotionDispatched))
    return next((each.engine for each in dispatched), None)


class _Tally:
    """What came of the decisions so far.

    Only a dispatch says which code took it. What waits for judgement is believed to be
    ours if the dispatches before and after it were, as far as there are any.
    """

    def __init__(self) -> None:
        self._decisions = self._agreed = self._not_comparable = 0
        self._found: list[Disagreement] = []
        self._open: list[Sequence[Disagreement]] = []
        self._foreign: set[str] = set()

    def add(self, again: _Again) -> None:
        """Count one decision."""
        if not again.is_judged:
            return
        self._decisions += 1
        if again.engine is not None:
            self._hear(again.engine)
        if not again.is_read or (again.found and self._is_of_others(again)):
            self._not_comparable += 1
        elif not again.found:
            self._agreed += 1
        elif again.engine is None:
            self._open.append(again.found)
        else:
            self._found += again.found

    def report(self) -> Report:
        """Return what came of all of them."""
        found = [*self._found, *chain(*self._open)]
        return Report(
            decisions=self._decisions,
            agreed=self._agreed,
            disagreements=tuple(sorted(found, key=lambda each: each.sequence)),
            not_comparable=self._not_comparable,
        )

    def _is_of_others(self, again: _Again) -> bool:
        return bool(self._foreign) or not again.is_told

    def _hear(self, engine: Engine) -> None:
        """Learn what decides from here on, and until here."""
        for part, ours in OURS.items():
            said = getattr(engine, part)
            if said is not None:
                self._foreign.discard(part)
                self._foreign |= {part} if said != ours else set()
        if self._foreign:
            self._not_comparable += len(self._open)
        else:
            self._found += chain(*self._open)
        self._open = []
