"""What a version has to prove is measured, and in time."""

from typing import Any

import pytest

from tests.services.policy.written import analysis, canary, errors, stage, warnings

AT = "spec.stages[0].strategy.all_at_once"


def judging(*rules: dict[str, Any], bake: str = "1h") -> dict[str, Any]:
    strategy = {"all_at_once": {"bake": bake, "analysis": list(rules)}}
    return stage(targets=["eu-1"], strategy=strategy)


def told(*rules: dict[str, Any]) -> list[str]:
    found = errors(judging(*rules))
    return [each.removeprefix(f"{AT}.") for each in found]


def pointed_out(*stages: dict[str, Any]) -> list[str]:
    found = warnings(*stages)
    return [each for each in found if "strategy" in each]


def test_a_metric_is_judged_once() -> None:
    assert told(analysis(), analysis(metric="delay")) == []
    assert told(analysis(), analysis(expr="value < 0.5", mode="observe")) == [
        f"analysis[1].metric: `errors` is judged already: {AT}.analysis[0].metric; "
        "join the two by `&&`"
    ]


def test_a_metric_is_judged_in_one_stage_and_in_another() -> None:
    again = {**judging(analysis()), "name": "staging"}
    assert errors(judging(analysis()), again) == []


def test_what_is_said_of_a_query_needs_one() -> None:
    said = "without a `query` nothing is asked; add `query`, or leave it out"
    assert told(analysis(every="1m", samples_query="up")) == [
        f"analysis[0].samples_query: {said}",
        f"analysis[0].every: {said}",
    ]
    whole = analysis(query="up", every="1m", samples_query="up")
    assert told(whole) == []


@pytest.mark.parametrize(
    "query",
    [
        'rate(errors{version="$version",digest="$digest"}[$window])',
        'up{stage="$stage",model="$model",target=~"$targets"}',
        'label_replace(up, "to", "$1", "from", "(.*)$")',
    ],
)
def test_a_query_names_what_the_change_fills_in(query: str) -> None:
    assert told(analysis(query=query, samples_query=query)) == []


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("$versoin", "did you mean `$version`?"),
        ("${version}", "did you mean `$version`?"),
        ("$target", "did you mean `$targets`?"),
        (
            "$__interval",
            "write `$digest`, `$model`, `$stage`, `$targets`, `$version` or `$window`",
        ),
    ],
)
def test_a_query_names_nothing_else(word: str, remedy: str) -> None:
    said = f"nothing is filled in for `{word}`; {remedy}"
    assert told(analysis(query=f"up[{word}]", samples_query=f"down[{word}]")) == [
        f"analysis[0].query: {said}",
        f"analysis[0].samples_query: {said}",
    ]


def test_whoever_wants_many_samples_has_them_counted() -> None:
    many = analysis(query="up", min_samples=2)
    said = (
        "no query says on how many samples a record rests; "
        "add `samples_query`, or leave `min_samples` out"
    )
    assert told(many) == [f"analysis[0].min_samples: {said}"]
    assert told({**many, "min_samples": 1}) == []
    assert told({**many, "samples_query": "count(up)"}) == []
    other = analysis(metric="delay", query="delay")
    assert told(other, many) == [f"analysis[1].min_samples: {said}"]
    assert told({**other, "samples_query": "count(delay)"}, many) == []
    assert told(analysis(min_samples=100)) == []


def test_nobody_is_asked_more_often_than_answers_are_taken() -> None:
    assert told(analysis(query="up", every="30s")) == []
    assert told(analysis(query="up", every="29s")) == [
        "analysis[0].every: at most one record in 30s is taken; write 30s or more"
    ]


def test_a_canary_is_looked_at_as_closely() -> None:
    rules = [analysis(every="1m"), analysis()]
    found = errors(stage(targets=["eu-1"], strategy=canary(analysis=rules)))
    path = "spec.stages[0].strategy.canary.analysis"
    assert [each.split(": ")[0] for each in found] == [
        f"{path}[0].every",
        f"{path}[1].metric",
    ]


def test_a_query_is_asked_of_a_server_that_somebody_has_to_name() -> None:
    said = (
        f"{AT}.analysis[0].query: the conductor asks a Prometheus server, where it "
        "knows of one; see that `prometheus.url` is set for it"
    )
    rules = [analysis(metric=name, query="up", samples_query="up") for name in "ab"]
    assert pointed_out(judging(*rules)) == [said]
    assert pointed_out(judging(analysis())) == []


def test_a_bake_leaves_time_to_measure() -> None:
    def baking(bake: str, **said: Any) -> list[str]:
        found = pointed_out(judging(analysis(**said), bake=bake))
        return [each for each in found if "bake" in each]

    nothing = (
        f"{AT}.bake: there is no time in which `errors` is measured; "
        "write how long, or it {}s there"
    )
    assert baking("0s") == [nothing.format("pause")]
    assert baking("0s", on_missing="fail") == [nothing.format("fail")]
    assert baking("1s") == []
    assert baking("0s", mode="observe") == []


def test_it_is_pointed_out_once_that_there_is_no_time() -> None:
    rules = [analysis(mode="observe"), analysis(metric="a"), analysis(metric="b")]
    (fault,) = pointed_out(judging(*rules, bake="0s"))
    assert "`a` is measured" in fault


def test_every_step_that_gives_a_version_requests_leaves_time_to_measure() -> None:
    steps = (
        {"weight": 10},
        {"weight": 50, "bake": "1s"},
        {"pause": "owner"},
        {"weight": 100},
    )
    strategy = canary(*steps, analysis=[analysis()])
    found = pointed_out(stage(targets=["eu-1"], strategy=strategy))
    path = "spec.stages[0].strategy.canary.steps"
    assert [each.split(": ")[0] for each in found] == [
        f"{path}[0].bake",
        f"{path}[3].bake",
    ]
    assert pointed_out(stage(targets=["eu-1"], strategy=canary(*steps))) == []
