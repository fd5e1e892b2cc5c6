"""What an expression reads is known without asking the engine."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy.expression import evaluate, metrics_named
from rollbook_services.policy.expression.reading import (
    ages,
    duration,
    missing,
    reads_champion,
    told,
    values_read,
)
from rollbook_services.policy.expression.tokens import read

CONTEXT: dict[str, object] = {
    "metrics": {"auc": 0.934, "p99 ms": 12.0},
    "champion": {"exists": True, "version": 6.0, "metrics": {"auc": 0.931}},
    "stage": "prod",
}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("metrics.auc >= champion.metrics.auc - 0.002", {"auc"}),
        ("metrics['p99 ms'] < 40.0 && has(metrics.psi)", {"p99 ms", "psi"}),
        ("metrics.all(m, metrics[m] > 0.0)", set()),
        ("lineage.datasets.all(metrics, metrics.auc == 1)", set()),
        ("stage == 'metrics.auc' // metrics.f1", set()),
        ("request.metrics.auc", set()),
        ("size(metrics) > 1 && metrics.auc.abs() > 1.0", {"auc"}),
        ("metrics\n.\nauc > 0.5", {"auc"}),
        ("x" * 2000, set()),
    ],
)
def test_metrics_are_found_by_their_names(text: str, names: set[str]) -> None:
    assert metrics_named(text) == names


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("champion.metrics.auc > 0.5", True),
        ("champion['metrics'].auc > 0.5", True),
        ("champion[stage] == 1", True),
        ("size(champion) > 1", True),
        ("champion.exists && champion.version > 1", False),
        ("metrics.champion > 0.5", False),
    ],
)
def test_whether_the_champion_was_measured_is_asked_only_where_it_matters(
    text: str, reads: bool
) -> None:
    assert reads_champion(text) is reads


def test_an_expression_is_told_with_the_values_it_read() -> None:
    text = "metrics.auc >= champion.metrics.auc - 0.002"
    assert told(text, CONTEXT) == "auc 0.934 >= 0.931 - 0.002"
    text = "has(metrics.auc) &&\n  metrics['p99 ms'] < 40.0 && metrics.psi < 0.2"
    assert told(text, CONTEXT) == (
        "has(metrics.auc) && p99 ms 12 < 40.0 && metrics.psi < 0.2"
    )


def test_the_values_read_are_kept_as_text_twenty_at_most() -> None:
    assert values_read("metrics.auc > champion.metrics.auc", CONTEXT) == {
        "metrics.auc": "0.934",
        "champion.metrics.auc": "0.931",
    }
    many = {f"m{at}": float(at) for at in range(25)}
    text = " && ".join(f"metrics.{name} > 0.5" for name in many)
    assert len(values_read(text, {"metrics": many})) == 20


def test_what_nobody_recorded_is_named_unless_it_is_asked_for() -> None:
    text = "has(metrics.psi) && metrics.f1 > champion.metrics.f1 && metrics.auc > 0.5"
    assert missing(text, CONTEXT) == ["metrics.f1", "champion.metrics.f1"]


@pytest.mark.parametrize(
    "text",
    [
        "age < duration('1h')",
        "duration('1h') >= age",
        "metrics.a > 1.0 && (age == duration('60m') || !(age != duration('3600s')))",
    ],
)
def test_the_ages_at_which_a_word_changes_are_known(text: str) -> None:
    assert ages(text) == (HOUR, HOUR + timedelta(microseconds=1))


@pytest.mark.parametrize(
    "text",
    [
        "age + duration('1h') < duration('3h')",
        "duration('1h') - age < duration('3h')",
        "age < duration('1h') + duration('2h')",
        "duration('1h') + duration('2h') > age",
        "duration('1h') > age - duration('2h')",
        "age.getHours() < 3",
        "-age < duration('1h')",
        "string(age) == '1h'",
        "age < duration(stage)",
        "age < duration('1d')",
        "size([age]) > 0",
        "age == null",
    ],
)
def test_no_other_use_of_an_age_is_taken(text: str) -> None:
    assert ages(text) is None


def test_an_expression_without_an_age_never_changes_by_time() -> None:
    assert ages("metrics.age > 1.0 && stage == 'age'") == ()


@given(
    text=st.sampled_from(
        [
            "age {} duration('90m')",
            "duration('5400s') {} age",
            "age {} duration('1h30m') && stage == 'prod'",
        ]
    ),
    sign=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    at=st.integers(-3, 3),
)
def test_between_those_ages_no_word_changes(text: str, sign: str, at: int) -> None:
    written = text.format(sign)
    age = timedelta(minutes=90) + at * timedelta.resolution
    edges = [each for each in ages(written) or () if each > age]
    until = min(edges, default=age + HOUR)
    now = evaluate(written, {**CONTEXT, "age": age})
    assert isinstance(now, bool)
    just_before = until - timedelta.resolution
    assert evaluate(written, {**CONTEXT, "age": just_before}) is now


@given(
    hours=st.integers(0, 900), minutes=st.integers(0, 90), millis=st.integers(0, 9999)
)
def test_a_duration_is_read_as_the_engine_reads_it(
    hours: int, minutes: int, millis: int
) -> None:
    written = f"'{hours}h{minutes}m{millis}ms'"
    length = duration(written)
    assert length is not None
    assert evaluate(f"age == duration({written})", {"age": length}) is True


def test_brackets_know_their_other_half() -> None:
    script = read("f(a[0], {1: (2)})")
    pairs = {
        (script.word(at), script.word(other)) for at, other in script.partner.items()
    }
    assert pairs == {
        *(("(", ")"), (")", "(")),
        *(("[", "]"), ("]", "[")),
        *(("{", "}"), ("}", "{")),
    }
    assert read("(]").partner == {}
