"""What happens to a lane, and what do its agents report?"""

from typing import Final

from rollbook.catalogue.experiment import (
    Beside,
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
    Winner,
)
from rollbook.catalogue.lane import (
    DesiredSet,
    DriftPolicy,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
    Traffic,
)
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.event import Event
from rollbook.names import PromotionId, StageName
from tests.support.examples.parts import (
    BECAUSE,
    BEFORE,
    DEFAULT,
    LATER,
    NOON,
    ONE,
    PRODUCTION,
    PROMOTION,
    STAGING,
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
        wave=1,
        step=2,
        split_key="header:x-customer",
        drift=DriftPolicy.REQUIRE_ACCEPTANCE,
        beside=STAGING,
        traffic=Traffic.WHOLE,
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
    DriftDetected(report=REPORT, policy=DriftPolicy.ALERT),
    DriftCorrected(report=REPORT, drift=event_id(61)),
    DriftAccepted(stage=PRODUCTION, target=DEFAULT, drift=event_id(61), reason=BECAUSE),
    ExperimentStarted(
        promotion=PROMOTION,
        stage=StageName("shadow"),
        parent=PRODUCTION,
        beside=Beside.CHALLENGER,
        candidate=TWO,
        champion=ONE,
        share=10,
        split_key="header:x-customer",
        metric="conversion",
        min_samples=50_000,
        ends_at=LATER,
    ),
    ExperimentConcluded(
        promotion=PROMOTION,
        stage=StageName("shadow"),
        winner=Winner.CHALLENGER,
        samples=61_200,
        summary={"candidate": {"conversion": 0.041}, "champion": {"conversion": 0.039}},
        evidence=event_id(62),
        cause="samples",
    ),
    ExperimentInvalidated(
        promotion=PROMOTION,
        stage=StageName("shadow"),
        cause="the champion changed",
        inputs=(event_id(63),),
    ),
)
