"""What happens to one attempt to change one lane."""

from pydantic import Field

from rollbook.catalogue.parts import GateStatus, Part, PromotionKind
from rollbook.event import Event
from rollbook.names import (
    Count,
    Digest,
    EventId,
    GateName,
    Instant,
    Line,
    Principal,
    PromotionId,
    Prose,
    Reason,
    StageName,
    Version,
)


class Skipped(Part):
    """A version a rollback walked past, and why."""

    version: Version
    why: Line


class PromotionRequested(Event, recorded_as="promotion.requested"):
    """Somebody asked for a version in a stage; the queue begins here."""

    promotion: PromotionId
    kind: PromotionKind
    stage: StageName
    version: Version
    digest: Digest
    incumbent: Version | None
    """What ran there as the requester saw it; binds up to dispatch."""
    automatic: bool
    policy: Line
    policy_digest: Digest
    expires_at: Instant | None
    retry_of: PromotionId | None
    walked_over: tuple[Skipped, ...]
    reason: Reason | None
    incident: Line | None
    """What made a rollback necessary, as the site's tracker names it."""


class GateResult(Part):
    """What one gate said, and from which events it took that."""

    gate: GateName
    kind: Line
    mode: Line
    status: GateStatus
    detail: Prose
    inputs: tuple[EventId, ...] = ()
    values: dict[Line, Line] = Field(default_factory=dict)


class GateEvaluated(Event, recorded_as="gate.evaluated"):
    """A gate's status or its inputs changed."""

    promotion: PromotionId
    result: GateResult


class PromotionReadied(Event, recorded_as="promotion.readied"):
    """Every gate is open; the promotion waits for its slot."""

    promotion: PromotionId
    gates: tuple[GateName, ...]


class PromotionBlocked(Event, recorded_as="promotion.blocked"):
    """A gate closed again."""

    promotion: PromotionId
    gates: tuple[GateName, ...]


class Voter(Part):
    """A person whose approval filled a slot."""

    approval: EventId
    who: Principal
    gate: GateName


class Engine(Part):
    """Which code decided."""

    rules: Line


class PromotionDispatched(Event, recorded_as="promotion.dispatched"):
    """The slot was free and every gate open at this very moment."""

    promotion: PromotionId
    stage: StageName
    version: Version
    token: Count
    gates: tuple[GateResult, ...]
    voters: tuple[Voter, ...]
    engine: Engine


class PromotionSucceeded(Event, recorded_as="promotion.succeeded"):
    """Every target runs the version."""

    promotion: PromotionId
    stage: StageName
    version: Version


class PromotionFailed(Event, recorded_as="promotion.failed"):
    """The version is at fault."""

    promotion: PromotionId
    stage: StageName
    version: Version
    reason_code: Line
    inputs: tuple[EventId, ...]


class PromotionErrored(Event, recorded_as="promotion.errored"):
    """Rollbook or the platform is at fault, not the version."""

    promotion: PromotionId
    stage: StageName
    version: Version
    reason_code: Line
    inputs: tuple[EventId, ...]


class PromotionAborted(Event, recorded_as="promotion.aborted"):
    """A dispatched promotion was stopped by a decision."""

    promotion: PromotionId
    stage: StageName
    version: Version
    reason_code: Line
    by_promotion: PromotionId | None
    reason: Reason | None


class PromotionCancelled(Event, recorded_as="promotion.cancelled"):
    """A waiting promotion was withdrawn."""

    promotion: PromotionId
    reason: Reason


class PromotionRejected(Event, recorded_as="promotion.rejected"):
    """A reviewer or a quarantine said no."""

    promotion: PromotionId
    reason_code: Line
    inputs: tuple[EventId, ...]


class PromotionSuperseded(Event, recorded_as="promotion.superseded"):
    """Another promotion made this one pointless."""

    promotion: PromotionId
    reason_code: Line
    superseded_by: PromotionId
