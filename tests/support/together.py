"""How does a whole installation go on: models, bundles, rules, freezes and people?

A world is a value, like a scenario. Every request is decided by the real rules, and
what they record stands in one ledger, in its order, with all revisions.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar, cast

from rollbook.catalogue.access import TokenIssued
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.target import Report
from rollbook.commands.bundle import BundlesCommand
from rollbook.commands.command import content_digest
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor, Envelope, Stamp
from rollbook.event import Event
from rollbook.names import (
    BundleId,
    CommandId,
    Digest,
    EventId,
    KeyId,
    ModelName,
    StageName,
    TargetName,
    TokenId,
)
from rollbook.refusals import Refusal
from rollbook.subjects import (
    ACCESS,
    BUNDLES,
    CALENDAR,
    FLEET,
    POLICIES,
    Aggregate,
    model_name,
)
from rollbook.subjects import model as aggregate_of_model
from rollbook_services.registrar.deciding import (
    Outcome,
    aggregate_of,
    decide_any,
    evolve_any,
    initial,
)
from rollbook_services.registrar.decision import Decided, Refused, stamp_of
from rollbook_services.registrar.governing import Around, context_for
from rollbook_services.registrar.rules.bundle import members_of
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.surroundings import (
    Access,
    Bundles,
    Calendar,
    Fleet,
    Policies,
    State,
)
from tests.support.governed import REVIEWERS
from tests.support.scenario import (
    DAVE,
    DEFAULT,
    EVERYBODY,
    FRAUD,
    STAGING,
    START,
    Scenario,
    agent,
    person,
)

ADMIN: Final = person("x", "access-admin")
RULER: Final = person("y", "policy-owner")
OTHER_RULER: Final = person("z", "policy-owner")
PEOPLE: Final = (*EVERYBODY, *REVIEWERS, ADMIN, RULER, OTHER_RULER)
MINUTE: Final = timedelta(minutes=1)
NONE: Final = Digest("sha256:" + "0" * 64)
_LETTERS: Final = str.maketrans("01234567", "abcdefgh")
_KID: Final = KeyId("ed25519:0000000000000000")

S = TypeVar("S", Access, Policies, Calendar, Bundles, Fleet, Model)


@dataclass(frozen=True)
class World:
    """All that a ledger holds, and what the last request led to."""

    states: Mapping[Aggregate, State] = field(default_factory=dict)
    at: datetime = START
    asked: int = 0
    outcome: Outcome = ()
    placed: tuple[Envelope[Event], ...] = ()
    """What the last request left."""
    ledger: tuple[Envelope[Event], ...] = ()
    revs: Mapping[Aggregate, int] = field(default_factory=dict)

    def when(
        self, command: AnyCommand, *, by: Actor, after: timedelta = MINUTE
    ) -> "World":
        """Ask for something; a refusal leaves everything as it was."""
        stamp = self._stamp(by, after, digest=content_digest(command, actor=by.id))
        target, members = aggregate_of(command), dict[ModelName, Model]()
        if target == BUNDLES:
            members = self._members(cast("BundlesCommand", command))
        outcome = decide_any(
            command, self.state(target), self.around, stamp, members=members
        )
        then = replace(self, at=stamp.at, asked=self.asked + 1, outcome=outcome)
        match outcome:
            case Refusal():
                return replace(then, placed=())
            case Refused(events=events):
                return then.folded(stamp, [(target, each) for each in events])
            case Decided(events=placed):
                return then.folded(stamp, list(placed), together=True)
            case events:
                return then.folded(stamp, [(target, each) for each in events])

    def given(
        self, command: AnyCommand, *, by: Actor, after: timedelta = MINUTE
    ) -> "World":
        """Let a request happen that must be accepted."""
        then = self.when(command, by=by, after=after)
        assert not isinstance(then.outcome, Refusal | Refused), then.outcome
        return then

    def written(
        self,
        aggregate: Aggregate,
        *events: Event,
        by: Actor = DAVE,
        after: timedelta = MINUTE,
    ) -> "World":
        """Record what nobody decided here, as one decision."""
        stamp = self._stamp(by, after, digest=NONE)
        then = replace(self, at=stamp.at, asked=self.asked + 1, outcome=events)
        return then.folded(stamp, [(aggregate, each) for each in events])

    def _stamp(self, by: Actor, after: timedelta, *, digest: Digest) -> Stamp:
        asked = self.asked + 1
        return Stamp(
            at=self.at + after,
            actor=by,
            command_id=CommandId(f"command-{asked}"),
            command_digest=digest,
            entropy=asked.to_bytes(16),
        )

    def _members(self, command: BundlesCommand) -> dict[ModelName, Model]:
        names = members_of(command, self.known(BUNDLES, Bundles))
        return {each: self.model(each) for each in names}

    def folded(
        self,
        stamp: Stamp,
        placed: list[tuple[Aggregate, Event]],
        *,
        together: bool = False,
    ) -> "World":
        """Record events, each on its aggregate."""
        states, revs, new = dict(self.states), dict(self.revs), list[Envelope[Event]]()
        for aggregate, event in placed:
            rev = revs.get(aggregate, 0) + 1
            envelope = enclosed(
                event,
                aggregate,
                stamp_of(stamp, aggregate) if together else stamp,
                index=rev - self.revs.get(aggregate, 0) - 1,
                rev=rev,
                sequence=len(self.ledger) + len(new) + 1,
            )
            before = states.get(aggregate) or initial(aggregate)
            states[aggregate], revs[aggregate] = evolve_any(before, envelope), rev
            new.append(envelope)
        ledger = (*self.ledger, *new)
        return replace(self, states=states, revs=revs, placed=tuple(new), ledger=ledger)

    def state(self, aggregate: Aggregate) -> State:
        """Return any aggregate as it stands."""
        return self.states.get(aggregate) or initial(aggregate)

    def known(self, aggregate: Aggregate, kind: type[S]) -> S:
        """Return an aggregate of which the kind is known."""
        state = self.state(aggregate)
        assert isinstance(state, kind)
        return state

    @property
    def around(self) -> Around:
        """Return what every decision may read besides its own aggregate."""
        return Around(
            self.known(ACCESS, Access),
            self.known(POLICIES, Policies),
            self.known(CALENDAR, Calendar),
            self.known(FLEET, Fleet),
        )

    def model(self, name: ModelName = FRAUD) -> Model:
        """Return a model as it stands."""
        return self.known(aggregate_of_model(name), Model)

    def look(self, name: ModelName = FRAUD) -> Scenario:
        """Look at one model as it stands."""
        around = self.around
        context = context_for(
            name, around.access, around.policies, around.calendar, around.fleet
        )
        return Scenario(self.model(name), context, self.at, asked=self.asked)

    def scenario(self, name: ModelName = FRAUD) -> Scenario:
        """Look at one model, its history, and what the last request led to there."""
        outcome, aggregate = self.outcome, aggregate_of_model(name)
        if isinstance(outcome, Refused):
            outcome = outcome.refusal
        if not isinstance(outcome, Refusal):
            outcome = [
                each.event for each in self.placed if each.aggregate == aggregate
            ]
        return replace(
            self.look(name),
            outcome=cast("Sequence[ModelEvent] | Refusal", outcome),
            history=cast("tuple[Envelope[ModelEvent], ...]", self.history(name)),
        )

    def history(self, name: ModelName = FRAUD) -> tuple[Envelope[Event], ...]:
        """Return all that happened to a model."""
        aggregate = aggregate_of_model(name)
        return tuple(each for each in self.ledger if each.aggregate == aggregate)

    def names(self) -> list[ModelName]:
        """Name the models that something happened to."""
        found = (model_name(each) for each in self.states)
        return [each for each in found if each is not None]

    def bundle(self, id_: int = 1) -> str:
        """Return where a bundle stands."""
        bundles = self.known(BUNDLES, Bundles).bundles
        return bundles[BundleId(id_)].state.value

    def events(self) -> list[Event]:
        """Return what the last request led to, wherever."""
        assert not isinstance(self.outcome, Refusal | Refused), self.outcome
        return [each.event for each in self.placed]

    def kinds(self, of: type[Event]) -> int:
        """Count the events of a kind that the last request led to."""
        return sum(isinstance(each, of) for each in self.events())

    def refused(self) -> Refusal:
        """Return why the last request was refused."""
        assert isinstance(self.outcome, Refusal), self.outcome
        return self.outcome

    def last_id(self) -> EventId:
        """Return the id of the newest event."""
        return self.ledger[-1].id

    def applied(
        self,
        name: ModelName,
        stage: StageName = STAGING,
        *,
        code: str | None = None,
        target: TargetName = DEFAULT,
        after: timedelta = MINUTE,
    ) -> "World":
        """Let the agent of a stage apply what is desired of a model, or fail."""
        command = self.report(name, stage, code=code, target=target)
        desired = self.model(name).lane(stage).desired
        place = desired.beside if desired is not None and desired.beside else stage
        bound = {"token": "agent", "stage": str(place), "target": str(target)}
        by = replace(agent(place), credential=bound)
        return self.given(command, by=by, after=after)

    def report(
        self,
        name: ModelName,
        stage: StageName,
        *,
        code: str | None = None,
        target: TargetName = DEFAULT,
    ) -> ReportTarget:
        """Report that what is desired of a model was applied, or why it was not."""
        lane = self.model(name).lane(stage)
        state = ReportedState.UNAPPLIED if code else ReportedState.APPLIED
        assert lane.desired is not None
        said = Report(
            stage=stage,
            target=target,
            agent=f"svc:agent-{stage}",
            seq=self.asked,
            revision=lane.revision,
            token=lane.token,
            promotion=lane.desired.promotion,
            observed={
                name: lane.desired.variants[name].digest
                for name in lane.desired.targets[target]
            },
            reported_at=self.at,
        )
        return ReportTarget(model=name, state=state, report=said, reason_code=code)


def enclosed(
    event: Event,
    aggregate: Aggregate,
    stamp: Stamp,
    *,
    index: int,
    rev: int,
    sequence: int,
) -> Envelope[Event]:
    """Enclose an event as the ledger would, without bytes and signature."""
    return Envelope(
        event=event,
        id=stamp.event_id(index),
        type=event.type_name(),
        aggregate=aggregate,
        at=stamp.at,
        rev=rev,
        actor=stamp.actor,
        command_id=stamp.command_id,
        command_digest=stamp.command_digest,
        correlation_id=stamp.command_id,
        causation_id=None,
        kid=_KID,
        leaf=NONE,
        sequence=sequence,
        raw={},
    )


def begun(*people: Actor, soon_over: Collection[Actor] = ()) -> World:
    """Begin with people who hold a token each, some of them for a day and a half."""
    world = World()
    tokens = [
        token(number, each, days=1.5 if each in soon_over else 3650)
        for number, each in enumerate(people or PEOPLE)
    ]
    return world.written(ACCESS, *tokens, by=ADMIN, after=timedelta(0))


def token(number: int, holder: Actor, *, days: float = 3650) -> TokenIssued:
    """Let somebody hold a token; its name counts."""
    digits = oct(number)[2:].translate(_LETTERS)
    return TokenIssued(
        token=TokenId(digits.rjust(16, "a")),
        sha256="0" * 64,
        principal=holder.id,
        roles=holder.roles,
        place=None,
        until=START + timedelta(days=days),
    )
