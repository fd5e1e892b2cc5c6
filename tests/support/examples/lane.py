"""What happens to a lane, and what do its agents report?"""

from typing import Final

from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.target import (
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.event import Event
from rollbook.names import PromotionId
from tests.support.examples.parts import (
    BECAUSE,
    BEFORE,
    DEFAULT,
    LATER,
    NOON,
    PRODUCTION,
    PROMOTION,
    TWO,
    VARIANT,
    digest,
    event_id,
)

REPORT: Final = Report(
    stage=PRODUCTION,
    target=DEFAULT,
    agent="agent-production",
    seq=12,
    revision=3,
    token=8,
    promotion=PROMOTION,
    observed={"main": digest("2")},
    reported_at=NOON,
)

EXAMPLES: Final[tuple[Event, ...]] = (
    SlotTaken(stage=PRODUCTION, promotion=PROMOTION, token=8),
    SlotReleased(stage=PRODUCTION, promotion=PROMOTION, token=8),
    DesiredSet(
        stage=PRODUCTION,
        revision=3,
        token=8,
        promotion=PROMOTION,
        kind=PromotionKind.FORWARD,
        variants={"main": VARIANT},
        targets={DEFAULT: {"main": 100}},
        previous=BEFORE,
    ),
    StableAdvanced(stage=PRODUCTION, version=TWO, promotion=PROMOTION, depth=2),
    LaneHeld(
        stage=PRODUCTION, by_promotion=PromotionId(32), until=LATER, reason=BECAUSE
    ),
    LaneReleased(stage=PRODUCTION, hold=event_id(60), reason=BECAUSE),
    TargetAcknowledged(report=REPORT),
    TargetApplied(report=REPORT),
    TargetFailed(
        report=REPORT,
        reason_code="load-failed",
        log_uri="https://logs.example.com/agent/12",
    ),
    TargetErrored(report=REPORT, reason_code="artifact-unreachable", log_uri=None),
)
