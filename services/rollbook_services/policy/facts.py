"""What may a gate look at? Values only: a gate asks nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.parts import PromotionKind, Verdict
from rollbook.names import (
    Digest,
    EventId,
    EvidenceKind,
    GateName,
    KeyId,
    ModelName,
    Principal,
    PromotionId,
    RoleName,
    StageName,
    TargetName,
    Version,
)


class VersionStatus(StrEnum):
    """How a version is advised; quarantine is another matter."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class LaneStatus(StrEnum):
    """What a lane accepts; derived, never stored (design/promotion.md §1.2)."""

    EMPTY = "empty"
    MOVING = "moving"
    INDETERMINATE = "indeterminate"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Bar:
    """A quarantine: who barred the version, why, and the event that said so."""

    event: EventId
    reason: str
    by: tuple[Principal, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Automation keeps away from a lane; `id` is the event that placed it."""

    id: EventId
    by: Principal
    by_promotion: PromotionId | None
    until: datetime | None
    reason: str

    def holds(self, as_of: datetime) -> bool:
        """Tell whether the hold has not run out."""
        return self.until is None or as_of < self.until


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's yes to a promotion; `id` is the approval's event."""

    id: EventId
    gate: GateName
    who: Principal
    roles: tuple[RoleName, ...]
    """The roles at the vote; at dispatch they are asked for again."""
    binding: Digest
    valid_until: datetime | None
    is_rejection: bool = False


@dataclass(frozen=True, slots=True)
class Attested:
    """Whose signature over an attestation was verified when it was recorded."""

    kid: KeyId
    issuer: str
    predicate_type: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of evidence that is not revoked; `id` is the event's."""

    id: EventId
    kind: EvidenceKind
    dataset: str | None
    subject_digest: Digest
    verdict: Verdict
    metrics: Mapping[str, float]
    produced_at: datetime
    valid_until: datetime | None
    attested: Attested | None = None

    def lapses_at(self, max_age_until: datetime | None) -> datetime | None:
        """Return when it stops counting: the earlier of its own end and the gate's."""
        ends = [end for end in (self.valid_until, max_age_until) if end is not None]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Registered:
    """The version that is asked for, as it stands."""

    event: EventId
    digest: Digest
    status: VersionStatus
    producer: Principal
    bar: Bar | None
    """What bars it from this stage."""
    proven_in: Mapping[StageName, EventId]
    """Where its latest outcome is a success it was not rolled off since."""
    label: str | None = None
    authors: tuple[Principal, ...] = ()
    datasets: tuple[str, ...] = ()
    """The names of the data sets it was made from."""
    parents: tuple[str, ...] = ()
    """The versions it was made from, as `team/name@7`."""
    records: tuple[Record, ...] = ()
    """Its live evidence, in the order of the ledger."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A time through which one version was a lane's stable one without a break."""

    version: Version
    since: datetime
    until: datetime | None
    """None: it still is."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """A target that runs something else; `id` is the event that told of it."""

    target: TargetName
    id: EventId
    since: datetime
    is_accepted: bool


@dataclass(frozen=True, slots=True)
class LaneNow:
    """The lane that would change."""

    status: LaneStatus
    slot: PromotionId | None
    unreported: tuple[TargetName, ...]
    """Declared targets that have not said what they run at the present revision."""
    hold: Hold | None
    dispatched_at: tuple[datetime, ...] = ()
    """When forward promotions were dispatched into it, oldest first."""
    drifts: tuple[Drifted, ...] = ()
    """What has not converged since, by the targets' names."""


@dataclass(frozen=True, slots=True)
class Champion:
    """The stable version, which the asked-for one would replace or run beside."""

    version: Version
    label: str | None
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Parent:
    """The lane beside which the version would run, on the targets of that one."""

    stage: StageName
    slot: PromotionId | None
    stable: Version | None
    is_settled: bool
    """Whether every target there should run its stable version, and nothing else."""
    is_crowded: bool
    """Whether the stable version would have nothing left to answer."""


@dataclass(frozen=True, slots=True)
class AboutModel:
    """What a policy may ask of the model as a whole."""

    name: ModelName
    tier: str | None


@dataclass(frozen=True, slots=True)
class Freeze:
    """An open freeze that covers the lane; `id` is the event that declared it."""

    id: EventId
    by: Principal
    reason: str
    from_at: datetime
    until: datetime | None
    in_flight: InFlight
    exempt: tuple[PromotionKind, ...]
    waivable: bool

    def is_closed(self, as_of: datetime) -> bool:
        """Tell whether it closes its lanes at an instant."""
        return self.from_at <= as_of and (self.until is None or as_of < self.until)


@dataclass(frozen=True, slots=True)
class Waived:
    """A live waiver of one gate; `id` is the event that asked for it."""

    id: EventId
    gate: GateName
    break_glass: str
    by: Principal
    second_person: Principal | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a gate may know when it judges a promotion."""

    kind: PromotionKind
    stage: StageName
    version: Version
    requester: Principal
    automatic: bool
    registered: Registered
    lane: LaneNow
    votes: tuple[Vote, ...]
    bound: Bound
    binding: Digest
    """What a vote must be about to count now."""
    holders: Mapping[Principal, frozenset[RoleName]]
    """The roles that people hold now, by their live credentials."""
    promotion: PromotionId | None = None
    """None: nobody has asked yet, this is a dry run."""
    model: AboutModel = AboutModel(ModelName("unnamed"), None)
    persons: Mapping[Principal, Principal] = field(default_factory=dict)
    """One name for each person with several principals."""
    champion: Champion | None = None
    """Where the version would run beside another, the stable one of that lane."""
    parent: Parent | None = None
    """None: the version would replace what runs."""
    incomparable: Mapping[StageName, StageName] = field(default_factory=dict)
    """Stages beside one where nothing else is stable, and the name of that one."""
    stays: Mapping[StageName, Sequence[Stay]] = field(default_factory=dict)
    """By stage, what was stable there from when to when, oldest first."""
    freezes: tuple[Freeze, ...] = ()
    waivers: tuple[Waived, ...] = ()
    empty_stages: frozenset[StageName] = frozenset()
    """Stages where nothing is desired."""
    live_in: frozenset[StageName] = frozenset()
    """Stages where the asked-for version is the stable one now."""
    barred: Mapping[Principal, str] = field(default_factory=dict)
    """Persons who may not vote, by the relation that bars them."""
    roles_end: Mapping[Principal, datetime] = field(default_factory=dict)
    """When people next lose what a credential gives them, if nobody renews it."""

    def person(self, principal: Principal) -> Principal:
        """Return the one name under which a person counts."""
        return self.persons.get(principal, principal)

    def waiver(self, gate: GateName, as_of: datetime) -> Waived | None:
        """Return the live waiver of a gate."""
        for each in self.waivers:
            if each.gate == gate and as_of < each.until:
                return each
        return None
