"""How does a test say what happened around promotions?"""

from collections.abc import Sequence
from datetime import datetime

from rollbook.catalogue.access import IdentityLinked, Place, TokenIssued, TokenRevoked
from rollbook.catalogue.bundle import BundleRequested, Member
from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, InFlight, Lanes
from rollbook.catalogue.experiment import Beside, ExperimentStarted
from rollbook.catalogue.fleet import AgentEnrolled
from rollbook.catalogue.lane import LaneHeld, LaneReleased
from rollbook.catalogue.model import ModelRegistered
from rollbook.catalogue.policy import PolicyActivated, PolicyProposed, PolicyRetired
from rollbook.catalogue.promotion import (
    Deadlines,
    PauseCause,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.catalogue.target import Report, TargetAcknowledged
from rollbook.catalogue.version import VersionDeprecated
from rollbook.names import (
    AgentName,
    BundleId,
    EventId,
    ModelName,
    PolicyName,
    Principal,
    PromotionId,
    Reason,
    RoleName,
    StageName,
    TargetName,
    TokenId,
    Version,
)
from tests.services.conductor.remembering import minute
from tests.support.agents import MODEL, TARGET, sha256_of
from tests.support.conducting import PRODUCTION

WHY = Reason("a test")
TOKEN = TokenId("a" * 16)
PERSON, AGENT = Principal("prn:" + "a" * 13), Principal("svc:agent")
PLACE = Place(stage=PRODUCTION, target=TargetName(TARGET))
DEADLINES = Deadlines(
    acknowledge_by=minute(205), step_by=minute(240), end_by=minute(300)
)


def frozen(
    *,
    models: tuple[str, ...] = (),
    stages: tuple[StageName, ...] = (),
    from_at: datetime | None = None,
    until: datetime | None = None,
) -> FreezeDeclared:
    return FreezeDeclared(
        covers=Lanes(models=models, stages=stages),
        from_at=from_at,
        until=until,
        in_flight=InFlight.PAUSE,
        exempt=(),
        waivable=False,
        stops_the_line=False,
        reason=WHY,
        incident=None,
    )


def lifted(freeze: str) -> FreezeLifted:
    return FreezeLifted(freeze=EventId(freeze), reason=WHY)


def proposed(
    name: str, *, auto_promote: str = "never", stages: int = 2
) -> PolicyProposed:
    """A document whose last stage may leave the choice to automation."""
    written: list[dict[str, object]] = [{"name": f"s{each}"} for each in range(stages)]
    written[-1]["auto_promote"] = auto_promote
    return PolicyProposed(
        policy=PolicyName(name),
        digest=sha256_of(auto_promote.encode()),
        document={"spec": {"stages": written}},
        warnings=(),
        trial=None,
        reason=WHY,
    )


def activated(name: str, *models: str, auto_promote: str = "never") -> PolicyActivated:
    return PolicyActivated(
        policy=PolicyName(name),
        digest=sha256_of(auto_promote.encode()),
        supersedes=None,
        models=models,
        endorsed_by=(),
    )


def retired(name: str) -> PolicyRetired:
    return PolicyRetired(policy=PolicyName(name), digest=sha256_of(b"it"), reason=WHY)


def issued(
    principal: Principal,
    place: Place | None = None,
    *,
    token: TokenId = TOKEN,
    sha256: str = "0" * 64,
) -> TokenIssued:
    return TokenIssued(
        token=token,
        sha256=sha256,
        principal=principal,
        roles=(RoleName("reviewer"),),
        place=place,
        until=minute(10_000),
    )


def enrolled(
    name: str = "agent",
    *,
    place: Place = PLACE,
    public_key: str | None = None,
) -> AgentEnrolled:
    return AgentEnrolled(
        agent=AgentName(name), place=place, public_key=public_key, token=None
    )


def revoked() -> TokenRevoked:
    return TokenRevoked(token=TOKEN, reason=WHY)


def linked() -> IdentityLinked:
    return IdentityLinked(principals=(PERSON, Principal("prn:" + "b" * 13)), reason=WHY)


def bundled(bundle: int, members: Sequence[tuple[str, int]]) -> BundleRequested:
    """A bundle of models and their promotions."""
    return BundleRequested(
        bundle=BundleId(bundle),
        stage=PRODUCTION,
        members=tuple(
            Member(
                model=ModelName(model),
                version=Version(promotion),
                promotion=PromotionId(promotion),
            )
            for model, promotion in members
        ),
        reason=WHY,
    )


def acknowledged(promotion: int) -> TargetAcknowledged:
    return TargetAcknowledged(
        report=Report(
            stage=PRODUCTION,
            target=TargetName(TARGET),
            agent="agent",
            seq=1,
            revision=1,
            token=1,
            promotion=PromotionId(promotion),
            observed={},
            reported_at=minute(0),
        )
    )


def paused(promotion: int, wake_at: datetime | None) -> PromotionPaused:
    return PromotionPaused(
        promotion=PromotionId(promotion),
        cause=PauseCause.WINDOW,
        reason="the window shut",
        inputs=(),
        wake_at=wake_at,
        role=None,
    )


def resumed(promotion: int, wake_at: datetime | None) -> PromotionResumed:
    return PromotionResumed(
        promotion=PromotionId(promotion),
        cause=PauseCause.WINDOW,
        accepted=(),
        reason="the window opened",
        wake_at=wake_at,
    )


def verifying(promotion: int, bake_until: datetime) -> PromotionVerifying:
    return PromotionVerifying(
        promotion=PromotionId(promotion),
        stage=PRODUCTION,
        version=Version(promotion),
        bake_until=bake_until,
    )


def step_started(
    promotion: int,
    *,
    step: int = 0,
    wave: int = 0,
    step_by: datetime | None = None,
    targets: tuple[str, ...] = (TARGET,),
) -> StepStarted:
    return StepStarted(
        promotion=PromotionId(promotion),
        wave=wave,
        step=step,
        weight=10,
        targets=tuple(map(TargetName, targets)),
        step_by=step_by,
    )


def step_applied(promotion: int, bake_until: datetime, *, step: int = 0) -> StepApplied:
    return StepApplied(
        promotion=PromotionId(promotion), wave=0, step=step, bake_until=bake_until
    )


def step_completed(promotion: int, *, step: int = 0) -> StepCompleted:
    return StepCompleted(
        promotion=PromotionId(promotion), wave=0, step=step, stragglers=()
    )


def experiment(promotion: int, ends_at: datetime) -> ExperimentStarted:
    return ExperimentStarted(
        promotion=PromotionId(promotion),
        stage=PRODUCTION,
        parent=StageName("live"),
        beside=Beside.SHADOW,
        candidate=Version(promotion),
        champion=None,
        share=10,
        split_key=None,
        metric=None,
        min_samples=0,
        ends_at=ends_at,
    )


def registered(model: str = MODEL) -> ModelRegistered:
    return ModelRegistered(
        model=ModelName(model),
        owners=(),
        task=None,
        tier=None,
        description=None,
        labels={},
        side_effect_free=False,
    )


def deprecated(version: int = 1) -> VersionDeprecated:
    return VersionDeprecated(version=Version(version), reason=WHY)


def held(until: datetime | None) -> LaneHeld:
    return LaneHeld(stage=PRODUCTION, by_promotion=None, until=until, reason=WHY)


def let_go(hold: str) -> LaneReleased:
    return LaneReleased(stage=PRODUCTION, hold=EventId(hold), reason=WHY)
