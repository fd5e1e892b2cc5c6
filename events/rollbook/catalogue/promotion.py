"""What happens to one attempt to change one lane."""

from enum import StrEnum
from typing import Final

from pydantic import Field

from rollbook.catalogue.parts import GateStatus, Part, PromotionKind
from rollbook.catalogue.rollout import Rollout
from rollbook.event import Data, Event, upcasts
from rollbook.names import (
    BundleId,
    Count,
    Digest,
    EventId,
    GateName,
    Instant,
    Line,
    Metrics,
    Principal,
    PromotionId,
    Prose,
    Reason,
    RoleName,
    StageName,
    TargetName,
    Version,
)

# The two sides of a measurement.
CANDIDATE: Final = "candidate"
CHAMPION: Final = "champion"


class Skipped(Part):
    """A version a rollback walked past, and why."""

    version: Version
    why: Line


class PromotionRequested(Event, recorded_as="promotion.requested", schema_version=2):
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
    bundle: BundleId | None
    """The release it is a member of: all of its lanes change, or none."""


@upcasts(PromotionRequested, from_version=1)
def _it_stood_alone(data: Data) -> Data:
    """v1 knew no bundles."""
    return {**data, "bundle": None}


class GateResult(Part):
    """What one gate said, and from which events it took that."""

    gate: GateName
    kind: Line
    mode: Line
    status: GateStatus
    detail: Prose
    inputs: tuple[EventId, ...] = ()
    values: dict[Line, Line] = Field(default_factory=dict)
    recheck_at: Instant | None = None
    """When time alone may change the word; None: only events can."""
    waiver: EventId | None = None
    """Which waiver makes it stop mattering, where `status` is `waived`."""


class Seen(Part):
    """Up to which revision a decision knew what lies outside its own model."""

    access: Count
    policies: Count
    calendar: Count


class GateEvaluated(Event, recorded_as="gate.evaluated", schema_version=2):
    """A gate's status or its inputs changed."""

    promotion: PromotionId
    result: GateResult
    seen: Seen | None
    """None: recorded before decisions said what they had seen."""


@upcasts(GateEvaluated, from_version=1)
def _what_was_seen_was_not_said(data: Data) -> Data:
    """v1 did not say which revisions it had read."""
    return {**data, "seen": None}


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
    cel: Line | None = None
    """The expression engine and its version, where a gate asked it."""
    tzdata: Line | None = None
    """The release of the time zone rules, where a window was asked."""


class Deadlines(Part):
    """When a change that is under way has taken too long."""

    acknowledge_by: Instant
    step_by: Instant
    end_by: Instant


class PromotionDispatched(Event, recorded_as="promotion.dispatched", schema_version=3):
    """The slot was free and every gate open, or waived, at this very moment."""

    promotion: PromotionId
    stage: StageName
    version: Version
    token: Count
    gates: tuple[GateResult, ...]
    voters: tuple[Voter, ...]
    engine: Engine
    warnings: tuple[GateName, ...]
    """Gates that do not pass and, in mode `warn`, do not block."""
    policy_digest: Digest | None
    seen: Seen | None
    deadlines: Deadlines | None
    """None: nothing is deployed, or recorded before there were deadlines."""
    wake_at: Instant | None
    """When a window next opens or shuts over a change under way."""
    rollout: Rollout | None
    """None: nothing is deployed, or recorded before there were plans."""


@upcasts(PromotionDispatched, from_version=1)
def _had_no_deadlines(data: Data) -> Data:
    """v1 knew neither modes nor deadlines, and did not say what it had seen."""
    unknown = dict.fromkeys(("policy_digest", "seen", "deadlines", "wake_at"))
    return {**data, **unknown, "warnings": []}


@upcasts(PromotionDispatched, from_version=2)
def _every_target_at_once(data: Data) -> Data:
    """v2 knew one step for all targets, and recorded no plan."""
    return {**data, "rollout": None}


class PromotionRebound(Event, recorded_as="promotion.rebound"):
    """The stage's policy changed under a waiting promotion: every vote is void."""

    promotion: PromotionId
    from_digest: Digest
    to_digest: Digest
    policy: Line
    voided: tuple[EventId, ...]
    """The approvals that counted and do so no more."""


class PromotionRebased(Event, recorded_as="promotion.rebased"):
    """Another version runs there now; the promotion is judged again against it."""

    promotion: PromotionId
    from_version: Version | None
    to_version: Version | None
    voided: tuple[EventId, ...]


class PromotionExpired(Event, recorded_as="promotion.expired"):
    """Nobody and nothing opened its gates in time; silence never approves."""

    promotion: PromotionId
    expires_at: Instant


class PauseCause(StrEnum):
    """What stopped a change that is under way."""

    PERSON = "person"
    FREEZE = "freeze"
    WINDOW = "window"
    UNKNOWN = "unknown"
    STEP = "step"
    """The plan says that a person looks before it goes on."""


class PromotionPaused(Event, recorded_as="promotion.paused", schema_version=2):
    """A change that is under way stands still; the targets keep what they serve."""

    promotion: PromotionId
    cause: PauseCause
    reason: Prose
    inputs: tuple[EventId, ...]
    wake_at: Instant | None
    """When time alone may let it go on."""
    role: RoleName | None
    """Who alone may let it go on, where the plan names a role."""


@upcasts(PromotionPaused, from_version=1)
def _anybody_could_resume(data: Data) -> Data:
    """v1 knew no pauses of a plan."""
    return {**data, "role": None}


class PromotionResumed(Event, recorded_as="promotion.resumed"):
    """It goes on where it was."""

    promotion: PromotionId
    cause: PauseCause
    """What had stopped it."""
    accepted: tuple[Line, ...]
    """Metrics a person accepts as they are; they trigger no rollback any more."""
    reason: Prose
    wake_at: Instant | None


class PromotionVerifying(Event, recorded_as="promotion.verifying"):
    """Enough targets run the version; now it has to prove itself."""

    promotion: PromotionId
    stage: StageName
    version: Version
    bake_until: Instant


class StepStarted(Event, recorded_as="step.started", schema_version=2):
    """One step of the roll-out begins."""

    promotion: PromotionId
    wave: Count
    step: Count
    weight: Count
    targets: tuple[TargetName, ...]
    step_by: Instant | None
    """Until when enough targets must have applied it; None: the dispatch says so."""


@upcasts(StepStarted, from_version=1)
def _it_was_the_only_step(data: Data) -> Data:
    """v1 knew one step, whose deadline the dispatch names."""
    return {**data, "step_by": None}


class StepApplied(Event, recorded_as="step.applied"):
    """As many targets as the step needs run it; now it has to prove itself."""

    promotion: PromotionId
    wave: Count
    step: Count
    bake_until: Instant


class StepCompleted(Event, recorded_as="step.completed"):
    """The step is over: enough targets run it, and it proved itself."""

    promotion: PromotionId
    wave: Count
    step: Count
    stragglers: tuple[TargetName, ...]
    """Targets that were not needed and have not applied it yet."""


class AnalysisRecorded(Event, recorded_as="analysis.recorded"):
    """What was measured while a step ran, and how the policy judged it."""

    promotion: PromotionId
    wave: Count
    step: Count
    metrics: dict[Line, Metrics]
    """By variant: `candidate`, and `champion` where it runs beside it."""
    samples: Count
    from_at: Instant
    until_at: Instant
    judged: tuple[GateResult, ...]


class RollbackTriggered(Event, recorded_as="rollback.triggered"):
    """The policy takes back what failed; a person's decision is never taken back."""

    promotion: PromotionId
    """The rollback."""
    failed_promotion: PromotionId
    reason_code: Line
    inputs: tuple[EventId, ...]
    to: Version


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
