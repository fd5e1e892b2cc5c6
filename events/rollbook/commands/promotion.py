"""What may be asked about a promotion."""

from typing import Literal

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.command import ModelScoped
from rollbook.names import EventId, Line, PromotionId, Reason, StageName, Version


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
