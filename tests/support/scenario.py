"""How is a rule tested? Given what happened, when somebody asks, then this follows.

A scenario is a value: each `given` or `when` makes another. Everybody who acts holds
a token, so approvals find their roles; every decision is folded as the ledger would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import Artifact, Verdict
from rollbook.catalogue.promotion import (
    GateEvaluated,
    GateResult,
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.catalogue.target import Report
from rollbook.commands.approval import Approve, Reject
from rollbook.commands.command import content_digest
from rollbook.commands.evidence import RecordEvidence
from rollbook.commands.model import ModelCommand, RegisterModel
from rollbook.commands.promotion import (
    DispatchPromotion,
    RequestPromotion,
    RequestRollback,
)
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.commands.version import RegisterVersion
from rollbook.envelope import Actor, ActorKind, Envelope, Stamp
from rollbook.event import Event
from rollbook.names import (
    CommandId,
    Digest,
    EventId,
    EvidenceKind,
    KeyId,
    ModelName,
    Principal,
    PromotionId,
    Reason,
    RoleName,
    StageName,
    TargetName,
    TokenId,
    Version,
)
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook.subjects import model as aggregate_of
from rollbook_services.policy.document import BUILT_IN
from rollbook_services.policy.quorum import binding
from rollbook_services.registrar import seeing
from rollbook_services.registrar.decider import decide
from rollbook_services.registrar.decision import Refused
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.state import (
    Lane,
    Model,
)
from rollbook_services.registrar.state import (
    Promotion as Promoted,
)
from rollbook_services.registrar.surroundings import (
    Access,
    Context,
    Governing,
    Token,
)

FRAUD: Final = ModelName("acme/fraud")
START: Final = datetime(2026, 11, 24, 9, tzinfo=UTC)
DEVELOPMENT: Final = StageName("development")
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
DEFAULT: Final = TargetName("default")

LEFT_OUT: Final = (GateEvaluated, StepStarted, StepApplied, StepCompleted)

E = TypeVar("E", bound=Event)


def person(letter: str, *roles: str) -> Actor:
    """Make a person with some roles."""
    names = tuple(RoleName(role) for role in roles)
    return Actor(Principal(f"prn:{letter * 13}"), ActorKind.PERSON, names)


PIPELINE: Final = Actor(
    Principal("svc:pipeline"), ActorKind.WORKLOAD, (RoleName("publisher"),)
)
ALICE: Final = person("a", "publisher", "reviewer")
BOB: Final = person("b", "reviewer")
CAROL: Final = person("c", "reviewer", "release-manager")
DAVE: Final = person("d", "release-manager", "incident-commander")
VIEWER: Final = person("v", "viewer")
CONDUCTOR: Final = Actor(
    Principal("rollbook:conductor"), ActorKind.SYSTEM, (RoleName("conductor"),)
)
EVERYBODY: Final = (PIPELINE, ALICE, BOB, CAROL, DAVE, VIEWER)


def agent(stage: StageName) -> Actor:
    """Make the agent of a stage's default target."""
    place = {"token": "agent", "stage": str(stage), "target": str(DEFAULT)}
    name = Principal(f"svc:agent-{stage}")
    return Actor(name, ActorKind.WORKLOAD, (RoleName("agent"),), place)


def tokens_of(actors: Sequence[Actor], *, until: datetime) -> Access:
    """Give each actor one token."""
    held = {
        TokenId(letter * 16): Token("0" * 64, actor.id, actor.roles, None, until)
        for letter, actor in zip("abcdefghij", actors, strict=False)
    }
    return Access(tokens=Growing(held))


EVERYBODYS: Final = Context(
    tokens_of(EVERYBODY, until=START.replace(year=2027)),
    Governing(BUILT_IN, None, None),
)


@dataclass(frozen=True)
class Scenario:
    """A model with a history, and what the last request led to."""

    model: Model
    context: Context = EVERYBODYS
    at: datetime = START
    outcome: Sequence[ModelEvent] | Refusal = ()
    history: tuple[Envelope[ModelEvent], ...] = ()
    asked: int = 0

    def given(
        self,
        command: ModelCommand,
        *,
        by: Actor,
        after: timedelta = timedelta(minutes=1),
    ) -> "Scenario":
        """Let a request happen that must be accepted."""
        then = self.when(command, by=by, after=after)
        assert not isinstance(then.outcome, Refusal), then.outcome
        return then

    def when(
        self,
        command: ModelCommand,
        *,
        by: Actor,
        after: timedelta = timedelta(minutes=1),
        id_: str | None = None,
    ) -> "Scenario":
        """Ask for something; a refusal leaves the model as it was."""
        at, asked = self.at + after, self.asked + 1
        stamp = Stamp(
            at=at,
            actor=by,
            command_id=CommandId(id_ or f"command-{asked}"),
            command_digest=content_digest(command, actor=by.id),
            entropy=asked.to_bytes(16),
        )
        decided = decide(command, self.model, self.context, stamp)
        outcome = decided.refusal if isinstance(decided, Refused) else decided
        then = replace(self, at=at, asked=asked, outcome=outcome)
        if isinstance(decided, Refusal):
            return then
        events = decided.events if isinstance(decided, Refused) else decided
        new = envelopes(events, stamp, rev=len(self.history))
        model = self.model
        for each in new:
            model = evolve(model, each)
        return replace(then, model=model, history=(*self.history, *new))

    def then(self, *kinds: type[Event]) -> "Scenario":
        """Expect exactly these kinds of events; gates' words and steps left out."""
        said = self.events
        words = [type(each) for each in said if not isinstance(each, LEFT_OUT)]
        assert words == list(kinds), [type(each).__name__ for each in said]
        return self

    def then_refused(self, why: Why, **detail: Any) -> "Scenario":
        """Expect a no that says why and what to do; nothing is written."""
        assert isinstance(self.outcome, Refusal), self.outcome
        assert self.outcome.reason is why, self.outcome
        told = {key: self.outcome.detail.get(key) for key in detail}
        assert told == detail, self.outcome
        assert len(self.outcome.message) > 20
        return self

    @property
    def events(self) -> Sequence[ModelEvent]:
        """Return what the last request led to."""
        assert not isinstance(self.outcome, Refusal), self.outcome
        return self.outcome

    def event(self, kind: type[E]) -> E:
        """Return the one event of a kind that the last request led to."""
        (found,) = (each for each in self.events if isinstance(each, kind))
        return found

    def words(self) -> Mapping[str, GateResult]:
        """Return what each gate said anew at the last request."""
        said = (getattr(each, "result", None) for each in self.events)
        return {each.gate: each for each in said if isinstance(each, GateResult)}

    def promotion(self, number: int) -> Promoted:
        """Return a promotion as it stands."""
        return self.model.promotions[PromotionId(number)]

    def state(self, number: int) -> str:
        """Return where a promotion stands."""
        return self.promotion(number).state.value

    def lane(self, stage: StageName) -> Lane:
        """Return a lane as it stands."""
        return self.model.lane(stage)

    def binding(self, number: int) -> Digest:
        """Return what a voter would be shown now."""
        promotion = self.promotion(number)
        stage = seeing.stage_of(self.context.policy, promotion.stage)
        return binding(seeing.bound_of(self.model, promotion, stage))

    def stack(self, stage: StageName) -> list[int]:
        """Return the stable versions of a lane, oldest first."""
        return [entry.version for entry in self.lane(stage).stable]

    def last_id(self) -> EventId:
        """Return the id of the newest event."""
        return self.history[-1].id

    def id_of(self, kind: type[Event]) -> EventId:
        """Return the id of the newest event of a kind."""
        return next(
            each.id for each in reversed(self.history) if isinstance(each.event, kind)
        )

    # Longer stories, told once.

    def dispatched(self, number: int) -> "Scenario":
        """Let the conductor dispatch a promotion."""
        command = DispatchPromotion(model=FRAUD, promotion=PromotionId(number))
        return self.given(command, by=CONDUCTOR)

    def applied(self, stage: StageName, **changes: Any) -> "Scenario":
        """Let the agent of a stage apply what is desired."""
        command = report(self, stage, ReportedState.APPLIED, **changes)
        return self.given(command, by=agent(stage))

    def failed(self, stage: StageName, code: str = "load_failed") -> "Scenario":
        """Let the agent of a stage fail."""
        command = report(self, stage, ReportedState.UNAPPLIED, code=code)
        return self.given(command, by=agent(stage))

    def in_staging(self, number: int) -> "Scenario":
        """Bring a version all the way into staging."""
        then = self.given(promote(number, STAGING), by=PIPELINE)
        return then.dispatched(len(then.model.promotions)).applied(STAGING)

    def in_production(self, number: int, **changes: Any) -> "Scenario":
        """Bring a version through staging and approval into production."""
        then = self.ready_for_production(number, **changes)
        return then.dispatched(len(then.model.promotions)).applied(PRODUCTION)

    def ready_for_production(self, number: int, **changes: Any) -> "Scenario":
        """Bring a version so far that production only waits for the conductor."""
        then = self
        if STAGING not in self.model.versions[Version(number)].proven_in:
            then = then.in_staging(number)
        then = then.given(promote(number, PRODUCTION, **changes), by=PIPELINE)
        latest = len(then.model.promotions)
        return then.given(approve(latest, then), by=BOB)


def envelopes(
    events: Sequence[ModelEvent], stamp: Stamp, *, rev: int
) -> list[Envelope[ModelEvent]]:
    """Enclose events as the ledger would, without bytes and signature."""
    return [
        Envelope(
            event=event,
            id=stamp.event_id(index),
            type=event.type_name(),
            aggregate=aggregate_of(FRAUD),
            at=stamp.at,
            rev=rev + index + 1,
            actor=stamp.actor,
            command_id=stamp.command_id,
            command_digest=stamp.command_digest,
            correlation_id=stamp.command_id,
            causation_id=None,
            kid=KeyId("ed25519:0000000000000000"),
            leaf=Digest("sha256:" + "0" * 64),
            sequence=rev + index + 1,
            raw={},
        )
        for index, event in enumerate(events)
    ]


def nothing() -> Scenario:
    """Begin before anything happened."""
    return Scenario(Model(FRAUD))


def fraud(versions: int = 0) -> Scenario:
    """Begin with a model and so many versions, made by the pipeline."""
    then = nothing().given(RegisterModel(model=FRAUD), by=PIPELINE)
    for number in range(1, versions + 1):
        then = then.given(register(number), by=PIPELINE)
    return then


def digest(number: int) -> Digest:
    """Make the digest of a version's bytes."""
    return Digest(f"sha256:{number:064x}")


def register(number: int, **changes: Any) -> RegisterVersion:
    """Ask for a number for these bytes."""
    artifact = Artifact(uri=f"s3://fraud/{number}", digest=digest(number), size_bytes=9)
    return RegisterVersion(model=FRAUD, artifact=artifact, **changes)


def promote(number: int, stage: StageName, **changes: Any) -> RequestPromotion:
    """Ask for a version in a stage."""
    return RequestPromotion(
        model=FRAUD, stage=stage, version=Version(number), **changes
    )


def roll_back(stage: StageName, **changes: Any) -> RequestRollback:
    """Ask to go back."""
    return RequestRollback(
        model=FRAUD, stage=stage, reason=Reason("latency"), **changes
    )


def approve(number: int, seen: Scenario, **changes: Any) -> Approve:
    """Approve what is to be seen now."""
    fields = {"binding": seen.binding(number), **changes}
    return Approve(model=FRAUD, promotion=PromotionId(number), **fields)


def reject(number: int, seen: Scenario, **changes: Any) -> Reject:
    """Reject what is to be seen now."""
    fields = {"binding": seen.binding(number), "comment": Reason("no"), **changes}
    return Reject(model=FRAUD, promotion=PromotionId(number), **fields)


def evaluation(number: int, **changes: Any) -> RecordEvidence:
    """Record an evaluation of a version."""
    fields: dict[str, Any] = {
        "kind": EvidenceKind("eval"),
        "subject_digest": digest(number),
        "metrics": {"auc": 0.93},
        "verdict": Verdict.PASS,
        "produced_at": START,
        **changes,
    }
    return RecordEvidence(model=FRAUD, version=Version(number), **fields)


def report(
    seen: Scenario,
    stage: StageName,
    state: ReportedState,
    *,
    code: str | None = None,
    seq: int | None = None,
    **changes: Any,
) -> ReportTarget:
    """Report about what is desired of a stage now."""
    lane = seen.lane(stage)
    variants = lane.desired.variants if lane.desired else {}
    runs = {name: variant.digest for name, variant in variants.items()}
    fields: dict[str, Any] = {
        "stage": stage,
        "target": DEFAULT,
        "agent": f"svc:agent-{stage}",
        "seq": seen.asked if seq is None else seq,
        "revision": lane.revision,
        "token": lane.token,
        "promotion": lane.desired.promotion if lane.desired else PromotionId(1),
        "observed": runs if state is ReportedState.APPLIED else {},
        "reported_at": START,
        **changes,
    }
    return ReportTarget(
        model=FRAUD, state=state, report=Report(**fields), reason_code=code
    )
