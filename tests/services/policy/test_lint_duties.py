"""A policy promises nothing that it cannot keep."""

from typing import Any

import pytest

from tests.services.policy.written import (
    analysis,
    canary,
    errors,
    glass,
    sign_off,
    stage,
    warnings,
)


def judged(**said: Any) -> dict[str, Any]:
    return {"all_at_once": {"analysis": [analysis(**said)]}}


def served(**said: Any) -> dict[str, Any]:
    return stage(targets=["eu"], **said)


def test_a_version_fails_only_where_something_judges_it() -> None:
    back = {"when": ["failed"]}
    said = (
        "spec.stages[0].rollback.when[0]: no analysis with mode enforce ever says that "
        "a version failed; add one under `strategy.{}.analysis`"
    )
    at_once, by_steps = [said.format("all_at_once")], [said.format("canary")]
    assert errors(served(rollback=back)) == at_once
    observed = judged(mode="observe")
    assert errors(served(rollback=back, strategy=observed)) == at_once
    assert errors(served(rollback=back, strategy=judged()), mode="warn") == at_once
    assert errors(served(rollback=back, strategy=judged())) == []
    assert errors(served(rollback=back, strategy=canary())) == by_steps
    watching = canary(analysis=[analysis(mode="observe")])
    assert errors(served(rollback=back, strategy=watching)) == by_steps
    judging = canary(analysis=[analysis()])
    assert errors(served(rollback=back, strategy=judging)) == []


def test_what_is_deployed_nowhere_ends_in_no_error_and_fails_nowhere() -> None:
    on_error = {"when": ["errored"]}
    assert errors(served(rollback=on_error)) == []
    assert errors(stage(rollback={"when": ["failed", "errored"]})) == [
        "spec.stages[0].rollback.when[0]: nothing is deployed here that could fail; "
        "name the stage's targets, or leave it out",
        "spec.stages[0].rollback.when[1]: nothing is deployed here that could end in "
        "an error; name the stage's targets, or leave it out",
    ]


@pytest.mark.parametrize("drift", ["correct", "require_acceptance"])
def test_what_is_deployed_nowhere_does_not_drift(drift: str) -> None:
    assert errors(served(drift=drift)) == []
    assert errors(stage(drift=drift)) == [
        "spec.stages[0].drift: nothing is deployed here that could drift; "
        "name the stage's targets, or leave it out"
    ]
    assert errors(stage(drift="alert")) == []


def test_a_way_back_that_is_no_other_is_pointed_out() -> None:
    same = {"profile": "same"}
    assert (
        "spec.stages[0].rollback.profile: there are no steps to go back by: all "
        "targets change at once anyway; leave it out"
    ) in warnings(served(rollback=same))
    by_steps = warnings(served(rollback=same, strategy=canary()))
    assert not any("profile" in each for each in by_steps)


def test_a_way_back_that_waits_for_people_is_pointed_out() -> None:
    one: dict[str, Any] = {"pause": "owner"}
    other: dict[str, Any] = {"pause": "head"}
    plan = canary({"weight": 5}, one, {"weight": 50}, other, {"weight": 100})
    assert (
        "spec.stages[0].rollback.profile: a rollback stands still at each pause too, "
        "until head or owner acts; write `fast`, unless that is meant"
    ) in warnings(served(rollback={"profile": "same"}, strategy=plan))
    fast = warnings(served(rollback={"profile": "fast"}, strategy=plan))
    assert not any("profile" in each for each in fast)


def test_what_is_protected_somebody_approves() -> None:
    said = (
        "the stage is protected, and with mode warn nobody has to approve; "
        "write `mode: enforce` at spec.stages[0].gates[0]"
    )
    own = stage(protected=True, gates=[sign_off(mode="warn")])
    assert errors(own) == [f"spec.stages[0].gates[0].mode: {said}"]
    of_stage = stage(protected=True, gates=[sign_off()], mode="warn")
    assert errors(of_stage) == [f"spec.stages[0].mode: {said}"]
    of_policy = stage(protected=True, gates=[sign_off()])
    assert errors(of_policy, mode="warn") == [f"spec.mode: {said}"]


def test_what_is_not_protected_or_enforced_after_all_is_free() -> None:
    assert errors(stage(gates=[sign_off(mode="observe")])) == []
    enforced = sign_off(mode="enforce")
    assert errors(stage(protected=True, gates=[enforced]), mode="observe") == []


def test_a_last_stage_that_nobody_approves_is_pointed_out() -> None:
    said = (
        "spec.stages[1].gates: nobody has to approve what comes to `prod`, the last "
        "stage; add a gate of kind `approvals`"
    )
    assert said in warnings(stage("staging", gates=[sign_off()]), stage("prod"))
    assert said not in warnings(stage("staging"), stage("prod", gates=[sign_off()]))


def test_glass_that_one_person_breaks_alone_is_pointed_out() -> None:
    alone = glass(second_person=False)
    assert (
        "spec.stages[0].break_glass[1].second_person: one person alone may break the "
        "glass of `sev1`; write true"
    ) in warnings(stage(break_glass=[glass(name="sev2"), alone]))
