"""What has a change to prove while it runs, and who says what was measured?"""

from datetime import timedelta
from typing import Any

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    AnalysisRecorded,
    PauseCause,
    PromotionErrored,
    PromotionFailed,
    PromotionPaused,
    PromotionResumed,
)
from rollbook.commands.promotion import (
    RecordAnalysis,
)
from rollbook.names import PromotionId, Reason
from rollbook.refusals import Reason as Why
from tests.services.registrar.test_underway import (
    acknowledged,
    dispatched,
    look,
    pause,
    resume,
)
from tests.support.scenario import (
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    agent,
)

WHY = Reason("because")
IT = PromotionId(1)
WATCHED: dict[str, Any] = {
    "all_at_once": {
        "bake": "1h",
        "analysis": [
            {
                "metric": "error_rate",
                "expr": "value < 0.01",
                "min_samples": 100,
                "failure_limit": 2,
                "on_missing": "pause",
            }
        ],
    }
}


def measured(model: Scenario, value: float, *, samples: int = 500) -> Scenario:
    """Let a pipeline record what was measured in the last ten minutes."""
    at = model.at + timedelta(minutes=10)
    command = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics={"candidate": {"error_rate": value}},
        samples=samples,
        from_at=model.at,
        until_at=at,
    )
    return model.when(command, by=PIPELINE, after=timedelta(minutes=10))


def test_what_is_measured_well_enough_lets_it_succeed() -> None:
    model = dispatched(strategy=WATCHED).applied(STAGING)
    model = measured(model, 0.001)
    said = model.event(AnalysisRecorded).judged[0]
    assert (said.gate, said.status) == ("error_rate", GateStatus.PASS)
    assert look(model, hours=1).state(1) == "SUCCEEDED"


def test_bad_records_in_a_row_fail_it_and_one_alone_does_not() -> None:
    model = dispatched(strategy=WATCHED).applied(STAGING)
    model = measured(measured(measured(model, 0.5), 0.001), 0.5)
    assert model.state(1) == "VERIFYING"
    model = measured(model, 0.5)
    assert model.event(PromotionFailed).reason_code == "analysis_breached"
    assert "staging" in model.model.versions[model.promotion(1).version].failed_in


def test_a_breach_is_seen_while_it_stands_still_too() -> None:
    model = pause(dispatched(strategy=WATCHED).applied(STAGING))
    model = measured(measured(model, 0.5), 0.5)
    assert model.state(1) == "FAILED"


def test_too_little_is_no_answer_and_a_person_decides() -> None:
    model = dispatched(strategy=WATCHED).applied(STAGING)
    model = measured(model, 0.5, samples=99)
    assert model.event(AnalysisRecorded).judged[0].status is GateStatus.WAIT
    model = look(model, hours=1)
    assert model.event(PromotionPaused).cause is PauseCause.UNKNOWN
    model = resume(model, "error_rate")
    assert model.event(PromotionResumed).accepted == ("error_rate",)
    assert model.state(1) == "SUCCEEDED"


def test_missing_data_ends_it_where_the_policy_says_so() -> None:
    rules = WATCHED["all_at_once"]
    analysis = [{**rules["analysis"][0], "on_missing": "fail"}]
    strategy = {"all_at_once": {"bake": "1h", "analysis": analysis}}
    model = look(dispatched(strategy=strategy).applied(STAGING), hours=1)
    assert model.event(PromotionErrored).reason_code == "no_data"


def test_only_what_was_measured_inside_the_step_counts() -> None:
    model = dispatched(strategy=WATCHED).applied(STAGING)
    before = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics={"candidate": {"error_rate": 0.0}},
        samples=500,
        from_at=model.at - timedelta(hours=1),
        until_at=model.at,
    )
    model.when(before, by=PIPELINE).then_refused(Why.INVALID)
    model = measured(model, 0.001)
    again = model.history[-1].event
    assert isinstance(again, AnalysisRecorded)
    soon = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics=again.metrics,
        samples=500,
        from_at=model.at,
        until_at=model.at + timedelta(seconds=29),
    )
    refused = model.when(soon, by=PIPELINE, after=timedelta(seconds=29))
    refused.then_refused(Why.TOO_FREQUENT, retry_after=1)


def test_an_agent_measures_in_its_own_stage_only() -> None:
    model = acknowledged(dispatched(strategy=WATCHED))
    at = model.at + timedelta(minutes=10)
    command = RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics={"candidate": {"error_rate": 0.0}},
        samples=500,
        from_at=model.at,
        until_at=at,
    )
    after = timedelta(minutes=10)
    elsewhere = agent(PRODUCTION)
    model.when(command, by=elsewhere, after=after).then_refused(Why.WRONG_TARGET)
    model.given(command, by=agent(STAGING), after=after)
