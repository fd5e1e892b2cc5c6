"""How does a test let two targets of a stage run, drift and converge?"""

from typing import Any

from rollbook.commands.promotion import DispatchPromotion
from rollbook.commands.target import AcceptDrift, ReportedState, ReportTarget
from rollbook.envelope import Actor, ActorKind
from rollbook.names import (
    Principal,
    PromotionId,
    Reason,
    RoleName,
    StageName,
    TargetName,
)
from rollbook_services.registrar.state import Drift
from tests.support.governed import policy, under
from tests.support.scenario import (
    FRAUD,
    PIPELINE,
    Scenario,
    digest,
    fraud,
    promote,
    report,
)

LIVE, BESIDE, OTHER = (StageName(each) for each in ("live", "beside", "other"))
EU1, EU2 = TargetName("eu-1"), TargetName("eu-2")
BOTH = (EU1, EU2)
DRIFTED, CONVERGED, APPLIED, UNAPPLIED, ACKNOWLEDGED = (
    ReportedState.DRIFTED,
    ReportedState.CONVERGED,
    ReportedState.APPLIED,
    ReportedState.UNAPPLIED,
    ReportedState.ACKNOWLEDGED,
)
CHALLENGER = {
    "share": "10%",
    "split_key": "header:x-customer",
    "metric": "error_rate",
    "stop": {"after": "72h"},
}
HOTFIX = {"stable": digest(9)}
WHY = Reason("a hotfix until Monday")


def agent(target: TargetName = EU1, stage: StageName = LIVE) -> Actor:
    """Make the agent of a target."""
    place = {"token": "agent", "stage": str(stage), "target": str(target)}
    name = Principal(f"svc:agent-{stage}-{target}")
    return Actor(name, ActorKind.WORKLOAD, (RoleName("agent"),), place)


def lives(drift: str = "alert", **live: Any) -> Scenario:
    """Begin with version 1 on both targets."""
    rules = policy(
        {"name": "live", "targets": [*BOTH], "drift": drift, **live},
        {"name": "beside", "beside": "live", "strategy": {"challenger": CHALLENGER}},
        {"name": "other", "targets": [*BOTH]},
    )
    return brought(under(fraud(3), rules), 1)


def brought(
    model: Scenario, number: int, stage: StageName = LIVE, *, applied: bool = True
) -> Scenario:
    """Let a version go onto both targets."""
    then = model.given(promote(number, stage), by=PIPELINE)
    then = then.dispatched(len(then.model.promotions))
    return runs(then, stage) if applied else then


def runs(model: Scenario, stage: StageName = LIVE) -> Scenario:
    """Let both targets apply what is desired."""
    own = StageName("live") if stage == BESIDE else stage
    for target in BOTH:
        said = report(model, stage, APPLIED, target=target)
        model = model.given(said, by=agent(target, own))
    return model


def says(
    model: Scenario, state: ReportedState, target: TargetName = EU1, **changes: Any
) -> ReportTarget:
    """Report what a target runs."""
    if state is DRIFTED:
        changes = {"observed": HOTFIX, **changes}
    if state is CONVERGED:
        right = report(model, LIVE, APPLIED).report.observed
        changes = {"observed": right, **changes}
    return report(model, LIVE, state, target=target, **changes)


def hears(
    model: Scenario, state: ReportedState, target: TargetName = EU1, **changes: Any
) -> Scenario:
    """Let an agent report what its target runs."""
    return model.when(says(model, state, target, **changes), by=agent(target))


def accept(target: TargetName = EU1, stage: StageName = LIVE) -> AcceptDrift:
    """Let a lane move on in spite of a drift."""
    return AcceptDrift(model=FRAUD, stage=stage, target=target, reason=WHY)


def dispatch(number: int) -> DispatchPromotion:
    """Ask for the slot."""
    return DispatchPromotion(model=FRAUD, promotion=PromotionId(number))


def drifts(model: Scenario) -> dict[TargetName, Drift]:
    """Return what is known to have drifted."""
    return dict(model.lane(LIVE).drifts)
