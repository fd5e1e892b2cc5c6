"""What may be asked when the glass has to be broken, and afterwards?"""

from typing import Annotated, Literal

from pydantic import Field

from rollbook.catalogue.waiver import Finding
from rollbook.commands.command import ModelScoped
from rollbook.names import EventId, GateName, Line, PromotionId, Reason


class WaiveGates(ModelScoped):
    """Make gates stop mattering for one promotion, under a class of its policy."""

    command: Literal["WaiveGates"] = "WaiveGates"
    promotion: PromotionId
    break_glass: Line
    gates: Annotated[tuple[GateName, ...], Field(min_length=1, max_length=64)]
    reason: Reason
    incident: Line | None = None


class ConfirmWaiver(ModelScoped):
    """Be the second person that a class of waivers asks for."""

    command: Literal["ConfirmWaiver"] = "ConfirmWaiver"
    promotion: PromotionId
    waiver: EventId


class CloseReview(ModelScoped):
    """Say what a look at a waiver came to."""

    command: Literal["CloseReview"] = "CloseReview"
    review: EventId
    finding: Finding
    notes: Reason
