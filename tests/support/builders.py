"""What does one example of every recorded event look like?"""

from datetime import UTC, datetime
from typing import Final

from rollbook import catalogue
from rollbook.catalogue.access import Place, TokenIssued, TokenRevoked
from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
    Bound,
)
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked, Statement
from rollbook.catalogue.keys import LedgerOpened, PublicKey
from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
    Variant,
)
from rollbook.catalogue.model import ModelRegistered
from rollbook.catalogue.parts import (
    Artifact,
    Code,
    Dataset,
    GateStatus,
    Lineage,
    Parent,
    PromotionKind,
    Scope,
    Verdict,
)
from rollbook.catalogue.promotion import (
    Engine,
    GateEvaluated,
    GateResult,
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionReadied,
    PromotionRejected,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
    Skipped,
    Voter,
)
from rollbook.catalogue.target import (
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.catalogue.version import (
    Amendment,
    VersionAmended,
    VersionDeprecated,
    VersionQuarantined,
    VersionRegistered,
    VersionReleased,
    VersionRetired,
)
from rollbook.event import Event, declared
from rollbook.names import (
    AliasName,
    Digest,
    EventId,
    EvidenceKind,
    GateName,
    KeyId,
    ModelName,
    Principal,
    PromotionId,
    Reason,
    RoleName,
    StageName,
    TargetName,
    TokenId,
    Version,
)

NOON: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER: Final = datetime(2026, 12, 20, 12, 0, tzinfo=UTC)
STAGING: Final = StageName("staging")
PRODUCTION: Final = StageName("production")
DEFAULT: Final = TargetName("default")
ONE: Final = Version(1)
TWO: Final = Version(2)
PROMOTION: Final = PromotionId(31)
SIGN_OFF: Final = GateName("sign-off")
REVIEWER: Final = Principal("prn:" + "b" * 13)
BECAUSE: Final = Reason("the night's evaluation, größer als je zuvor")


def digest(letter: str) -> Digest:
    """Make a digest that is easy to recognise."""
    return Digest("sha256:" + letter * 64)


def event_id(number: int) -> EventId:
    """Make the id of an event that stands for another one."""
    return EventId(f"01990000-0000-7000-8000-{number:012d}")


ARTIFACT: Final = Artifact(
    uri="s3://models/fraud/2/model.skops",
    digest=digest("2"),
    size_bytes=48_213,
    media_type="application/octet-stream",
)
LINEAGE: Final = Lineage(
    run="https://ci.example.com/runs/7c2e",
    code=Code(repository="https://git.example.com/fraud", commit="9f1c2e7"),
    datasets=(Dataset(name="payments-2026-10", digest=digest("d"), role="training"),),
    parents=(Parent(model=ModelName("fraud/base"), version=Version(4)),),
    base="hf://example/tabular",
)
VARIANT: Final = Variant(
    version=TWO, digest=digest("2"), size_bytes=48_213, uri=ARTIFACT.uri
)
BEFORE: Final = Variant(
    version=ONE,
    digest=digest("1"),
    size_bytes=47_000,
    uri="s3://models/fraud/1/model.skops",
)
PASSED: Final = GateResult(
    gate=SIGN_OFF,
    kind="approvals",
    mode="blocking",
    status=GateStatus.PASS,
    detail="1 of 1 slots filled",
    inputs=(event_id(40),),
    values={"filled": "1"},
)
BOUND: Final = Bound(
    digest=digest("2"),
    stage=PRODUCTION,
    policy_digest=digest("e"),
    evidence_set=(event_id(20), event_id(21)),
    incumbent=ONE,
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

_EXAMPLES: Final[tuple[Event, ...]] = (
    LedgerOpened(
        origin="ledger.example.com/prod",
        event_key=PublicKey(
            kid=KeyId("ed25519:03396219237f75a6"),
            public="JUO5L/EJVRFHatyDadtt3JM2ZaEZeN2hQE7hBmypVZ0=",
        ),
        stream_settings=digest("5"),
    ),
    TokenIssued(
        token=TokenId("aaaqeayeaudaocaj"),
        sha256="630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
        principal=Principal("svc:agent-production"),
        roles=(RoleName("agent"),),
        place=Place(stage=PRODUCTION, target=DEFAULT),
        until=LATER,
    ),
    TokenRevoked(token=TokenId("aaaqeayeaudaocaj"), reason=BECAUSE),
    ModelRegistered(
        model=ModelName("fraud/scorer"),
        owners=("team-fraud",),
        task="classification",
        tier="high",
        description="Scores payments.",
        labels={"area": "payments"},
    ),
    VersionRegistered(
        version=TWO,
        artifact=ARTIFACT,
        label="2026-11 weekly",
        description="Trained on October.",
        framework="scikit-learn 1.9.1",
        parameters={"learning_rate": 1e-7, "max_depth": 8, "warm": True, "loss": "log"},
        metrics={"auc": 0.9134, "rows": 1e20},
        tags={"reviewed": "yes"},
        lineage=LINEAGE,
        authors=(REVIEWER,),
        producer=Principal("svc:train-fraud"),
    ),
    VersionAmended(
        version=TWO,
        amends=event_id(10),
        fields=Amendment(metrics={"auc": 0.9131}),
        reason=BECAUSE,
    ),
    VersionDeprecated(version=ONE, reason=BECAUSE),
    VersionRetired(version=ONE, reason=BECAUSE),
    VersionQuarantined(
        version=TWO,
        scope=Scope(stages=(PRODUCTION,)),
        reason=BECAUSE,
        incident="INC-204",
    ),
    VersionReleased(version=TWO, scope=Scope(), reason=BECAUSE),
    EvidenceRecorded(
        version=TWO,
        kind=EvidenceKind("evaluation"),
        subject_digest=digest("2"),
        dataset=Dataset(name="holdout", digest=digest("c")),
        metrics={"auc": 0.91},
        verdict=Verdict.PASS,
        produced_at=NOON,
        valid_until=LATER,
        statement=Statement(uri="s3://reports/2.json", digest=digest("f")),
    ),
    EvidenceRevoked(version=TWO, evidence=event_id(20), reason=BECAUSE),
    AliasMoved(
        alias=AliasName("champion"),
        from_version=ONE,
        to_version=TWO,
        protected=False,
        reason=None,
    ),
    PromotionRequested(
        promotion=PROMOTION,
        kind=PromotionKind.FORWARD,
        stage=PRODUCTION,
        version=TWO,
        digest=digest("2"),
        incumbent=ONE,
        automatic=False,
        policy="built-in",
        policy_digest=digest("e"),
        expires_at=LATER,
        retry_of=PromotionId(30),
        walked_over=(Skipped(version=Version(3), why="quarantined"),),
        reason=BECAUSE,
        incident="INC-88",
    ),
    GateEvaluated(promotion=PROMOTION, result=PASSED),
    PromotionReadied(promotion=PROMOTION, gates=(SIGN_OFF,)),
    PromotionBlocked(promotion=PROMOTION, gates=(SIGN_OFF,)),
    PromotionDispatched(
        promotion=PROMOTION,
        stage=PRODUCTION,
        version=TWO,
        token=8,
        gates=(PASSED,),
        voters=(Voter(approval=event_id(40), who=REVIEWER, gate=SIGN_OFF),),
        engine=Engine(rules="rollbook 0.1.0"),
    ),
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
    ApprovalGranted(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        roles=(RoleName("reviewer"),),
        binding=digest("b"),
        bound_to=BOUND,
        valid_until=LATER,
        comment=BECAUSE,
    ),
    ApprovalRejected(
        promotion=PROMOTION,
        gate=SIGN_OFF,
        roles=(RoleName("reviewer"),),
        binding=digest("b"),
        bound_to=BOUND,
        comment=BECAUSE,
    ),
    ApprovalWithdrawn(promotion=PROMOTION, gate=SIGN_OFF, approval=event_id(40)),
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

EXAMPLES: Final[dict[str, Event]] = {each.recorded_as: each for each in _EXAMPLES}


def catalogued() -> dict[str, type[Event]]:
    """Return every event of the catalogue, and none that a test declares."""
    catalogue.load()
    return {
        name: event
        for name, event in declared().items()
        if event.__module__.startswith("rollbook.catalogue.")
    }
