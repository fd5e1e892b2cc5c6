"""An expression is true, false or unknown; unknown is never taken for true."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.parts import Verdict
from rollbook.names import ModelName
from rollbook_services.policy import expression
from rollbook_services.policy.expression import Unknown, engine, evaluate
from rollbook_services.policy.expression.engine import compile_
from rollbook_services.policy.facts import AboutModel, Facts
from tests.services.policy.cases import FACTS, START
from tests.services.policy.records import BEFORE, EVAL, champion, facts, record

RECORDED = facts(EVAL, champion=champion(BEFORE), label="v7", datasets=("trips",))
CONTEXT = expression.context_of(RECORDED, EVAL, START)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metrics.auc >= champion.metrics.auc - 0.002", True),
        ("metrics.auc >= champion.metrics.auc + 0.1", False),
        ("metrics['auc'] > 0.9 && verdict == 'pass'", True),
        ("age < duration('36h')", True),
        ("version.number == 1 && version.label.matches('^v[0-9]+$')", True),
        ("model.name == 'acme/fraud' && model.tier == null", True),
        ("'trips' in lineage.datasets && size(lineage.parents) == 0", True),
        ("request.automatic || request.kind == 'rollback'", False),
        ("stage == 'production' // the last one", True),
        ("champion.exists && champion.version == 6", True),
    ],
)
def test_an_expression_is_true_or_false_of_its_record(text: str, said: bool) -> None:
    assert evaluate(text, CONTEXT) is said


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("metrics.f1 > 0.5", "nothing is called f1"),
        ("champion.metrics.f1 > 0.5", "nothing is called f1"),
        ("metric.auc > 0.5", "Undefined variable or function: 'metric'"),
        ("metrics.auc - 1 > 0.5", "Unsupported operation: float - int"),
        ("1 / 0 == 1", "division by zero"),
        ("metrics.auc", "comes to a number, neither true nor false"),
        ("champion", "comes to a map, neither true nor false"),
        ("metrics.auc >", "Failed to parse"),
        ("", "Failed to parse"),
        ("x" * 2000, "at most 1,024 bytes"),
    ],
)
def test_every_error_and_every_other_answer_is_unknown(text: str, why: str) -> None:
    said = evaluate(text, CONTEXT)
    assert isinstance(said, Unknown)
    assert why in said.why


class Failing:
    """What the engine compiles, where it fails as nothing real can be made to."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def execute(self, _: object) -> object:
        raise self.error


def run_into(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> bool | Unknown:
    compiled = compile_("metrics.auc > 0.5")
    assert not isinstance(compiled, Unknown)
    failing = replace(compiled, program=Failing(error))  # type: ignore[arg-type]
    monkeypatch.setattr(engine, "compile_", lambda _: failing)
    return evaluate("metrics.auc > 0.5", CONTEXT)


def test_a_panic_of_the_engine_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    said = run_into(panic("index out of bounds"), monkeypatch)
    assert said == Unknown("index out of bounds")


def test_what_stops_the_process_is_no_word_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_into(KeyboardInterrupt(), monkeypatch)


@given(text=st.text(max_size=60))
def test_no_text_ever_raises(text: str) -> None:
    assert isinstance(evaluate(text, CONTEXT), bool | Unknown)


WORDS = (
    *("metrics", "champion", "auc", "exists", "lineage", "datasets", "age", "all"),
    *("map", "matches", "size", "has", "duration", "true", "null", "in", "x"),
    *("1", "0.5", "1u", "'a'", "r'\\d'", '"1h"', "''", "b"),
    *(".", "(", ")", "[", "]", "{", "}", ",", "?", ":", "&&", "||", "!", "-", "+"),
    *("<", "==", "%", "//", "\n", "'", '"', "\\", "`"),
)


@given(words=st.lists(st.sampled_from(WORDS), max_size=60), gap=st.sampled_from("  \n"))
def test_no_words_of_the_language_in_any_order_ever_raise(
    words: list[str], gap: str
) -> None:
    text = gap.join(words)
    assert isinstance(evaluate(text, CONTEXT), bool | Unknown)
    assert all(map(bool, expression.faults(text, variables=expression.CONTEXT)))


def test_every_number_is_a_double() -> None:
    counted = record(metrics={"n": 10})
    context = expression.context_of(facts(counted), counted, START)
    assert evaluate("metrics.n - 1.0 == 9.0 && version.number * 2.0 == 2.0", context)


def test_the_context_has_its_full_shape_whatever_is_missing() -> None:
    bare = expression.context_of(FACTS, None, START)
    assert bare.keys() == expression.CONTEXT
    assert evaluate("!champion.exists && !has(champion.metrics.auc)", bare) is True
    assert evaluate("!has(metrics.auc) && version.label == null", bare) is True


def test_the_champion_speaks_by_its_latest_live_record_of_the_same_kind_and_data() -> (
    None
):
    others = (
        replace(BEFORE, metrics={"auc": 0.1}),
        replace(BEFORE, metrics={"auc": 0.5}),
        replace(BEFORE, metrics={"auc": 0.9}, dataset="other"),
        replace(BEFORE, metrics={"auc": 0.9}, valid_until=START),
    )
    context = expression.context_of(
        facts(EVAL, champion=champion(*others)), EVAL, START
    )
    assert evaluate("champion.metrics.auc == 0.5", context) is True


def test_an_inconclusive_record_of_the_champion_says_nothing() -> None:
    unsure = replace(BEFORE, verdict=Verdict.INCONCLUSIVE)
    context = expression.context_of(facts(EVAL, champion=champion(unsure)), EVAL, START)
    assert isinstance(evaluate("champion.metrics.auc > 0.0", context), Unknown)


@pytest.mark.parametrize(
    ("when", "applies"),
    [
        ("champion.exists", False),
        ("!champion.exists", True),
        ("model.tier == 'tier1'", True),
        ("model.tier == 'tier2'", False),
        ("metrics.auc > 0.99", True),
        ("champion.metrics.auc > 0.99", True),
        ("champion.", True),
        ("'yes'", True),
    ],
)
def test_a_gate_applies_unless_its_when_is_known_to_be_false(
    when: str, applies: bool
) -> None:
    tier1: Facts = replace(facts(EVAL), model=AboutModel(ModelName("m"), "tier1"))
    assert expression.applies(when, tier1, START) is applies


def test_facts_beyond_the_caps_are_unknown_where_they_are_read() -> None:
    large = facts(
        EVAL, datasets=("d",) * 201, label="x" * 257, champion=champion(BEFORE)
    )
    context = expression.context_of(large, EVAL, START)
    many = evaluate("'d' in lineage.datasets", context)
    assert many == Unknown("lineage has 201 items, at most 200")
    long = evaluate("version.label == 'x'", context)
    assert long == Unknown("a text in version is 257 bytes long, at most 256")
    assert evaluate("metrics.auc > 0.9", context) is True


def test_many_metrics_hinder_only_those_who_go_through_them() -> None:
    sliced = record(metrics={f"slice{number}": 0.9 for number in range(500)})
    context = expression.context_of(facts(sliced), sliced, START)
    assert evaluate("metrics.slice7 > 0.8", context) is True
    said = evaluate("metrics.all(m, metrics[m] > 0.8)", context)
    assert said == Unknown("metrics has 500 items, at most 200")


def test_an_analysis_sees_doubles() -> None:
    seen = expression.of_analysis(1, champion=2, samples=2000)
    assert evaluate("value < champion * 1.2 && samples > 1999.5", seen) is True
    alone = expression.of_analysis(1, champion=None, samples=2000)
    assert isinstance(evaluate("value < champion * 1.2", alone), Unknown)


def test_the_engine_is_named_with_its_version() -> None:
    name, number = expression.ENGINE.split()
    assert name == "common-expression-language"
    assert number[0].isdigit()


def test_the_engine_is_loaded_by_nobody_who_does_not_ask_it() -> None:
    code = (
        "import sys; from rollbook_services.policy import document, expression; "
        "print('cel' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"


def test_an_age_counts_from_when_a_record_was_produced() -> None:
    context = expression.context_of(facts(EVAL), EVAL, START + timedelta(hours=12))
    assert evaluate("age == duration('36h')", context) is True
