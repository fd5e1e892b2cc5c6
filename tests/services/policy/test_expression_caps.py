"""What could stop the process is refused before the engine sees it, and at once."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy.expression.caps import macros, over
from rollbook_services.policy.expression.engine import Unknown, compile_, evaluate
from rollbook_services.policy.expression.tokens import Kind, read
from tests.services.policy.test_expression import WORDS

NESTED = (
    "lineage.datasets.all(x, lineage.datasets.all(y, lineage.parents.all(z, true)))"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" + ".join(["1"] * 20_000), "at most 1,024 bytes"),
        ("é" * 600, "at most 1,024 bytes"),
        ("1+" * 200 + "1 > 0", "at most 150"),
        ("size(" * 13 + "x" + ")" * 13, "nests 13 brackets, at most 12"),
        ("[" * 200 + "]" * 200, "nests 200 brackets"),
        (NESTED, "all() stands inside all()"),
        ("metrics.map(x, metrics.filter(y, true)) == []", "filter() stands inside"),
        ("metrics . exists // why\n ( x, x.matches('a') )", "matches() stands inside"),
        ("metrics.existsOne(x, x + 'a' == 'b')", "+ stands inside existsOne()"),
        ("metrics.exists_one(x, [x].all(y, true))", "all() stands inside exists_one"),
        ("metrics.all(x, metrics.all(y, true", "all() stands inside all()"),
        ("stage.matches('a') || " * 5 + "true", "matches() 5 times, at most 4"),
        ("stage.matches(version.label)", "one literal pattern"),
        ("stage.matches('a' + stage)", "one literal pattern"),
        ("version.label.matches(stage)", "one literal pattern"),
        ("stage == '''x'''", "plain quotes"),
        ('stage == """x"""', "plain quotes"),
        ("b'x' == b'x'", "plain quotes"),
        ("bR'x' == b'x'", "plain quotes"),
        ("stage == 'a\nb'", "plain quotes"),
        ("true // \r && false", "plain quotes"),
        ("true\x00", "plain quotes"),
        ("é == 1", "in ASCII"),
        ("stage == 'x", "plain quotes"),
        ("metrics.auc = 1", "write == to compare"),
        ("true & false", "write && for and"),
        ("metrics.`a b` > 1", 'write metrics["name"]'),
        ("stage == '\ud800'", "half a character"),
    ],
)
def test_a_cap_is_named_with_what_to_write_instead(text: str, said: str) -> None:
    fault, *_ = over(text)
    assert said in fault
    assert ": " in fault


@pytest.mark.parametrize(
    "text",
    [
        "metrics.auc >= champion.metrics.auc - 0.002",
        " && ".join(f"metrics.m{at} > 0.5" for at in range(30)),
        "size(lineage.datasets) > 0 && lineage.datasets.all(d, d.startsWith('a'))",
        "lineage.datasets.filter(d, d != 'a').exists(d, d == 'b')",
        r"version.label.matches(r'^v\d+\.\d+$')",
        "stage == 'all(x, y.all(z, matches + ' // metrics.all(x, x.all(y, true))",
        r"stage == 'it\'s' || stage == \"é\"".replace('\\"', '"'),
        "!" * 1000 + "true",
        "age < duration(\"336h\") ? true : verdict == 'pass'",
    ],
)
def test_what_people_write_keeps_the_caps(text: str) -> None:
    assert over(text) == []


def test_what_a_cap_refuses_never_reaches_the_engine() -> None:
    compile_.cache_clear()
    begin = time.process_time()
    for text in (NESTED, "!(" * 1_000_000, "a" * 10_000_000, "'" * 1024, "[" * 1024):
        assert over(text)
        assert not isinstance(evaluate(text, {}), bool)
    assert time.process_time() - begin < 1


@given(st.text(max_size=200))
def test_nothing_of_a_text_is_lost_but_space_and_comments(text: str) -> None:
    script = read(text)
    left, done = "", 0
    for token in script.tokens:
        assert token.text == text[token.begin : token.end]
        left, done = left + text[done : token.begin], token.end
    left += text[done:]
    assert all(line.strip(" \t\n") == "" for line in _without_comments(left))


def _without_comments(left: str) -> list[str]:
    return [line.partition("//")[0] for line in left.split("\n")]


@given(words=st.lists(st.sampled_from(WORDS), max_size=40), gap=st.sampled_from(" \n"))
def test_this_reader_sees_every_name_that_the_engine_sees(
    words: list[str], gap: str
) -> None:
    """Else a macro could hide in what is taken for a string or a comment."""
    script = read(gap.join(words))
    compiled = compile_(script.text)
    if isinstance(compiled, Unknown):
        return
    names = {token.text for token in script.tokens if token.kind is Kind.NAME}
    seen = {*compiled.program.variables(), *compiled.program.functions()}
    assert {each for each in seen if each.isidentifier()} <= names
    if "@not_strictly_false" in seen:  # what all() and exists() become
        assert any(macros(script))
