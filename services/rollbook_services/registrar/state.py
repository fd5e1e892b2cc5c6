"""What do the rules remember of a history, and nothing else?

A promotion that has ended keeps only who wanted what and how it went. Whatever
changes here, or in how events are folded, raises `RULES_VERSION`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, TypeVar

from pydantic import PlainSerializer

from rollbook.catalogue.experiment import ExperimentStarted
from rollbook.catalogue.lane import DesiredSet, DriftPolicy
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import Deadlines, PauseCause
from rollbook.catalogue.rollout import Rollout
from rollbook.envelope import Actor
from rollbook.names import (
    AliasName,
    BundleId,
    CommandId,
    Digest,
    EventId,
    GateName,
    ModelName,
    Principal,
    PromotionId,
    RoleName,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.policy.facts import (
    Bar,
    Hold,
    Record,
    Stay,
    VersionStatus,
    Vote,
    Waived,
)
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.transitions import PromotionState

RULES_VERSION: Final = "4"
EVERYWHERE: Final = "*"
T = TypeVar("T")
InOrder = Annotated[frozenset[T], PlainSerializer(sorted)]
"""A set that is written in order: the same state has the same bytes (I13)."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Which events answered a command, and which content it had."""

    first_rev: int
    first_sequence: int
    count: int
    digest: Digest


# A gate's last word, what it rests on, and when time alone may change it.
Said = tuple[GateStatus, tuple[EventId, ...], datetime | None]
Commands = Growing[CommandId, Answered]


@dataclass(frozen=True, slots=True)
class Mark:
    """What the rules need to know of an event besides what it says."""

    id: EventId
    at: datetime
    actor: Actor


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version of this model."""

    registered: EventId
    digest: Digest
    uri: str
    size_bytes: int
    label: str | None
    producer: Principal
    authors: tuple[Principal, ...] = ()
    datasets: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    status: VersionStatus = VersionStatus.ACTIVE
    amendments: tuple[EventId, ...] = ()
    bars: Mapping[str, Bar] = field(default_factory=dict)
    """Quarantines by stage, or `*` for every stage."""
    evidence: tuple[EventId, ...] = ()
    """What is recorded and not revoked."""
    proven_in: Mapping[StageName, EventId] = field(default_factory=dict)
    succeeded_in: InOrder[StageName] = frozenset()
    failed_in: InOrder[StageName] = frozenset()

    def bar(self, stage: StageName) -> Bar | None:
        """Return what bars the version from a stage."""
        return self.bars.get(EVERYWHERE) or self.bars.get(stage)


@dataclass(frozen=True, slots=True)
class KnownEvidence:
    """A record of evidence."""

    version: Version
    recorder: Principal
    record: Record | None
    """What it says; None: it was revoked and counts no more."""


@dataclass(frozen=True, slots=True)
class Alias:
    """Where an alias points, and who moved it there."""

    version: Version | None
    by: Principal
    at: datetime


@dataclass(frozen=True, slots=True)
class Stable:
    """A version that proved itself in a lane; the last of the stack is the newest."""

    version: Version
    promotion: PromotionId
    since: datetime


@dataclass(frozen=True, slots=True)
class TargetNow:
    """The last thing a target's agent said."""

    state: str
    agent: str
    seq: int
    revision: int
    token: int
    observed: Mapping[str, Digest]
    reason_code: str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A target that runs something else than is desired, with nothing under way."""

    id: EventId
    policy: DriftPolicy
    since: datetime
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """The one promotion that may change the lane."""

    promotion: PromotionId
    since: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """One model in one stage."""

    revision: int = 0
    token: int = 0
    slot: Slot | None = None
    desired: DesiredSet | None = None
    stable: tuple[Stable, ...] = ()
    hold: Hold | None = None
    targets: Mapping[TargetName, TargetNow] = field(default_factory=dict)
    last: PromotionId | None = None
    """The promotion that was dispatched last."""
    drained: tuple[TargetName, ...] = ()
    """Targets for which that promotion does not wait."""
    stays: tuple[Stay, ...] = ()
    """What was stable from when to when, oldest first."""
    dispatched_at: tuple[datetime, ...] = ()
    """When forward promotions were dispatched, oldest first, the last hundred."""
    drifts: Mapping[TargetName, Drift] = field(default_factory=dict)
    """What drifted and has not converged since."""
    experiment: ExperimentStarted | None = None
    """What runs beside a parent lane just now."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """One attempt to change one lane."""

    id: PromotionId
    kind: PromotionKind
    stage: StageName
    version: Version
    digest: Digest
    incumbent: Version | None
    requester: Principal
    automatic: bool
    policy_digest: Digest
    requested_at: datetime
    policy: str = ""
    expires_at: datetime | None = None
    bundle: BundleId | None = None
    retry_of: PromotionId | None = None
    state: PromotionState = PromotionState.GATING
    token: int | None = None
    is_void: bool = False
    """Whether it says nothing of its version: what it was compared with changed."""
    gates: Mapping[GateName, Said] = field(default_factory=dict)
    votes: tuple[Vote, ...] = ()
    refused: InOrder[tuple[Principal, str]] = frozenset()
    """Whose vote was refused for which reason: recorded once."""
    moved: InOrder[str] = frozenset()
    """Of what votes are bound to: what changed under it since it was asked for."""
    underway: "Underway | None" = None
    """How far it has come, from dispatch to its end."""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """A change that stands still."""

    cause: PauseCause
    by: Principal
    since: datetime
    returns_to: PromotionState
    until: datetime | None = None
    """When to look whether what stopped it is over."""
    role: RoleName | None = None
    """Who alone may let it go on."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a version and of what it is compared with, by side."""

    metrics: Mapping[str, Mapping[str, float]]
    samples: int


@dataclass(frozen=True, slots=True)
class Underway:
    """A change that was dispatched and has not ended."""

    deadlines: Deadlines | None
    step_since: datetime
    rollout: Rollout | None = None
    """None: recorded before there were plans."""
    wave: int = 0
    step: int = 0
    is_applied: bool = False
    """Whether as many targets as the step needs have applied it."""
    bake_until: datetime | None = None
    paused: Paused | None = None
    accepted: InOrder[str] = frozenset()
    """Metrics that a person accepted as they are."""
    breaches: Mapping[str, int] = field(default_factory=dict)
    """By metric, how many records in a row were bad."""
    analysed: Mapping[str, tuple[GateStatus, EventId]] = field(default_factory=dict)
    """By metric, the last word and the record it comes from."""
    analysed_at: datetime | None = None
    measured: Measured | None = None
    """What was measured last, where it runs beside another."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A wish to break the glass; its gates are waived once it is granted."""

    id: EventId
    promotion: PromotionId
    break_glass: str
    gates: tuple[GateName, ...]
    by: Principal
    reason: str
    incident: str | None
    until: datetime
    granted: tuple[Waived, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """A look at a waiver that somebody owes."""

    id: EventId
    waiver: EventId
    promotion: PromotionId
    break_glass: str
    due_at: datetime
    escalation_role: RoleName | None
    involved: InOrder[Principal]
    """Who had a part in it, and may not close it."""
    closed_at: datetime | None = None

    def is_overdue(self, as_of: datetime) -> bool:
        """Tell whether nobody has looked in time."""
        return self.closed_at is None and as_of >= self.due_at


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the rules remember it."""

    name: ModelName
    is_registered: bool = False
    tier: str | None = None
    side_effect_free: bool = False
    commands: Commands = field(default_factory=Growing)
    versions: Growing[Version, KnownVersion] = field(default_factory=Growing)
    digests: Growing[Digest, Version] = field(default_factory=Growing)
    labels: Growing[str, Version] = field(default_factory=Growing)
    evidence: Growing[EventId, KnownEvidence] = field(default_factory=Growing)
    promotions: Growing[PromotionId, Promotion] = field(default_factory=Growing)
    open: tuple[PromotionId, ...] = ()
    """The promotions that have not ended, oldest first."""
    lanes: Mapping[StageName, Lane] = field(default_factory=dict)
    aliases: Mapping[AliasName, Alias] = field(default_factory=dict)
    waivers: Mapping[EventId, Waiver] = field(default_factory=dict)
    reviews: Mapping[EventId, Review] = field(default_factory=dict)

    def lane(self, stage: StageName) -> Lane:
        """Return a lane; one that nothing happened to is empty."""
        return self.lanes.get(stage, _EMPTY)


_EMPTY: Final = Lane()
