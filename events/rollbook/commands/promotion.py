"""What may be asked about a promotion."""

from typing import Literal

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.command import ModelScoped
from rollbook.names import (
    Count,
    EventId,
    Instant,
    Line,
    Metrics,
    PromotionId,
    Reason,
    StageName,
    Version,
)


class RequestPromotion(ModelScoped):
    """Ask for a version in a stage; this is the queue, there is no way around it."""

    command: Literal["RequestPromotion"] = "RequestPromotion"
    stage: StageName
    version: Version
    kind: Literal[PromotionKind.FORWARD, PromotionKind.REDEPLOY] = PromotionKind.FORWARD
    expected_incumbent: Version | Literal["any"] | None = "any"
    """What the caller saw running there; None: nothing. `any` accepts what is found."""
    acknowledge_hold: EventId | None = None
    retry_of: PromotionId | None = None
    reason: Reason | None = None


class RequestRollback(ModelScoped):
    """Go back to what was stable, as a new promotion, and hold the lane."""

    command: Literal["RequestRollback"] = "RequestRollback"
    stage: StageName
    to: Version | None = None
    reason: Reason
    incident: Line | None = None


class RequestCandidates(ModelScoped):
    """Ask for what automation would choose, in every lane that leaves it to automation.

    A wake-up: the policy says which version that is, if any, and nobody else.
    """

    command: Literal["RequestCandidates"] = "RequestCandidates"


class EvaluatePromotion(ModelScoped):
    """Judge every gate again, now."""

    command: Literal["EvaluatePromotion"] = "EvaluatePromotion"
    promotion: PromotionId


class DispatchPromotion(ModelScoped):
    """Take the slot and say what should run, if every gate is open now."""

    command: Literal["DispatchPromotion"] = "DispatchPromotion"
    promotion: PromotionId


class CancelPromotion(ModelScoped):
    """Withdraw a promotion that still waits."""

    command: Literal["CancelPromotion"] = "CancelPromotion"
    promotion: PromotionId
    reason: Reason


class AbortPromotion(ModelScoped):
    """Stop a promotion that was dispatched."""

    command: Literal["AbortPromotion"] = "AbortPromotion"
    promotion: PromotionId
    reason: Reason


class ExpirePromotion(ModelScoped):
    """End a promotion whose time to open its gates is over."""

    command: Literal["ExpirePromotion"] = "ExpirePromotion"
    promotion: PromotionId


class AdvancePromotion(ModelScoped):
    """Look at a change that is under way: deadlines, bakes, freezes and windows."""

    command: Literal["AdvancePromotion"] = "AdvancePromotion"
    promotion: PromotionId


class PausePromotion(ModelScoped):
    """Let a change that is under way stand still."""

    command: Literal["PausePromotion"] = "PausePromotion"
    promotion: PromotionId
    reason: Reason


class ResumePromotion(ModelScoped):
    """Let it go on; says which step the caller saw it stand at."""

    command: Literal["ResumePromotion"] = "ResumePromotion"
    promotion: PromotionId
    wave: Count = 0
    step: Count = 0
    accept: tuple[Line, ...] = ()
    """Metrics that are accepted as they are."""
    reason: Reason


class RecordAnalysis(ModelScoped):
    """Say what was measured while a step ran."""

    command: Literal["RecordAnalysis"] = "RecordAnalysis"
    promotion: PromotionId
    wave: Count = 0
    step: Count = 0
    metrics: dict[Line, Metrics]
    """By variant: `candidate`, and `champion` where it runs beside it."""
    samples: Count
    from_at: Instant
    until_at: Instant
