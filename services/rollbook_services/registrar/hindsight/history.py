"""What lay before each decision of a ledger, from the ledger alone?

Folds every event in its order. Of the small aggregates each revision is kept, so that
a decision is looked at with what it had seen, not with what was there by then.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, cast

from rollbook.catalogue.access import TokenRevoked
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import Seen
from rollbook.codec import parse, read
from rollbook.envelope import Envelope
from rollbook.errors import InvalidLedger
from rollbook.event import Event
from rollbook.names import CommandId, ModelName
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.subjects import (
    ACCESS,
    CALENDAR,
    FLEET,
    POLICIES,
    PREFIX,
    Aggregate,
    model_name,
)
from rollbook_services.registrar.deciding import evolve_any
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.governing import context_for
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.surroundings import (
    Access,
    Calendar,
    Context,
    Fleet,
    Policies,
)

Run = list[Envelope[Event]]
# Clocks of registrars may differ by less than this: what ran out is kept so long.
SKEW: Final = timedelta(days=1)
HEARD_AFTER: Final = timedelta(minutes=1)
_FEW: Final = 64  # tokens that are not worth tidying up


def decisions(envelopes: Iterable[Envelope[Event]]) -> Iterator[Run]:
    """Put together what one command recorded on one aggregate: it stands in a row."""
    for _, run in groupby(envelopes, key=_command_of):
        yield list(run)


def _command_of(envelope: Envelope[Event]) -> tuple[Aggregate, CommandId]:
    return envelope.aggregate, envelope.command_id


def seen_by(run: Iterable[Envelope[Event]]) -> Seen | None:
    """Return what a decision had seen, where one of its events says so."""
    told = (getattr(each.event, "seen", None) for each in run)
    return next((each for each in told if isinstance(each, Seen)), None)


class History:
    """Every aggregate as far as a ledger was read, from its first event on."""

    def __init__(self) -> None:
        """Begin before anything happened."""
        self._models: dict[Aggregate, Model] = {}
        self._access = {0: Access()}
        self._policies = {0: Policies()}
        self._calendar = {0: Calendar()}
        self._fleet = Fleet()
        self._fleets: list[tuple[datetime, Fleet]] = []
        """Earlier ones in which others were drained, and until when each was there."""
        self._crowded = _FEW
        self.seen = Seen(access=0, policies=0, calendar=0)
        """The newest revisions, by the order of the ledger."""
        self._changed_at: dict[Aggregate, datetime] = {}

    def take(self, envelope: Envelope[Event]) -> None:
        """Move on by the next event; what no decision about a model reads is left."""
        aggregate, rev = envelope.aggregate, envelope.rev
        if is_model(aggregate):
            recorded = cast("Envelope[ModelEvent]", envelope)
            self._models[aggregate] = evolve(self.model(aggregate), recorded)
            return
        if aggregate == ACCESS:
            self._access[rev] = self._access_after(envelope)
        elif aggregate == POLICIES:
            policies = evolve_any(self._policies[rev - 1], envelope)
            self._policies[rev] = cast("Policies", policies)
        elif aggregate == CALENDAR:
            calendar = evolve_any(self._calendar[rev - 1], envelope)
            self._calendar[rev] = cast("Calendar", calendar)
        else:
            if aggregate == FLEET:
                self._take_fleet(envelope)
            return
        self.seen = Seen(**{**self.seen.model_dump(), aggregate: rev})
        self._changed_at[aggregate] = envelope.at

    def model(self, aggregate: Aggregate) -> Model:
        """Return a model as it is; one that nothing happened to is new."""
        known = self._models.get(aggregate)
        return Model(name_of(aggregate)) if known is None else known

    def present(self, model: ModelName) -> Context:
        """Return what lies around a model by the order of the ledger."""
        context = self.context(model, self.seen)
        assert context is not None
        return context

    def maybe_seen(self, at: datetime) -> Iterator[Seen]:
        """Return what a decision that does not say so may have seen, likeliest first.

        What was there by the order of the ledger; or what was there before a change
        so recent that the registrar may not have heard of it.
        """
        now = self.seen.model_dump()
        yield self.seen
        for name, changed_at in self._changed_at.items():
            if at - changed_at <= HEARD_AFTER:
                yield Seen(**{**now, name: now[name] - 1})

    def contexts(
        self, model: ModelName, seen: Seen | None, at: datetime
    ) -> Iterator[Context | None]:
        """Return what a decision may have read outside its model, likeliest first.

        No decision says which agents it knew to be drained: it may not have heard of
        a change a moment ago. None: what it had seen is not here.
        """
        for each in self.maybe_seen(at) if seen is None else (seen,):
            for fleet in self._maybe_fleets(at):
                yield self.context(model, each, fleet)

    def _maybe_fleets(self, at: datetime) -> Iterator[Fleet]:
        yield self._fleet
        for until, fleet in reversed(self._fleets):
            if at - until <= HEARD_AFTER:
                yield fleet

    def policies(self) -> Policies:
        """Return the policies as they are."""
        return self._policies[self.seen.policies]

    def context(
        self, model: ModelName, seen: Seen, fleet: Fleet | None = None
    ) -> Context | None:
        """Return what a decision read outside its model; None: that is not here."""
        access = self._access.get(seen.access)
        policies = self._policies.get(seen.policies)
        calendar = self._calendar.get(seen.calendar)
        if access is None or policies is None or calendar is None:
            return None
        around = self._fleet if fleet is None else fleet
        return context_for(model, access, policies, calendar, around)

    def _take_fleet(self, envelope: Envelope[Event]) -> None:
        """Fold; who comes and goes without being drained changes no decision."""
        before, after = self._fleet, cast("Fleet", evolve_any(self._fleet, envelope))
        if after.drained() != before.drained():
            self._fleets.append((envelope.at, before))
        self._fleet = after

    def _access_after(self, envelope: Envelope[Event]) -> Access:
        """Fold, and leave tokens out that open nothing any more.

        Who holds which role is asked at every vote, and a ledger lives longer than
        its tokens: going through all there ever were would take longer and longer.
        """
        before, event = self._access[envelope.rev - 1], envelope.event
        if isinstance(event, TokenRevoked) and event.token not in before.tokens:
            return replace(before, rev=envelope.rev)
        after = cast("Access", evolve_any(before, envelope))
        if len(after.tokens) > self._crowded:
            since = envelope.at - SKEW
            live = [each for each in after.tokens.items() if each[1].is_live(since)]
            after = replace(after, tokens=Growing(live))
            self._crowded = max(_FEW, 2 * len(live))
        return after


def is_model(aggregate: Aggregate) -> bool:
    """Tell a model from the small aggregates."""
    return aggregate.startswith("model.")


def name_of(aggregate: Aggregate) -> ModelName:
    """Read the name of what is a model."""
    name = model_name(aggregate)
    assert name is not None
    return name


def read_history(
    messages: Iterable[tuple[int, str, bytes]], chain: Chain | None = None
) -> Iterator[Envelope[Event]]:
    """Verify and read a ledger: sequence, subject and bytes of every message.

    From the first message on, which brings the key unless `chain` does. What is no
    event of ours changes nothing, as everywhere. UnreadableEvent for what a newer
    release wrote.
    """
    so_far = Chain() if chain is None else chain
    for sequence, subject, body in messages:
        verdict = check(body, subject, sequence, so_far)
        if isinstance(verdict, Accepted):
            so_far.accept(verdict)
            yield read(verdict.raw, body, sequence)


def read_exported(
    lines: Iterable[bytes], chain: Chain | None = None
) -> Iterator[Envelope[Event]]:
    """Verify and read what `events export` wrote: one event a line, from the first on.

    The file holds valid events alone, so a line counts as its sequence. Raises
    InvalidLedger for a line that is none, or not the next one of its aggregate.
    """
    so_far = Chain() if chain is None else chain
    for number, line in enumerate(lines, start=1):
        body = line.rstrip(b"\n")
        verdict = check(body, _subject_of(body, number), number, so_far)
        if not isinstance(verdict, Accepted):
            raise _is_damaged(number, verdict.reason)
        so_far.accept(verdict)
        yield read(verdict.raw, body, number)


def _subject_of(body: bytes, number: int) -> str:
    try:
        return f"{PREFIX}{parse(body)['subject']}"
    except (LookupError, TypeError, ValueError) as error:
        raise _is_damaged(number, "json") from error


def _is_damaged(number: int, reason: str) -> InvalidLedger:
    return InvalidLedger(
        f"line {number} is not the next event of a ledger ({reason}); export all of "
        "it again, without --since and --model, and leave the file as it is"
    )
