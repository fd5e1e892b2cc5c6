"""What happens to a lane: one model in one stage."""

from rollbook.catalogue.parts import Part, PromotionKind
from rollbook.event import Event
from rollbook.names import (
    Count,
    Digest,
    EventId,
    Instant,
    Line,
    PromotionId,
    Reason,
    StageName,
    TargetName,
    Uri,
    Version,
)


class SlotTaken(Event, recorded_as="lane.slot_taken"):
    """A promotion holds the lane; the token fences off whoever held it before."""

    stage: StageName
    promotion: PromotionId
    token: Count


class SlotReleased(Event, recorded_as="lane.slot_released"):
    """The lane is free again."""

    stage: StageName
    promotion: PromotionId
    token: Count


class Variant(Part):
    """A version as an agent needs it."""

    version: Version
    digest: Digest
    size_bytes: Count
    uri: Uri


class DesiredSet(Event, recorded_as="lane.desired_set"):
    """What should run on every target of the lane: complete, never a delta."""

    stage: StageName
    revision: Count
    token: Count
    promotion: PromotionId
    kind: PromotionKind
    variants: dict[Line, Variant]
    targets: dict[TargetName, dict[Line, Count]]
    """Per target the weight of each variant; weights sum to 100."""
    previous: Variant | None


class StableAdvanced(Event, recorded_as="lane.stable_advanced"):
    """Another version has proved itself here."""

    stage: StageName
    version: Version
    promotion: PromotionId
    depth: Count
    """How many stable versions the lane's stack holds now."""


class LaneHeld(Event, recorded_as="lane.held"):
    """Automation keeps away from the lane; the event's id is the hold's."""

    stage: StageName
    by_promotion: PromotionId | None
    until: Instant | None
    reason: Reason


class LaneReleased(Event, recorded_as="lane.released"):
    """A hold is lifted."""

    stage: StageName
    hold: EventId
    reason: Reason
