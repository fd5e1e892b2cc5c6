"""What runs beside prod in these tests, and who does what to it?"""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from rollbook.catalogue.parts import GateStatus
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import (
    AdvancePromotion,
    RecordAnalysis,
)
from rollbook.commands.target import ReportedState
from rollbook.envelope import Actor
from rollbook.names import PromotionId, Reason, StageName, TargetName
from tests.support.governed import policy, under
from tests.support.scenario import (
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    Scenario,
    agent,
    nothing,
    promote,
    register,
    report,
)

PROD, SHADOW, DUEL = (StageName(name) for name in ("prod", "shadow", "duel"))
TARGETS: Final = (TargetName("eu-1"), TargetName("us-1"))
WHY: Final = Reason("because")
COPIED: Final = {"shadow": {"sample": "10%", "min_samples": 1000, "duration": "72h"}}
CHALLENGE: Final[dict[str, Any]] = {
    "share": "20%",
    "split_key": "header:x-customer",
    "metric": "auc",
    "min_samples": 100,
    "stop": {"after": "24h", "or_when": "value > champion + 0.1"},
}
IT: Final = PromotionId(2)  # the first promotion after version 1 went live


def stages(
    *,
    prod: dict[str, Any] | None = None,
    shadow: dict[str, Any] | None = None,
    duel: dict[str, Any] | None = None,
    **challenge: Any,
) -> list[dict[str, Any]]:
    """Write prod, and two stages beside it."""
    strategy = {"challenger": {**CHALLENGE, **challenge}}
    return [
        {"name": "prod", "targets": list(TARGETS), **(prod or {})},
        {"name": "shadow", "beside": "prod", "strategy": COPIED, **(shadow or {})},
        {"name": "duel", "beside": "prod", "strategy": strategy, **(duel or {})},
    ]


def empty(*, side_effect_free: bool = True, **written: Any) -> Scenario:
    """Nothing runs in prod; three versions are registered."""
    wish = RegisterModel(model=FRAUD, side_effect_free=side_effect_free)
    model = nothing().given(wish, by=PIPELINE)
    for number in (1, 2, 3):
        model = model.given(register(number), by=PIPELINE)
    return under(model, policy(*stages(**written)))


def live(**written: Any) -> Scenario:
    """Version 1 runs in prod and is stable there."""
    model = empty(**written).given(promote(1, PROD), by=PIPELINE).dispatched(1)
    model = applied(model, PROD)
    assert model.stack(PROD) == [1]
    return model


def applied(model: Scenario, stage: StageName, *targets: TargetName) -> Scenario:
    """Let targets, or all of them, run what is desired."""
    for target in targets or TARGETS:
        said = report(model, stage, ReportedState.APPLIED, target=target)
        model = model.given(said, by=speaker(target))
    return model


def speaker(target: TargetName) -> Actor:
    """Return prod's agent on a target: it speaks of what runs beside prod too."""
    place = {"token": "t", "stage": "prod", "target": target}
    return replace(agent(PROD), credential=place)


def begun(stage: StageName, model: Scenario | None = None) -> Scenario:
    """Version 2 was dispatched into a side lane."""
    known = model or live()
    known = known.given(promote(2, stage), by=PIPELINE)
    return known.dispatched(len(known.model.promotions))


def running(stage: StageName, model: Scenario | None = None) -> Scenario:
    """Both targets run version 2 beside version 1."""
    return applied(begun(stage, model), stage)


def look(model: Scenario, number: PromotionId = IT, **after: float) -> Scenario:
    """Let the conductor look at what runs beside prod."""
    command = AdvancePromotion(model=FRAUD, promotion=number)
    return model.given(command, by=CONDUCTOR, after=timedelta(**after))


def measure(samples: int, model: Scenario, **sides: dict[str, float]) -> RecordAnalysis:
    """Say what was measured of each side until now."""
    now = model.promotion(IT).underway
    assert now is not None
    return RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics=sides,
        samples=samples,
        from_at=now.step_since,
        until_at=model.at,
    )


def measured(
    model: Scenario, candidate: float | None, champion: float | None, samples: int = 500
) -> Scenario:
    """Let the pipeline record what it measured until now; None: it could not."""
    minute = timedelta(minutes=1)
    model = replace(model, at=model.at + minute)
    values = {"candidate": candidate, "champion": champion}
    sides = {
        side: {} if value is None else {"auc": value} for side, value in values.items()
    }
    return model.given(measure(samples, model, **sides), by=PIPELINE)


def over(model: Scenario) -> Scenario:
    """Let time end what runs beside prod."""
    return look(model, hours=72)


def word(model: Scenario, gate: str) -> tuple[GateStatus, str]:
    """Return what a gate said anew, and why."""
    said = model.words()[gate]
    return said.status, said.detail


def serves_nothing(model: Scenario, stage: StageName) -> bool:
    """Tell whether a side lane was emptied on every target."""
    desired = model.lane(stage).desired
    assert desired is not None
    assert set(desired.targets) == set(TARGETS)
    return not desired.variants and not any(desired.targets.values())
