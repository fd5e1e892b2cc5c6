"""Every name is given once, and every reference names something."""

from typing import Any

import pytest

from tests.services.policy.written import (
    errors,
    evidence,
    glass,
    sign_off,
    soak,
    stage,
    window,
)


def test_a_stage_is_named_once() -> None:
    assert errors(stage("prod"), stage("staging"), stage("prod")) == [
        "spec.stages[2].name: a stage is called `prod` already: spec.stages[0].name; "
        "give one of the two another name"
    ]


def test_a_gate_is_named_once_in_its_stage() -> None:
    gates = [sign_off(), sign_off()]
    assert errors(stage("staging", gates=[sign_off()]), stage(gates=gates)) == [
        "spec.stages[1].gates[1].id: a gate of this stage is called `sign-off` "
        "already: spec.stages[1].gates[0].id; give one of the two another name"
    ]


@pytest.mark.parametrize(
    "id_",
    ["artifact", "quarantine", "predecessor", "windows", "freeze", "hold", "lane"],
)
def test_no_gate_is_named_like_one_that_is_always_there(id_: str) -> None:
    assert errors(stage(gates=[sign_off(id=id_)])) == [
        f"spec.stages[0].gates[0].id: `{id_}` is the id of a gate that each stage has "
        "by itself; give it another id"
    ]


def test_a_gate_may_be_named_like_one_that_is_not_there() -> None:
    gates = [evidence(id="drift")]
    back = {"gates": ["drift"]}
    assert errors(stage(targets=["eu"], gates=gates, rollback=back)) == []
    accepts: dict[str, Any] = {"targets": ["eu"], "drift": "require_acceptance"}
    assert errors(stage(gates=gates, **accepts)) == [
        "spec.stages[0].gates[0].id: `drift` is the id of a gate that each stage has "
        "by itself; give it another id"
    ]
    assert errors(stage(rollback=back, **accepts)) == []
    assert errors(stage(targets=["eu"], rollback={"gates": ["drift", "freeze"]})) == [
        "spec.stages[0].rollback.gates[0]: there is no gate `drift` that a rollback "
        "could pass; write `freeze`, `hold`, `predecessor` or `windows`"
    ]


def test_windows_targets_and_ways_out_are_named_once() -> None:
    found = errors(
        stage(
            targets=["eu", "eu"],
            windows=[window(), window(start="2026-01-05T10:00")],
            break_glass=[glass(), glass()],
        )
    )
    assert [each.split(" already")[0] for each in found] == [
        "spec.stages[0].windows[1].name: a window is called `office`",
        "spec.stages[0].targets[1]: a target is called `eu`",
        "spec.stages[0].break_glass[1].name: a break-glass is called `sev1`",
    ]


def test_an_alias_follows_a_stage_that_is_there() -> None:
    assert errors(aliases={"follow": {"live": "prd"}}) == [
        "spec.aliases.follow.live: there is no stage `prd` to follow; "
        "did you mean `prod`?"
    ]


def test_what_follows_a_stage_nobody_has_to_protect() -> None:
    assert errors(aliases={"follow": {"live": "prod"}, "protected": ["live"]}) == [
        "spec.aliases.follow.live: `live` follows a stage and is protected too; "
        "leave it out of `protected`: nobody moves it"
    ]


def test_a_rollback_passes_gates_that_are_there() -> None:
    before = stage("staging")
    asked = {"gates": ["soka", "soak", "freeze", "lane"]}
    prod = stage(after={"stages": ["staging"]}, gates=[soak()], rollback=asked)
    assert errors(before, prod) == [
        "spec.stages[1].rollback.gates[0]: there is no gate `soka` that a rollback "
        "could pass; did you mean `soak`?",
        "spec.stages[1].rollback.gates[3]: a rollback has to pass `lane` in any case; "
        "leave it out",
    ]


@pytest.mark.parametrize("kind", ["artifact", "quarantine", "lane", "hold"])
def test_nobody_may_break_some_glass(kind: str) -> None:
    assert errors(stage(break_glass=[glass(waives=["soak", kind])])) == [
        f"spec.stages[0].break_glass[0].waives[1]: nobody may waive `{kind}`; "
        "leave it out"
    ]


def test_glass_is_in_front_of_a_gate() -> None:
    waives = ["window", "predecessor", "windows", "freeze", "evidence"]
    assert errors(stage(break_glass=[glass(waives=waives)])) == [
        "spec.stages[0].break_glass[0].waives[0]: `window` is no kind of gate; "
        "did you mean `windows`?"
    ]
