"""What is answered to `why`, of what runs, of what ended, of what nobody asked for?"""

from typing import Any

import pytest

from rollbook.catalogue.parts import PromotionKind, Scope
from rollbook.commands.explain import Explain
from rollbook.commands.lane import PlaceHold
from rollbook.commands.promotion import PausePromotion
from rollbook.commands.version import QuarantineVersion, RetireVersion
from rollbook.names import PromotionId, Reason, StageName, Version
from rollbook_services.registrar.explaining import explain
from tests.support.governed import PRODUCTION as PRODUCTION_SPEC
from tests.support.governed import SIGN_OFF, policy, production, under
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    fraud,
    promote,
)

WHY = Reason("because")


def told(model: Scenario, **asked: Any) -> dict[str, Any]:
    answer = explain(
        model.model, model.context, Explain(model=FRAUD, **asked), model.at
    )
    assert isinstance(answer, dict)
    return answer


def imagined(
    model: Scenario, version: int, stage: StageName = STAGING, **asked: Any
) -> str:
    return str(told(model, version=Version(version), stage=stage, **asked)["answer"])


def of(model: Scenario, promotion: int) -> str:
    return str(told(model, promotion=PromotionId(promotion))["answer"])


@pytest.fixture
def live() -> Scenario:
    """Version 1 runs in staging."""
    return under(fraud(3), production(gates=[SIGN_OFF])).in_staging(1)


def test_what_runs_already_need_not_be_asked_for(live: Scenario) -> None:
    assert "runs acme/fraud@1 already" in imagined(live, 1)
    assert imagined(live, 2) == "Nothing is in the way: ask for it."


def test_a_redeploy_is_of_what_runs(live: Scenario) -> None:
    kind = PromotionKind.REDEPLOY
    assert "staging runs version 1" in imagined(live, 2, kind=kind)
    assert imagined(live, 1, kind=kind) == "Nothing is in the way: ask for it."


def test_a_way_back_is_to_where_the_lane_has_been(live: Scenario) -> None:
    kind = PromotionKind.ROLLBACK
    assert "never succeeded in staging" in imagined(live, 2, kind=kind)
    model = live.in_staging(2)
    assert imagined(model, 1, kind=kind) == "Nothing is in the way: ask for it."
    assert imagined(model, 2, kind=kind).startswith("Would be refused")


def test_a_version_that_is_barred_or_retired_is_said_to_be(live: Scenario) -> None:
    bar = QuarantineVersion(
        model=FRAUD, version=Version(2), scope=Scope(), reason=Reason("leaks")
    )
    assert "is barred from staging" in imagined(live.given(bar, by=DAVE), 2)
    retired = live.given(
        RetireVersion(model=FRAUD, version=Version(2), reason=WHY), by=DAVE
    )
    assert "version 2 is retired" in imagined(retired, 2)


def test_a_hold_is_told_to_who_would_ask(live: Scenario) -> None:
    hold = PlaceHold(model=FRAUD, stage=STAGING, until=None, reason=WHY)
    assert "is held by" in imagined(live.given(hold, by=DAVE), 2)


def test_a_lane_that_takes_one_at_a_time_says_who_is_there(live: Scenario) -> None:
    model = under(live, production(gates=[SIGN_OFF], queue="single"))
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    assert "takes one promotion at a time" in imagined(model, 2, PRODUCTION)


def test_what_waits_for_gates_says_so_before_it_is_asked_for(live: Scenario) -> None:
    assert imagined(live, 2, PRODUCTION).startswith("Would wait for predecessor")


def test_what_succeeded_says_whether_it_runs_still(live: Scenario) -> None:
    assert of(live, 1) == "It succeeded: staging runs it."
    assert "runs version 2 now" in of(live.in_staging(2), 1)


def test_what_moves_waits_for_no_gate(live: Scenario) -> None:
    model = live.given(promote(2, STAGING), by=PIPELINE).dispatched(2)
    assert told(model, promotion=PromotionId(2))["not_before"] is None
    assert of(model, 2) == "Dispatched: its targets are changing now."
    pause = PausePromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    assert "somebody has to resume it" in of(model.given(pause, by=DAVE), 2)


def test_what_is_over_or_has_no_rules_does_not_wait(live: Scenario) -> None:
    """Nobody has looked since, so it is open still; no gate is what it waits for."""
    model = live.given(promote(1, PRODUCTION), by=PIPELINE)
    until = model.promotion(2).expires_at
    answer = explain(
        model.model,
        model.context,
        Explain(model=FRAUD, promotion=PromotionId(2)),
        until or model.at,
    )
    assert isinstance(answer, dict)
    assert answer["answer"].startswith("Its time is over")
    elsewhere = under(model, policy({**PRODUCTION_SPEC, "name": "other"}))
    assert of(elsewhere, 2).startswith("production left the policy")
