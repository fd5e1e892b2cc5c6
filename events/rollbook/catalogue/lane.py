"""What happens to a lane: one model in one stage."""

from enum import StrEnum

from rollbook.catalogue.parts import Part, PromotionKind
from rollbook.event import Data, Event, upcasts
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


class DriftPolicy(StrEnum):
    """What becomes of a target that runs something else than is desired."""

    ALERT = "alert"
    """People are told; an agent leaves it alone."""
    CORRECT = "correct"
    """The agent applies what is desired once more."""
    REQUIRE_ACCEPTANCE = "require_acceptance"
    """No version moves forward until it is accepted, or gone."""


class Traffic(StrEnum):
    """What the weights of a document mean."""

    WHOLE = "whole"
    """They share all of a target's traffic, and sum to 100."""
    SHARE = "share"
    """They are taken from what the parent's document calls `stable`."""
    MIRROR = "mirror"
    """So many percent are copied; the answers are thrown away."""


class DesiredSet(Event, recorded_as="lane.desired_set", schema_version=2):
    """What should run on every target of the lane: complete, never a delta."""

    stage: StageName
    revision: Count
    token: Count
    promotion: PromotionId
    kind: PromotionKind
    variants: dict[Line, Variant]
    targets: dict[TargetName, dict[Line, Count]]
    """Per target the weight of each variant; none: serve nothing."""
    previous: Variant | None
    wave: Count
    step: Count
    split_key: Line | None
    """What keeps a caller on one variant, `header:x-customer`; None: chance."""
    drift: DriftPolicy
    beside: StageName | None
    """The stage on whose targets this one's versions run; None: it has its own."""
    traffic: Traffic


@upcasts(DesiredSet, from_version=1)
def _one_variant_for_all(data: Data) -> Data:
    """v1 knew one step, and agents that mended whatever drifted."""
    return {
        **data,
        "wave": 0,
        "step": 0,
        "split_key": None,
        "drift": "correct",
        "beside": None,
        "traffic": "whole",
    }


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
