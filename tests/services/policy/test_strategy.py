"""A strategy is one way to the targets, and says what each part of it needs."""

from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.lane import DriftPolicy
from rollbook_services.policy.document import Policy
from rollbook_services.policy.reading import check, read
from rollbook_services.policy.stage import Profile
from tests.services.policy.written import (
    BY_STEPS,
    analysis,
    canary,
    challenger,
    document,
    policy,
    shadow,
    stage,
    told,
)


def faults(**said: Any) -> list[str]:
    checked = check(document(stage(**said)))
    assert not isinstance(checked, Policy)
    return [each.removeprefix("spec.stages[0].") for each in told(checked)]


def test_every_way_to_the_targets_is_read() -> None:
    rules = read(BY_STEPS)
    assert isinstance(rules, Policy)
    staging, beside, rival, prod = rules.stages
    assert staging.strategy.all_at_once.bake == timedelta(0)
    assert (beside.beside, rival.beside, prod.beside) == ("prod", "prod", None)
    assert beside.strategy.shadow is not None
    assert beside.strategy.shadow.duration == timedelta(hours=72)
    assert rival.strategy.challenger is not None
    assert rival.strategy.challenger.stop.after == timedelta(days=14)
    plan = prod.strategy.canary
    assert plan is not None
    assert plan.waves == (("eu-1",), ("eu-2", "us-1"))
    assert [step.weight for step in plan.steps] == [5, 25, None, 100]
    assert [step.pause for step in plan.steps] == [None, None, "model-owner", None]
    assert plan.analysis[0].every == timedelta(minutes=2)
    assert prod.drift is DriftPolicy.REQUIRE_ACCEPTANCE
    assert prod.rollback.profile is Profile.SAME


def test_what_is_asked_of_a_version_is_the_chosen_strategys() -> None:
    at_once = {"all_at_once": {"min_success": 1, "analysis": [analysis(metric="a")]}}
    by_steps = canary(min_success="80%", analysis=[analysis(metric="b")])
    first, second, third = policy(
        stage("first", strategy=at_once),
        stage("second", strategy=by_steps),
        stage("third", beside="second", strategy=shadow()),
    ).stages
    assert [each.metric for each in first.strategy.analysis] == ["a"]
    assert first.strategy.min_success == 1
    assert [each.metric for each in second.strategy.analysis] == ["b"]
    assert second.strategy.min_success == "80%"
    assert not second.strategy.is_beside
    assert third.strategy.is_beside
    assert third.strategy.analysis == ()


def test_one_strategy_is_enough() -> None:
    assert faults(strategy=canary() | shadow()) == [
        "strategy: one strategy is enough; choose canary or shadow"
    ]
    assert faults(strategy=canary() | {"all_at_once": {}}) == [
        "strategy: one strategy is enough; choose all_at_once or canary"
    ]
    (alone,) = policy(stage(strategy=canary() | {"shadow": None})).stages
    assert alone.strategy.canary is not None


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        ({}, ": a step is one thing; write either `weight` or `pause`"),
        (
            {"weight": 5, "pause": "owner"},
            ": a step is one thing; write either `weight` or `pause`",
        ),
        (
            {"pause": "owner", "bake": "1h"},
            ": a person ends a pause; leave out `bake`",
        ),
        (
            {"pause": "an owner"},
            ".pause: `an owner` is no name; write letters, digits,",
        ),
        ({"weight": 0}, ".weight: `0` is out of bounds; write at least 1"),
        ({"weight": 101}, ".weight: `101` is out of bounds; write at most 100"),
        ({"weight": "5%"}, ".weight: `5%` does not fit here; write a whole number"),
    ],
)
def test_a_step_is_a_weight_or_a_pause(step: dict[str, Any], fault: str) -> None:
    (found,) = faults(strategy=canary(step))
    assert found.startswith(f"strategy.canary.steps[0]{fault}")


def test_a_canary_has_steps_and_its_waves_have_targets() -> None:
    assert faults(strategy={"canary": {}}) == [
        "strategy.canary.steps: `steps` is missing; add `steps: ...`, a list"
    ]
    assert faults(strategy={"canary": {"steps": []}}) == [
        "strategy.canary.steps: 0 are written here; write at least 1"
    ]
    many = [{"weight": 1}] * 51
    assert faults(strategy={"canary": {"steps": many}}) == [
        "strategy.canary.steps: 51 are written here; write at most 50"
    ]
    assert faults(strategy=canary(waves=[["eu"], []])) == [
        "strategy.canary.waves[1]: 0 are written here; write at least 1"
    ]


@pytest.mark.parametrize(
    "written", ["0%", "101%", "1000%", "05%", "10", "ten%", "1.5%"]
)
def test_a_share_is_one_to_a_hundred_percent(written: str) -> None:
    said = f"`{written}` does not fit here; write a share of 1% to 100%"
    strategy = shadow(sample=written)
    assert faults(strategy=strategy) == [f"strategy.shadow.sample: {said}"]
    strategy = challenger(share=written)
    assert faults(strategy=strategy) == [f"strategy.challenger.share: {said}"]
    (fault,) = faults(strategy=canary(min_success=written))
    assert fault.endswith("write `all` or a whole number or a share like `80%`")


@pytest.mark.parametrize("written", ["1%", "10%", "99%", "100%"])
def test_a_share_is_read_as_it_is_written(written: str) -> None:
    (only,) = policy(stage(strategy=shadow(sample=written))).stages
    assert only.strategy.shadow is not None
    assert only.strategy.shadow.sample == written


def test_a_share_is_no_number() -> None:
    assert faults(strategy=shadow(sample=10)) == [
        "strategy.shadow.sample: `10` does not fit here; write a share like `80%`"
    ]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"drift": "alarm"}, "drift: `alarm` is not known here; did you mean `alert`?"),
        (
            {"rollback": {"profile": "quick"}},
            "rollback.profile: `quick` is not known here; write `fast` or `same`",
        ),
        ({"beside": 3}, "beside: `3` does not fit here; write a text"),
        (
            {"strategy": {"canry": {}}},
            "strategy.canry: `canry` is not known here; did you mean `canary`?",
        ),
        (
            {"strategy": {"all_at_once": {"waves": []}}},
            "strategy.all_at_once.waves: `waves` is not known here; "
            "write `analysis`, `bake` or `min_success`",
        ),
        (
            {"strategy": canary(analysis=[analysis(on_missing="wait")])},
            "strategy.canary.analysis[0].on_missing: `wait` is not known here; "
            "write `fail` or `pause`",
        ),
        (
            {"strategy": canary(analysis=[analysis(query="x" * 2001)])},
            "strategy.canary.analysis[0].query: 2001 characters are written here; "
            "write at most 2000",
        ),
        (
            {"strategy": challenger(better="faster")},
            "strategy.challenger.better: `faster` is not known here; "
            "write `higher` or `lower`",
        ),
        (
            {"strategy": challenger(stop={})},
            "strategy.challenger.stop.after: `after` is missing; "
            "add `after: ...`, a duration like 30m or 24h",
        ),
    ],
)
def test_a_fault_in_how_a_stage_changes_says_what_to_write(
    said: dict[str, Any], fault: str
) -> None:
    assert faults(**said) == [fault]
