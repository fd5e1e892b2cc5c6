"""What happens to a promotion, from its request to its end?"""

from datetime import timedelta
from typing import Final

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    AnalysisRecorded,
    Deadlines,
    Engine,
    GateEvaluated,
    GateResult,
    PauseCause,
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionExpired,
    PromotionFailed,
    PromotionPaused,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionRequested,
    PromotionResumed,
    PromotionSucceeded,
    PromotionSuperseded,
    PromotionVerifying,
    RollbackTriggered,
    Seen,
    Skipped,
    StepApplied,
    StepCompleted,
    StepStarted,
    Voter,
)
from rollbook.catalogue.rollout import Measure, PlannedStep, Rollout, Wave
from rollbook.event import Event
from rollbook.names import (
    BundleId,
    GateName,
    PromotionId,
    RoleName,
    TargetName,
    Version,
)
from tests.support.examples.parts import (
    BECAUSE,
    DEFAULT,
    LATER,
    NOON,
    ONE,
    POLICY,
    PRODUCTION,
    PROMOTION,
    REVIEWER,
    SIGN_OFF,
    TWO,
    digest,
    event_id,
)

SEEN: Final = Seen(access=12, policies=4, calendar=7)
PASSED: Final = GateResult(
    gate=SIGN_OFF,
    kind="approvals",
    mode="enforce",
    status=GateStatus.PASS,
    detail="1 of 1 slots filled",
    inputs=(event_id(40),),
    values={"filled": "1"},
    recheck_at=LATER,
)
WAIVED: Final = GateResult(
    gate=GateName("soak"),
    kind="soak",
    mode="enforce",
    status=GateStatus.WAIVED,
    detail="waived; wait: 14 h 28 min of 24 h in staging",
    recheck_at=LATER,
    waiver=event_id(70),
)
UNSURE: Final = GateResult(
    gate=GateName("latency"),
    kind="evidence",
    mode="warn",
    status=GateStatus.UNKNOWN,
    detail="no record of kind load",
)
BAD: Final = GateResult(
    gate=GateName("error-rate"),
    kind="analysis",
    mode="enforce",
    status=GateStatus.FAIL,
    detail="0.04 is not < 0.01",
    values={"value": "0.04"},
)

_ASKED: Final[tuple[Event, ...]] = (
    PromotionRequested(
        promotion=PROMOTION,
        kind=PromotionKind.FORWARD,
        stage=PRODUCTION,
        version=TWO,
        digest=digest("2"),
        incumbent=ONE,
        automatic=False,
        policy=POLICY,
        policy_digest=digest("e"),
        expires_at=LATER,
        retry_of=PromotionId(30),
        walked_over=(Skipped(version=Version(3), why="quarantined"),),
        reason=BECAUSE,
        incident="INC-88",
        bundle=BundleId(5),
    ),
    GateEvaluated(promotion=PROMOTION, result=PASSED, seen=SEEN),
    PromotionReadied(promotion=PROMOTION, gates=(SIGN_OFF,)),
    PromotionBlocked(promotion=PROMOTION, gates=(SIGN_OFF,)),
    PromotionRebound(
        promotion=PROMOTION,
        from_digest=digest("e"),
        to_digest=digest("f"),
        policy=POLICY,
        voided=(event_id(40),),
    ),
    PromotionRebased(
        promotion=PROMOTION, from_version=ONE, to_version=None, voided=(event_id(40),)
    ),
    PromotionDispatched(
        promotion=PROMOTION,
        stage=PRODUCTION,
        version=TWO,
        token=8,
        gates=(PASSED, WAIVED, UNSURE),
        voters=(Voter(approval=event_id(40), who=REVIEWER, gate=SIGN_OFF),),
        engine=Engine(rules="rollbook 0.1.0", cel="cel 0.10.0", tzdata="2026.2"),
        warnings=(UNSURE.gate,),
        policy_digest=digest("e"),
        seen=SEEN,
        deadlines=Deadlines(
            acknowledge_by=NOON + timedelta(minutes=5),
            step_by=NOON + timedelta(hours=4),
            end_by=LATER,
        ),
        wake_at=LATER,
        rollout=Rollout(
            waves=(
                Wave(targets=(DEFAULT,), needed=1),
                Wave(targets=(TargetName("eu-2"), TargetName("us-1")), needed=1),
            ),
            steps=(
                PlannedStep(weight=5, bake_ms=1_800_000, pause=None),
                PlannedStep(weight=5, bake_ms=0, pause=RoleName("model-owner")),
                PlannedStep(weight=100, bake_ms=0, pause=None),
            ),
            split_key="header:x-customer",
            measures=(
                Measure(
                    metric="error_rate",
                    query="rate(errors[5m])",
                    samples_query=None,
                    every_ms=60_000,
                ),
            ),
            drained=(TargetName("us-1"),),
        ),
    ),
)
_UNDERWAY: Final[tuple[Event, ...]] = (
    StepStarted(
        promotion=PROMOTION,
        wave=1,
        step=2,
        weight=25,
        targets=(DEFAULT,),
        step_by=LATER,
    ),
    StepApplied(promotion=PROMOTION, wave=1, step=2, bake_until=LATER),
    StepCompleted(
        promotion=PROMOTION, wave=0, step=0, stragglers=(TargetName("eu-2"),)
    ),
    AnalysisRecorded(
        promotion=PROMOTION,
        wave=0,
        step=0,
        metrics={"candidate": {"error_rate": 0.04}, "champion": {"error_rate": 0.002}},
        samples=2_400,
        from_at=NOON,
        until_at=NOON + timedelta(seconds=30),
        judged=(BAD,),
    ),
    PromotionPaused(
        promotion=PROMOTION,
        cause=PauseCause.WINDOW,
        reason="window office is shut",
        inputs=(event_id(80),),
        wake_at=LATER,
        role=RoleName("model-owner"),
    ),
    PromotionResumed(
        promotion=PROMOTION,
        cause=PauseCause.WINDOW,
        accepted=("error_rate",),
        reason="window office is open",
        wake_at=LATER,
    ),
    PromotionVerifying(
        promotion=PROMOTION, stage=PRODUCTION, version=TWO, bake_until=LATER
    ),
    RollbackTriggered(
        promotion=PromotionId(32),
        failed_promotion=PROMOTION,
        reason_code="analysis-breached",
        inputs=(event_id(50),),
        to=ONE,
    ),
)
_ENDED: Final[tuple[Event, ...]] = (
    PromotionSucceeded(promotion=PROMOTION, stage=PRODUCTION, version=TWO),
    PromotionFailed(
        promotion=PROMOTION,
        stage=PRODUCTION,
        version=TWO,
        reason_code="load-failed",
        inputs=(event_id(50),),
    ),
    PromotionErrored(
        promotion=PROMOTION,
        stage=PRODUCTION,
        version=TWO,
        reason_code="artifact-unreachable",
        inputs=(event_id(50),),
    ),
    PromotionAborted(
        promotion=PROMOTION,
        stage=PRODUCTION,
        version=TWO,
        reason_code="rollback",
        by_promotion=PromotionId(32),
        reason=BECAUSE,
    ),
    PromotionCancelled(promotion=PROMOTION, reason=BECAUSE),
    PromotionRejected(
        promotion=PROMOTION, reason_code="rejected", inputs=(event_id(41),)
    ),
    PromotionSuperseded(
        promotion=PROMOTION,
        reason_code="newer-succeeded",
        superseded_by=PromotionId(32),
    ),
    PromotionExpired(promotion=PROMOTION, expires_at=LATER),
)

EXAMPLES: Final = (*_ASKED, *_UNDERWAY, *_ENDED)
