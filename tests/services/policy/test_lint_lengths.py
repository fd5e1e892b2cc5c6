"""Lengths of time leave room for each other."""

from typing import Any

import pytest

from tests.services.policy.written import (
    canary,
    challenger,
    errors,
    evidence,
    glass,
    shadow,
    soak,
    stage,
)


def after_a_soak(**said: Any) -> list[str]:
    gates = [soak(lasts="24h"), *said.pop("gates", [])]
    after = {"stages": ["staging"]}
    return errors(stage("staging"), stage(after=after, gates=gates, **said))


def test_a_promotion_outlives_its_soak() -> None:
    assert after_a_soak(expires_after="24h") == []
    assert after_a_soak(expires_after="23h59m") == [
        "spec.stages[1].expires_after: a promotion expires before the soak of 1d can "
        "end; write 1d or more"
    ]


def test_what_a_promotion_inherits_is_at_fault_where_it_is_written() -> None:
    after = {"stages": ["staging"]}
    stages = stage("staging"), stage(after=after, gates=[soak(lasts="8d")])
    (fault,) = errors(*stages, defaults={"expires_after": "7d12h"})
    assert fault.startswith("spec.defaults.expires_after: a promotion expires before")
    (fault,) = errors(*stages)
    assert fault.startswith("spec.stages[1].expires_after: a promotion expires before")


def test_evidence_outlives_the_soak() -> None:
    assert after_a_soak(gates=[evidence(max_age="1d")]) == []
    attested = {
        "kind": "attestation",
        "predicate": "https://slsa.dev/provenance/v1",
        "issuers": ["ci"],
        "max_age": "2h",
    }
    assert after_a_soak(gates=[evidence(max_age="12h"), attested]) == [
        f"spec.stages[1].gates[{index}].max_age: it is too old before the soak of 1d "
        "can end; write 1d or more"
        for index in (1, 2)
    ]


def in_total(of: str, strategy: dict[str, Any]) -> list[str]:
    """Write a stage that has so long, and a step of four hours."""
    deadlines = {"step": "4h", "total": of}
    found = errors(stage(targets=["eu", "us"], strategy=strategy, deadlines=deadlines))
    return [each.removeprefix("spec.stages[0].deadlines.total: ") for each in found]


def test_a_change_may_take_a_step_and_its_bake() -> None:
    bake = {"all_at_once": {"bake": "24h"}}
    assert in_total("28h", bake) == []
    assert in_total("27h", bake) == [
        "1d3h in total end before a step of 4h and a bake of 1d can; "
        "write 1d4h or more, or shorten the two"
    ]


def test_a_change_may_take_the_bakes_of_all_its_waves() -> None:
    steps: list[dict[str, Any]] = [{"weight": 5, "bake": "1h"}, {"pause": "owner"}]
    together = canary(*steps, {"weight": 100, "bake": "5h"})
    assert in_total("10h", together) == []
    assert in_total("9h59m", together) == [
        "9h59m in total end before a step of 4h and bakes of 6h can; "
        "write 10h or more, or shorten the two"
    ]
    waves = [["eu"], ["us"]]
    in_waves = canary(*steps, {"weight": 100, "bake": "5h"}, waves=waves)
    assert in_total("16h", in_waves) == []
    assert in_total("10h", in_waves) == [
        "10h in total end before a step of 4h and bakes of 12h in 2 waves can; "
        "write 16h or more, or shorten the two"
    ]


@pytest.mark.parametrize("strategy", [shadow(duration="72h"), challenger("3d")])
def test_what_runs_beside_another_may_run_as_long_as_it_says(
    strategy: dict[str, Any],
) -> None:
    def total(of: str) -> list[str]:
        deadlines = {"step": "4h", "total": of}
        side = stage("side", beside="prod", strategy=strategy, deadlines=deadlines)
        return errors(stage(targets=["eu"]), side)

    assert total("76h") == []
    assert total("75h") == [
        "spec.stages[1].deadlines.total: 3d3h in total end before a step of 4h and 3d "
        "beside `prod` can; write 3d4h or more, or shorten the two"
    ]


def test_a_promotion_outlives_what_it_comes_after() -> None:
    long = {"deadlines": {"total": "99d"}, "beside": "prod"}
    two = stage("two", strategy=shadow(duration="2d"), **long)
    three = stage("three", strategy=challenger("3d"), **long)
    live = stage("live", targets=["eu"])

    def expiring(length: str, *after: str, **said: Any) -> list[str]:
        after_those = {"stages": list(after), **said}
        prod = stage(targets=["eu"], after=after_those, expires_after=length)
        return errors(live, two, three, prod)

    said = "a promotion expires before a stage it comes after ends its"
    path = "spec.stages[3].expires_after"
    assert expiring("2d", "two") == []
    assert expiring("47h", "two") == [f"{path}: {said} 2d; write 2d or more"]
    assert expiring("3d", "two", "three", "live") == []
    assert expiring("71h", "two", "three", "live") == [
        f"{path}: {said} 3d; write 3d or more"
    ]
    assert expiring("2d", "two", "three", mode="any") == []
    assert expiring("47h", "two", "three", mode="any") == [
        f"{path}: {said} 2d; write 2d or more"
    ]
    assert expiring("1h", "two", "live", mode="any") == []
    assert expiring("1h", "live") == []


def test_what_expires_too_early_is_at_fault_where_it_is_written() -> None:
    side = stage("side", beside="prod", strategy=shadow(duration="2d"))
    prod = stage(targets=["eu"], after={"stages": ["side"]})
    (fault,) = errors(side, prod, defaults={"expires_after": "1d"})
    assert fault.startswith("spec.defaults.expires_after: a promotion expires before")


def test_no_more_targets_have_to_succeed_than_there_are() -> None:
    def needing(count: int) -> list[str]:
        strategy = {"all_at_once": {"min_success": count}}
        return errors(stage(targets=["eu", "us"], strategy=strategy))

    assert needing(2) == []
    assert needing(3) == [
        "spec.stages[0].strategy.all_at_once.min_success: 3 targets have to succeed, "
        "and the stage has 2; write `all`, or name more targets"
    ]


@pytest.mark.parametrize(
    ("strategy", "path"),
    [
        (shadow(duration="0s"), "shadow.duration"),
        (challenger("0s"), "challenger.stop.after"),
    ],
)
def test_what_runs_beside_another_runs_for_a_while(
    strategy: dict[str, Any], path: str
) -> None:
    side = stage("side", beside="prod", strategy=strategy)
    assert errors(stage(targets=["eu"]), side) == [
        f"spec.stages[1].strategy.{path}: it is over when it begins; write more than 0s"
    ]


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"expires_after": "0s"}, "expires_after"),
        ({"deadlines": {"ack": "0s"}}, "deadlines.ack"),
        ({"deadlines": {"step": "0s"}}, "deadlines.step"),
        ({"break_glass": [glass(valid_for="0s")]}, "break_glass[0].valid_for"),
        ({"break_glass": [glass(review_within="0s")]}, "break_glass[0].review_within"),
    ],
)
def test_no_limit_is_over_when_it_begins(said: dict[str, Any], path: str) -> None:
    assert errors(stage(**said)) == [
        f"spec.stages[0].{path}: it is over when it begins; write more than 0s"
    ]
