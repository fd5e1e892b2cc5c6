"""Who made a gate stop mattering, and who looked at that afterwards?"""

from enum import StrEnum

from rollbook.catalogue.parts import GateStatus
from rollbook.event import Event
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    Instant,
    Line,
    Principal,
    PromotionId,
    Reason,
    StageName,
)


class WaiverRequested(Event, recorded_as="waiver.requested"):
    """Somebody asks to break the glass; the event's id is the waiver's."""

    promotion: PromotionId
    stage: StageName
    digest: Digest
    """The bytes it is about; another version needs another waiver."""
    break_glass: Line
    """The class of the policy under which it is asked for."""
    gates: tuple[GateName, ...]
    reason: Reason
    incident: Line | None
    until: Instant
    needs_second_person: bool


class GateWaived(Event, recorded_as="gate.waived"):
    """A gate stops mattering for one promotion; it is never said to have passed."""

    promotion: PromotionId
    waiver: EventId
    gate: GateName
    status_then: GateStatus
    break_glass: Line
    reason: Reason
    incident: Line | None
    until: Instant
    asked_by: Principal
    second_person: Principal | None


class ReviewOpened(Event, recorded_as="review.opened"):
    """Somebody else has to look at a waiver; the event's id is the review's."""

    promotion: PromotionId
    waiver: EventId
    break_glass: Line
    due_at: Instant
    escalation_role: Line | None


class Finding(StrEnum):
    """What a review came to."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"


class ReviewClosed(Event, recorded_as="review.closed"):
    """Somebody who had no part in it looked at a waiver."""

    promotion: PromotionId
    review: EventId
    waiver: EventId
    finding: Finding
    notes: Reason
