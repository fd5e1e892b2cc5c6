"""Expressions read what is there to be read."""

from rollbook.names import EvidenceKind
from rollbook_services.policy.lint.known import Known
from tests.services.policy.written import errors, evidence, sign_off, stage, warnings


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


def test_an_analysis_reads_its_value() -> None:
    def analysing(expr: str) -> list[str]:
        analysis = {"metric": "errors", "expr": expr, "on_missing": "pause"}
        return errors(stage(strategy={"all_at_once": {"analysis": [analysis]}}))

    assert analysing("value < champion * 1.2") == []
    (fault,) = analysing("metrics.errors < 0.1")
    path = "spec.stages[0].strategy.all_at_once.analysis[0].expr: "
    assert fault.startswith(path)


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
