"""Expressions read what is there to be read."""

import pytest

from rollbook.names import EvidenceKind
from rollbook_services.policy.lint.expressions import written
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.places import stages
from tests.services.policy.written import (
    analysis,
    canary,
    challenger,
    errors,
    evidence,
    policy,
    sign_off,
    stage,
    warnings,
)


def test_an_expression_of_evidence_reads_the_record() -> None:
    right = evidence(expr="metrics.auc >= champion.metrics.auc - 0.002")
    assert errors(stage(gates=[right])) == []
    (fault,) = errors(stage(gates=[evidence(expr="metric.auc >= 0.9")]))
    assert fault.startswith("spec.stages[0].gates[0].expr: ")
    assert "metric" in fault


def test_a_gate_applies_whatever_was_measured() -> None:
    assert errors(stage(gates=[sign_off(when="champion.exists")])) == []
    (fault,) = errors(stage(gates=[sign_off(when="metrics.auc > 0.9")]))
    assert fault.startswith("spec.stages[0].gates[0].when: ")
    assert "metrics" in fault


@pytest.mark.parametrize("name", ["all_at_once", "canary"])
def test_an_analysis_reads_its_value(name: str) -> None:
    def analysing(expr: str) -> list[str]:
        rules = [analysis(expr=expr)]
        strategy = {"all_at_once": {"analysis": rules}}
        if name == "canary":
            strategy = canary(analysis=rules)
        return errors(stage(targets=["eu"], strategy=strategy))

    assert analysing("value < champion * 1.2") == []
    path = f"spec.stages[0].strategy.{name}.analysis[0].expr: "
    (fault,) = analysing("metrics.errors < 0.1")
    assert fault.startswith(path)
    (fault,) = analysing("value - 1 < 0.0")
    assert fault.startswith(path)
    assert "write 1.0" in fault


def test_an_experiment_ends_by_what_it_measures() -> None:
    def ending(expr: str) -> list[str]:
        strategy = challenger(stop={"after": "2d", "or_when": expr})
        side = stage("side", beside="prod", strategy=strategy)
        return errors(stage(targets=["eu"]), side)

    assert ending("samples > 1000.0 && value > champion") == []
    path = "spec.stages[1].strategy.challenger.stop.or_when: "
    for wrong in ("sample > 1000.0", "value", "samples + 1 > 2.0"):
        (fault,) = ending(wrong)
        assert fault.startswith(path), fault


def test_every_expression_is_timed() -> None:
    rules = policy(
        stage(
            targets=["eu"],
            gates=[evidence(expr="metrics.auc > 0.5", when="champion.exists")],
            strategy=canary(analysis=[analysis()]),
        ),
        stage(
            "side",
            beside="prod",
            strategy=challenger(stop={"after": "2d", "or_when": "value > 0.5"}),
        ),
    )
    found = [text for at in stages(rules) for _, text, _ in written(*at)]
    assert found == [
        "champion.exists",
        "metrics.auc > 0.5",
        "value < 0.1",
        "value > 0.5",
    ]


def test_all_that_is_wrong_with_an_expression_is_told() -> None:
    found = errors(stage(gates=[evidence(expr="metric.auc > 0.9 && value < 1.0")]))
    assert len(found) == 2
    assert all("; " in fault for fault in found)


def test_a_metric_that_nobody_ever_recorded_is_pointed_out() -> None:
    gates = [
        evidence(id="a", expr="metrics.auc >= champion.metrics.auk"),
        evidence(id="b", evidence="load", expr="metrics.p99_ms < 40.0"),
        evidence(id="c", evidence="load"),
        sign_off(),
    ]
    known = Known(metrics={EvidenceKind("eval"): frozenset({"auc"})})
    found = warnings(stage(gates=gates), known=known)
    assert found == [
        "spec.stages[0].gates[0].expr: no evidence of kind `eval` ever carried `auk`; "
        "check the spelling, or record it before it is asked for",
        "spec.stages[0].gates[1].expr: no evidence of kind `load` ever carried "
        "`p99_ms`; check the spelling, or record it before it is asked for",
    ]
    unknown = warnings(stage(gates=gates))
    assert not any("carried" in fault for fault in unknown)
