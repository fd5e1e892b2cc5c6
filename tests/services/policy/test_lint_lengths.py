"""Lengths of time leave room for each other."""

from typing import Any

import pytest

from tests.services.policy.written import errors, evidence, glass, soak, stage


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


def test_a_change_may_take_a_step_and_its_bake() -> None:
    def total(of: str) -> list[str]:
        bake = {"all_at_once": {"bake": "24h"}}
        return errors(stage(strategy=bake, deadlines={"step": "4h", "total": of}))

    assert total("28h") == []
    assert total("27h") == [
        "spec.stages[0].deadlines.total: 1d3h in total end before a step of 4h and a "
        "bake of 1d can; write 1d4h or more, or shorten the two"
    ]


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
