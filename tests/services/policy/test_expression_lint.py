"""A proposal is told each fault of an expression, and what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy import expression
from rollbook_services.policy.expression import ANALYSIS, CONTEXT, WHEN, faults
from tests.services.policy.test_expression import WORDS


@pytest.mark.parametrize(
    "text",
    [
        "metrics.auc >= champion.metrics.auc - 0.002",
        "metrics.auc >= 0.91 && metrics.n >= 1000",
        "'p99 ms' in metrics && metrics['p99 ms'] < 40.0 || verdict == 'pass'",
        "!champion.exists || metrics.auc >= champion.metrics.auc",
        "age < duration('336h') && age >= duration('0s')",
        "size(lineage.datasets) > 0 && lineage.datasets.all(d, d.startsWith('a/'))",
        "lineage.datasets.size() >= 1 && lineage.datasets.all(d, d != 'x')",
        "size(metrics) != 0 && metrics.all(m, metrics[m] >= 0.0)",
        "lineage.parents.exists(p, p == 'acme/fraud@6')",
        "champion.exists ? metrics.auc > champion.metrics.auc : metrics.auc > 0.9",
        "has(metrics.a) && metrics.a > 1.0 || metrics.b > 1.0",
        "(metrics.a > 1.0 ? true :metrics.b > 1.0)",
        "request.kind == 'forward' && !request.automatic && stage != 'dev'",
        r"version.label.matches('^v\\d+$') && model.tier == 'tier1'",
        "size(lineage.parents) - 1 >= 0 && version.number - 1.0 > 0.0",
    ],
)
def test_what_a_policy_should_say_has_no_fault(text: str) -> None:
    assert faults(text, variables=CONTEXT) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metric.auc > 0.5", "reads metric, which does not exist here: write metrics"),
        ("value > 0.5", "reads value, which does not exist here: there are age, champ"),
        ("metrics.auc > 0.5 && True", "reads True, which does not exist here: write t"),
        ("version.nubmer > 3", "version has no nubmer: write version.number"),
        ("model.owner == 'x'", "model has no owner: write model.name or tier"),
        ("metrics.n - 1 > 0.5", "metrics.n and 1, an integer: write 1.0"),
        ("2 * metrics.n > 0.5", "metrics.n and 2, an integer: write 2.0"),
        ("version.number + 1u > 0.5", "version.number and 1u, an integer: write 1.0"),
        ("(metrics.a + metrics.b) * 2 > 1.0", "every fact is a double, write 1.0 for"),
        ("false && (metrics.a + metrics.b) / 2 > 1.0", "double, write 1.0 for 1"),
        ("age < duration('14d')", 'CEL knows h, m and s only: write duration("336h")'),
        ("age < duration('1d12h')", 'only: write duration("36h")'),
        ("age < duration('soon')", "duration('soon') cannot be read"),
        ("age.getHours() < 3", "age may only be compared with a duration: write age"),
        ("lineage.datasets.all(d, d == 'a')", "where there is nothing: write size("),
        ("size(lineage.parents) > 0 && lineage.datasets.all(d, true)", "is nothing"),
        ("size(metrics) >= 0 && metrics.all(d, true)", "metrics.all() is true where"),
        ("metrics.a > 1.0 || metrics.b > 1.0", "where metrics.a is missing, || goes"),
        ("stage == 'x' && (metrics.a > 1.0 || stage == 'y')", "metrics.a is missing"),
        ("champion.metrics.a > 1.0 || stage == 'y'", "champion.metrics.a is missing"),
        ("metrics['a b'] > 1.0 || stage == 'y'", "begin with 'a b' in metrics &&"),
        ("metrics.auc", "metrics.auc is a number: compare it with something"),
        ("stage == 'x' && metrics.auc", "metrics.auc is a number: compare it with"),
        ("metrics.auc > 0.9 ? 1 : 0", "1 is an integer: compare it with something"),
        ("metrics.auc > 0.9 and true", "does not compile: write && for and"),
        ("metrics.auc >", "does not compile, mismatched input '<EOF>' at character 14"),
        ("abs(metrics.auc) > 0.5", "Undefined variable or function: 'abs'): there are"),
        ("lineage.datasets.exists(stage, true)", "exists() hides stage by its own"),
        ("d == 'a' && lineage.datasets.exists(d, true)", "Undefined variable or funct"),
        ("matches(stage, 'a')", "one literal pattern"),
        ("1 + " * 300, "at most 1,024 bytes: make several gates of it"),
    ],
)
def test_a_fault_is_told_with_what_to_write_instead(text: str, said: str) -> None:
    found = faults(text, variables=CONTEXT)
    assert any(said in fault for fault in found), found


def test_all_faults_are_told_at_once() -> None:
    found = faults("metric.a > 1.0 || age < duration('14d')", variables=CONTEXT)
    assert len(found) == 3


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("champion.exists && model.tier == 'tier1'", 0),
        ("metrics.auc > 0.5", 1),
        ("champion.exists && champion.metrics.auc > 0.5", 1),
        ("age < duration('1h')", 1),
    ],
)
def test_when_knows_no_record(text: str, count: int) -> None:
    assert len(faults(text, variables=WHEN)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("value < champion * 1.2 && samples > 100.0", 0),
        ("value < champion * 2", 1),
        ("metrics.auc > 0.5", 1),
        ("champion.exists", 1),
    ],
)
def test_an_analysis_knows_three_numbers(text: str, count: int) -> None:
    assert len(faults(text, variables=ANALYSIS)) == count


@given(
    text=st.text(max_size=80) | st.lists(st.sampled_from(WORDS)).map(" ".join),
    variables=st.sampled_from([CONTEXT, WHEN, ANALYSIS]),
)
def test_every_text_is_judged_the_same_twice_and_each_fault_has_a_remedy(
    text: str, variables: frozenset[str]
) -> None:
    found = faults(text, variables=variables)
    assert found == faults(text, variables=variables)
    for fault in found:
        what, _, remedy = fault.rpartition(": ")
        assert what
        assert remedy


def test_what_has_no_fault_is_true_or_false_where_everything_was_recorded() -> None:
    text = "metrics.auc >= champion.metrics.auc - 0.002 && metrics.n > 10"
    assert faults(text, variables=CONTEXT) == []
    metrics = {"auc": 0.5, "n": 12.0}
    context = {"metrics": metrics, "champion": {"metrics": metrics}}
    assert expression.evaluate(text, context) is True
