"""Do people who read no YAML learn how a version comes onto the targets, and leaves?"""

import re
from pathlib import Path
from typing import Any

import pytest

from rollbook_services.cli.main import run
from rollbook_services.cli.policy.sentences import of_a_stage, of_the_whole
from tests.services.policy.written import (
    analysis,
    canary,
    challenger,
    policy,
    shadow,
    sign_off,
    stage,
)

BY_STEPS = Path(__file__).parents[1] / "policy" / "tier1-steps.yaml"
GUIDE = Path(__file__).parents[3] / "docs" / "policies.md"
SHOWN = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.S | re.M)
EU_US = ["eu-1", "us-1"]


def said(*stages: dict[str, Any], about: str = "", **spec: Any) -> list[str]:
    """Return what is said of the last stage, below one heading if one is named."""
    found, heading = [], ""
    for named, sentence in of_a_stage(policy(*stages, **spec).stages[-1]):
        heading = named or heading
        if about in ("", heading):
            found.append(sentence)
    return found


def changing(
    strategy: dict[str, Any], about: str = "changed", **more: Any
) -> list[str]:
    return said(stage(targets=EU_US, strategy=strategy, **more), about=about)


def test_everything_about_a_change_is_told(
    alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["policy", "explain", str(BY_STEPS)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    for sentence in (
        "served on the targets of prod, beside what runs there",
        "runs for 3d on copies of 10% of the requests; its answers are thrown away",
        "what it shows is evidence of kind shadow, of 50000 samples or more",
        "runs for 14d, or until samples > 50000.0 && value > champion * 1.05, and "
        "answers 5% of the requests",
        "requests with the same cookie session meet one version",
        "compared by conversion, higher is better, of 20000 samples or more",
        "a new version in prod ends it without a result",
        "changed in 2 waves: eu-1, then eu-2 and us-1",
        "each wave goes through all steps before the next begins",
        "steps: 5% of the requests for 30m, 25% of the requests for 2h, a pause until "
        "a person with role model-owner lets it go on, 100% of the requests for 1d",
        "80% of the targets of a wave have to apply a step before it counts",
        "error_rate at each step: value < 0.01, of 2000 samples or more",
        "2 bad records in a row and it failed; if too little is known when the bake "
        "ends, it pauses",
        "asked of Prometheus every 2m: sum(rate(errors",
        "each step applied within 4h",
        "by the same waves, steps, bakes and pauses; nothing is measured again",
        "if it drifts no version comes next until a person accepts it, or it is gone",
    ):
        assert sentence in told


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_what_the_guide_shows_can_be_looked_over_and_explained(
    alone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(SHOWN[number])
    for verb in ("lint", "explain"):
        assert run(["policy", verb, str(file)]) == 0, capsys.readouterr().out


def test_all_targets_at_once_are_counted() -> None:
    def enough(least: object) -> list[str]:
        return changing({"all_at_once": {"min_success": least}})

    assert enough("all") == ["all targets at once, all targets have to apply it"]
    assert enough(1) == ["all targets at once, 1 target has to apply it"]
    assert enough(2) == ["all targets at once, 2 targets have to apply it"]
    assert enough("50%") == ["all targets at once, 50% of the targets have to apply it"]


def test_a_canary_without_waves_takes_all_targets_together() -> None:
    together = changing(canary({"weight": 100}))
    assert together == [
        "all targets together, step by step",
        "steps: 100% of the requests",
        "all targets have to apply a step before it counts",
        "chance decides which version answers a request",
    ]
    assert changing(canary({"weight": 100}, waves=[EU_US])) == together


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("header:x-customer", "header x-customer"),
        ("cookie:session", "cookie session"),
        ("query:user", "query parameter user"),
        ("field:user.id", "field user.id"),
    ],
)
def test_what_keeps_requests_together_is_named(key: str, words: str) -> None:
    *_, kept = changing(canary(split_key=key))
    assert kept == f"requests with the same {words} meet one version"


def test_one_is_no_plural() -> None:
    rule = analysis(min_samples=1, failure_limit=1, on_missing="fail")
    strategy = {"all_at_once": {"bake": "1h", "analysis": [rule]}}
    assert changing(strategy, about="proves itself") == [
        "for 1h once it runs",
        "errors: value < 0.1, of 1 sample or more",
        "one bad record and it failed; if too little is known when the bake ends, it "
        "fails",
    ]


@pytest.mark.parametrize(
    ("mode", "words"),
    [("observe", "which is only watched"), ("warn", "which only warns")],
)
def test_what_is_only_watched_fails_nothing(mode: str, words: str) -> None:
    own = canary(analysis=[analysis(mode=mode)])
    told = [f"errors at each step: value < 0.1, {words}"]
    assert changing(own, about="proves itself") == told
    inherits = canary(analysis=[analysis()])
    assert changing(inherits, about="proves itself", mode=mode) == told


def test_a_query_is_asked_every_minute_if_nothing_else_is_said() -> None:
    strategy = canary(analysis=[analysis(query="up")])
    *_, asked = changing(strategy, about="proves itself")
    assert asked == "asked of Prometheus every 1m: up"


def test_the_way_back_is_told_where_there_is_a_choice() -> None:
    person = "only when a person asks for it"
    assert changing({}, about="taken back") == [person]
    assert changing(canary(), about="taken back") == [
        person,
        "all targets at once, and nothing is proved again",
    ]
    same = {"profile": "same", "when": ["failed"], "gates": ["freeze"]}
    assert changing(canary(), about="taken back", rollback=same) == [
        "by itself once it has failed, or when a person asks for it",
        "by the same waves, steps, bakes and pauses; nothing is measured again",
        "even then freeze must hold",
    ]


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        ("alert", "people are told, and nobody touches it"),
        ("correct", "its agent applies what is wanted once more"),
        (
            "require_acceptance",
            "no version comes next until a person accepts it, or it is gone",
        ),
    ],
)
def test_what_drift_comes_to_is_told_where_something_runs(
    drift: str, words: str
) -> None:
    assert changing({}, about="if it drifts", drift=drift) == [words]
    assert said(stage(), about="if it drifts") == []


def test_a_record_is_neither_changed_nor_quick() -> None:
    told = dict(of_a_stage(policy(stage()).stages[0]))
    assert told["served on"] == "nothing, a record"
    assert "changed" not in told
    assert "must be quick" not in told


@pytest.mark.parametrize("strategy", [shadow(), challenger()])
def test_what_runs_beside_another_is_never_taken_back(strategy: dict[str, Any]) -> None:
    side = stage("side", beside="prod", strategy=strategy)
    told = said(stage("prod", targets=EU_US), side, about="")
    assert told[0] == "the targets of prod, beside what runs there"
    assert "a new version in prod ends it without a result" in told
    assert not any("taken back" in each or "a person asks" in each for each in told)


def test_slots_are_different_people_where_there_are_several() -> None:
    def asked(*counts: int) -> str:
        slots = [{"role": f"role-{n}", "count": n} for n in counts]
        return said(stage(gates=[sign_off(slots=slots)]), about="approved by")[0]

    assert asked(1) == "sign-off: one role-1, asked once the facts are in"
    assert asked(2) == (
        "sign-off: 2 of role role-2, all different people, asked once the facts are in"
    )


@pytest.mark.parametrize(
    ("endorsements", "words"),
    [
        (0, "a proposal; nobody else has to agree"),
        (
            1,
            "a proposal with which one policy-owner agrees, besides who made it",
        ),
        (
            2,
            "a proposal with which 2 of role policy-owner agree, besides who made it",
        ),
    ],
)
def test_who_agrees_to_a_change_is_counted(endorsements: int, words: str) -> None:
    rules = policy(change_control={"endorsements": endorsements})
    assert dict(of_the_whole(rules))["changed by"] == words
