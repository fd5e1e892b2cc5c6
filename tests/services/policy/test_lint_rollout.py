"""A version can go through the waves and steps of a stage to its end."""

from typing import Any

import pytest

from tests.services.policy.written import analysis, canary, errors, stage

EU_US = ["eu-1", "eu-2", "us-1"]
CANARY = "spec.stages[0].strategy.canary"


def rolled(*steps: dict[str, Any], **said: Any) -> list[str]:
    found = errors(stage(targets=EU_US, strategy=canary(*steps, **said)))
    return [each.removeprefix(f"{CANARY}.") for each in found]


def weights(*written: int | str) -> list[str]:
    """Write a number for a weight, and a role for a pause."""
    return rolled(
        *({"weight": n} if isinstance(n, int) else {"pause": n} for n in written)
    )


def test_every_target_is_in_one_wave() -> None:
    assert rolled(waves=[["eu-1"], ["eu-2", "us-1"]]) == []
    assert rolled() == []
    assert rolled(waves=[]) == []
    assert rolled(waves=[["eu-1"], ["eu-2"]]) == [
        "waves: `us-1` is in no wave, so no version ever comes to it; "
        "add `us-1` to a wave"
    ]
    assert rolled(waves=[["eu-1", "us-1"], ["eu-2", "eu-1"]]) == [
        f"waves[1][1]: `eu-1` is in a wave already: {CANARY}.waves[0][0]; "
        "keep one of the two"
    ]
    assert rolled(waves=[["eu-1", "eu-2", "us-1", "us-1"]]) == [
        f"waves[0][3]: `us-1` is in a wave already: {CANARY}.waves[0][2]; "
        "keep one of the two"
    ]


def test_a_wave_names_targets_of_its_stage() -> None:
    assert rolled(waves=[["eu-1"], ["eu2", "us-1"]]) == [
        "waves[1][0]: the stage has no target `eu2`; did you mean `eu-2`?",
        "waves: `eu-2` is in no wave, so no version ever comes to it; "
        "add `eu-2` to a wave",
    ]


def test_weights_rise_to_all_of_the_requests() -> None:
    assert weights(100) == []
    assert weights(1, 2, 100) == []
    assert weights(10, 10, 100) == [
        "steps[1].weight: the step before gives the version 10 percent already; "
        "write more than 10, or leave the step out"
    ]
    assert weights(50, 25, 100) == [
        "steps[1].weight: the step before gives the version 50 percent already; "
        "write more than 50, or leave the step out"
    ]
    assert weights(10, 100, 50) == [
        "steps[2].weight: the step before gives the version 100 percent already; "
        "leave the step out"
    ]
    assert weights(10, 99) == [
        "steps: the version never gets more than 99 percent of the requests; "
        "add `{weight: 100}` as the last step"
    ]


def test_weights_rise_over_a_pause_too() -> None:
    assert weights(10, "owner", 100) == []
    (fault,) = weights(10, "owner", 10, 100)
    assert fault.startswith("steps[2].weight: the step before gives the version 10 ")


def test_a_pause_lies_between_two_weights() -> None:
    assert weights(10, "owner", "officer", 100) == []
    assert weights("owner", 10, 100) == [
        "steps[0].pause: it pauses before any target has the version; "
        "put it behind a step with `weight`"
    ]
    assert weights(10, 100, "owner") == [
        "steps[2].pause: there is no step that the last pause keeps back; "
        "put it before a step with `weight`"
    ]
    assert weights("owner") == [
        "steps[0].pause: it pauses before any target has the version; "
        "put it behind a step with `weight`",
        "steps: the version never gets more than 0 percent of the requests; "
        "add `{weight: 100}` as the last step",
    ]


def test_no_more_targets_have_to_succeed_than_the_smallest_wave_has() -> None:
    waves = [["eu-1", "eu-2"], ["us-1"]]
    assert rolled(waves=waves, min_success=1) == []
    assert rolled(waves=waves, min_success="100%") == []
    assert rolled(waves=waves, min_success=2) == [
        f"min_success: 2 targets have to succeed, and {CANARY}.waves[1] has 1; "
        "write `all` or a share like `80%`, or put more into the wave"
    ]
    assert rolled(min_success=3) == []
    assert rolled(min_success=4) == [
        "min_success: 4 targets have to succeed, and the stage has 3; "
        "write `all`, or name more targets"
    ]


@pytest.mark.parametrize(
    "written",
    ["header:x-customer", "cookie:__Host-session", "query:user_id", "field:user.id"],
)
def test_a_split_key_names_a_part_of_a_request(written: str) -> None:
    assert rolled(split_key=written) == []


@pytest.mark.parametrize(
    "written",
    ["x-customer", "header:", "head:x", "header:x y", "field:.id", "ip:1", "header:xü"],
)
def test_what_is_no_part_of_a_request_splits_nothing(written: str) -> None:
    assert rolled(split_key=written) == [
        f"split_key: `{written}` names no part of a request; "
        "write `header:NAME`, `cookie:NAME`, `query:NAME` or `field:NAME`"
    ]


@pytest.mark.parametrize(
    "strategy",
    [
        canary({"weight": 100}),
        {"all_at_once": {"bake": "1h"}},
        {"all_at_once": {"analysis": [analysis()]}},
        {"all_at_once": {"min_success": 1}},
    ],
)
def test_a_stage_that_only_keeps_the_record_needs_no_strategy(
    strategy: dict[str, Any],
) -> None:
    assert errors(stage(strategy=strategy)) == [
        "spec.stages[0].strategy: nothing is deployed here that a strategy could "
        "bring anywhere; name the stage's targets, or leave it out"
    ]
    assert errors(stage(strategy=strategy, targets=["eu-1"])) == []


def test_the_default_strategy_may_be_written_anywhere() -> None:
    assert errors(stage(strategy={"all_at_once": {"bake": "0s"}})) == []


def test_all_faults_of_a_plan_are_told_at_once() -> None:
    found = rolled(
        {"pause": "owner"},
        {"weight": 50},
        {"weight": 20},
        waves=[["eu-1", "asia"]],
        min_success=5,
        split_key="customer",
    )
    assert [each.split(": ")[0] for each in found] == [
        "waves[0][1]",
        "waves",
        "waves",
        "steps[0].pause",
        "steps[2].weight",
        "steps",
        "split_key",
        "min_success",
    ]
