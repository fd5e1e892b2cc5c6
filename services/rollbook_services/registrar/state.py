"""What do the rules remember of a history, and nothing else?

A promotion that has ended keeps only who wanted what and how it went. Whatever
changes here, or in how events are folded, raises `RULES_VERSION`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rollbook.catalogue.access import Place
from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.envelope import Actor
from rollbook.names import (
    AliasName,
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
    TokenId,
    Version,
)
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import Bar, Hold, VersionStatus, Vote
from rollbook_services.registrar.growing import Growing
from rollbook_services.registrar.transitions import PromotionState

RULES_VERSION: Final = "2"
EVERYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class Answered:
    """Which events answered a command, and which content it had."""

    first_rev: int
    first_sequence: int
    count: int
    digest: Digest


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
    status: VersionStatus = VersionStatus.ACTIVE
    amendments: tuple[EventId, ...] = ()
    bars: Mapping[str, Bar] = field(default_factory=dict)
    """Quarantines by stage, or `*` for every stage."""
    evidence: tuple[EventId, ...] = ()
    """What is recorded and not revoked."""
    proven_in: Mapping[StageName, EventId] = field(default_factory=dict)
    succeeded_in: frozenset[StageName] = frozenset()
    failed_in: frozenset[StageName] = frozenset()

    def bar(self, stage: StageName) -> Bar | None:
        """Return what bars the version from a stage."""
        return self.bars.get(EVERYWHERE) or self.bars.get(stage)


@dataclass(frozen=True, slots=True)
class KnownEvidence:
    """A record of evidence."""

    version: Version
    recorder: Principal
    revoked: bool = False


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
    state: PromotionState = PromotionState.GATING
    token: int | None = None
    gates: Mapping[GateName, tuple[GateStatus, tuple[EventId, ...]]] = field(
        default_factory=dict
    )
    votes: tuple[Vote, ...] = ()
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the rules remember it."""

    name: ModelName
    is_registered: bool = False
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

    def lane(self, stage: StageName) -> Lane:
        """Return a lane; one that nothing happened to is empty."""
        return self.lanes.get(stage, _EMPTY)


_EMPTY: Final = Lane()


@dataclass(frozen=True, slots=True)
class Token:
    """A credential as the ledger knows it."""

    sha256: str
    principal: Principal
    roles: tuple[RoleName, ...]
    place: Place | None
    until: datetime
    revoked: bool = False

    def is_live(self, at: datetime) -> bool:
        """Tell whether it opens anything."""
        return not self.revoked and at < self.until


@dataclass(frozen=True, slots=True)
class Access:
    """Who may speak for whom."""

    commands: Commands = field(default_factory=Growing)
    tokens: Growing[TokenId, Token] = field(default_factory=Growing)

    def holders(self, at: datetime) -> dict[Principal, frozenset[RoleName]]:
        """Return the roles that each principal holds by a live credential."""
        held: dict[Principal, frozenset[RoleName]] = {}
        for token in self.tokens.values():
            if token.is_live(at):
                before = held.get(token.principal, frozenset())
                held[token.principal] = before.union(token.roles)
        return held


State = Model | Access


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision about one model reads of everything else."""

    access: Access
    policy: Policy
