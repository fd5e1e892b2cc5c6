"""What a policy file gets wrong is told all at once, where it is and what to write."""

import json
from datetime import timedelta
from typing import Any

import pytest

from rollbook_services.policy.document import Policy, digest_of
from rollbook_services.policy.gates.soak import Soak
from rollbook_services.policy.reading import check, read, revive
from rollbook_services.policy.shape import Mode, OnRebase, Queue
from tests.services.policy.written import (
    EXAMPLE,
    document,
    evidence,
    glass,
    sign_off,
    soak,
    stage,
    told,
    window,
)


def faults(*stages: dict[str, Any], **spec: Any) -> list[str]:
    checked = check(document(*stages, **spec))
    assert not isinstance(checked, Policy)
    return told(checked)


def policy(*stages: dict[str, Any], **spec: Any) -> Policy:
    checked = check(document(*stages, **spec))
    assert isinstance(checked, Policy), told(checked)
    return checked


def test_the_example_of_the_design_is_a_policy() -> None:
    example = read(EXAMPLE)
    assert isinstance(example, Policy)
    staging, prod = example.stages
    assert staging.expires_after == timedelta(days=7)
    assert prod.strategy.all_at_once.bake == timedelta(hours=24)
    kinds = [gate.kind for gate in prod.gates]
    assert kinds == ["evidence", "evidence", "soak", "approvals", "rate"]


def test_a_fault_names_its_line() -> None:
    text = EXAMPLE.replace("on_missing: fail", "on_mising: fail")
    found = read(text)
    assert not isinstance(found, Policy)
    line = text.splitlines().index("          on_mising: fail") + 1
    assert told(found) == [
        f"spec.stages[1].gates[0].on_missing, line {line - 6}: "
        "`on_missing` is missing; add `on_missing: ...`, `fail` or `wait`",
        f"spec.stages[1].gates[0].on_mising, line {line}: "
        "`on_mising` is not known here; did you mean `on_missing`?",
    ]


def test_faults_of_the_text_come_before_those_of_the_policy() -> None:
    found = read("spec: yes\n")
    assert not isinstance(found, Policy)
    assert [fault.path for fault in found] == ["spec"]


def test_all_faults_are_told_at_once() -> None:
    found = faults(
        stage(protected="yes", queue="lates"),
        stage("x y", targets="eu", gates=[soak(lasts="1 day")]),
        freeze=[],
    )
    assert [each.split(":")[0] for each in found] == [
        "spec.stages[0].protected",
        "spec.stages[0].queue",
        "spec.stages[1].name",
        "spec.stages[1].targets",
        "spec.stages[1].gates[0].for",
        "spec.freeze",
    ]


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (
            {"protected": "true"},
            "protected: `true` does not fit here; write true or false",
        ),
        ({"protected": 1}, "protected: `1` does not fit here; write true or false"),
        ({"targets": "eu"}, "targets: `eu` does not fit here; write a list"),
        ({"targets": [1]}, "targets[0]: `1` does not fit here; write a text"),
        (
            {"after": "staging"},
            "after: `staging` does not fit here; write settings under keys",
        ),
        (
            {"name": "x y"},
            "name: `x y` is no name; write letters, digits, `_` and `-`, at most 100, "
            "a letter or a digit first",
        ),
        (
            {"queue": "lates"},
            "queue: `lates` is not known here; did you mean `latest`?",
        ),
        (
            {"queue": "stack"},
            "queue: `stack` is not known here; write `fifo`, `latest` or `single`",
        ),
        (
            {"queue": None},
            "queue: `null` is not known here; write `fifo`, `latest` or `single`",
        ),
        ({"que": "fifo"}, "que: `que` is not known here; did you mean `queue`?"),
        (
            {"expires_after": "a week"},
            "expires_after: `a week` does not fit here; "
            "write a duration like 30m, 24h, 14d or 1d12h",
        ),
        (
            {"expires_after": 3600},
            "expires_after: `3600` does not fit here; "
            "write a duration like 30m, 24h, 14d or 1d12h",
        ),
        (
            {"expires_after": "99999d"},
            "expires_after: `99999d` does not fit here; "
            "write a duration of at most 3660d",
        ),
        (
            {"after": {"stages": []}},
            "after.stages: 0 are written here; write at least 1",
        ),
        (
            {"after": {"stages": ["x"], "mode": "some"}},
            "after.mode: `some` is not known here; write `all` or `any`",
        ),
        (
            {"strategy": {"all_at_once": {"min_success": "180%"}}},
            "strategy.all_at_once.min_success: `180%` is not known here; "
            "write `all` or a whole number or a share like `80%`",
        ),
        (
            {"strategy": {"all_at_once": {"min_success": "3"}}},
            "strategy.all_at_once.min_success: `3` is not known here; "
            "write `all` or a whole number or a share like `80%`",
        ),
        (
            {"break_glass": [glass(second_person={})]},
            "break_glass[0].second_person: what stands here, settings under keys, "
            "does not fit here; write true or false",
        ),
        (
            {"windows": [window()] * 21},
            "windows: 21 are written here; write at most 20",
        ),
    ],
)
def test_a_fault_says_what_to_write(said: dict[str, Any], fault: str) -> None:
    assert faults(stage(**said)) == [f"spec.stages[0].{fault}"]


@pytest.mark.parametrize(
    ("gate", "fault"),
    [
        (
            {"kind": "approval"},
            ".kind: `approval` is no kind of gate; did you mean `approvals`?",
        ),
        (
            {"kind": "lane"},
            ".kind: `lane` is a gate that no file lists; "
            "leave it out: each stage has it where it applies",
        ),
        (
            {"id": "x"},
            ".kind: `kind` is missing; add `kind: ...`, "
            "`approvals`, `attestation`, `evidence`, `rate` or `soak`",
        ),
        (
            evidence(on_missing="pass"),
            ".on_missing: `pass` is not known here; write `fail` or `wait`",
        ),
        (
            evidence(expr="x" * 1025),
            ".expr: 1025 characters are written here; write at most 1024",
        ),
        (
            evidence(dataset=""),
            ".dataset: 0 characters are written here; write at least 1",
        ),
        (
            sign_off(slots=[{"role": "reviewer", "count": "2"}]),
            ".slots[0].count: `2` does not fit here; write a whole number",
        ),
        (
            sign_off(slots=[{"role": "reviewer", "count": 0}]),
            ".slots[0].count: `0` is out of bounds; write at least 1",
        ),
        (sign_off(slots=[]), ".slots: 0 are written here; write at least 1"),
        (
            sign_off(reject={"count": 2, "any": True}),
            ".reject.any: `any` is not known here; write `count`",
        ),
        (
            {"kind": "rate", "max": 101, "per": "4h"},
            ".max: `101` is out of bounds; write at most 100",
        ),
        (soak(lasts="0s"), ".for: `0s` is out of bounds; write more than 0s"),
    ],
)
def test_a_gate_that_is_wrong_is_known_by_its_place(
    gate: dict[str, Any], fault: str
) -> None:
    found = faults(stage(gates=[soak(), gate]))
    assert found == [f"spec.stages[0].gates[1]{fault}"]


def test_what_comes_later_is_no_slip_of_the_pen() -> None:
    assert faults(stage(rollback={"after_success": "propose"})) == [
        "spec.stages[0].rollback.after_success: not in this release: a rollback "
        "proposed after success; write `after_success: alert`"
    ]


def test_other_words_than_propose_are_slips() -> None:
    (fault,) = faults(stage(rollback={"after_success": "alarm"}))
    assert fault == (
        "spec.stages[0].rollback.after_success: `alarm` is not known here; "
        "did you mean `alert`?"
    )


def test_an_alias_is_no_number() -> None:
    assert faults(aliases={"follow": {"7": "prod"}}) == [
        "spec.aliases.follow.7: `7` does not fit here; "
        "reserved: 'latest' and numbers name versions, not aliases"
    ]


def test_a_pattern_could_match_a_model() -> None:
    assert faults(applies_to={"models": ["a/b/c"]}) == [
        "spec.applies_to.models[0]: no model is named like this; "
        "write a model as `team/name`, with `*` for any text in it"
    ]
    (fault,) = faults(applies_to={"models": ["default/*"]})
    assert fault.startswith(
        "spec.applies_to.models[0]: models of the default team carry no team"
    )


def test_a_model_of_the_default_team_is_known_by_its_short_name() -> None:
    rules = policy(applies_to={"models": ["default/fraud"]})
    assert rules.spec.applies_to.models == ("fraud",)


def test_what_is_no_policy_at_all_is_told() -> None:
    found = check({"apiVersion": "rollbook/v2", "kind": "Policy"})
    assert not isinstance(found, Policy)
    assert told(found) == [
        "apiVersion: `rollbook/v2` is not known here; did you mean `rollbook/v1`?",
        "kind: `Policy` is not known here; did you mean `ReleasePolicy`?",
        "metadata: `metadata` is missing; add `metadata: ...`, settings under keys",
        "spec: `spec` is missing; add `spec: ...`, settings under keys",
    ]


def test_what_the_ledger_cannot_hold_is_told() -> None:
    for number in (float("nan"), 2**53):
        found = check({**document(), "x": number})
        assert not isinstance(found, Policy)
        assert "the ledger cannot hold it" in str(found[0])
    found = check(document(freeze_by=["r" * 90] * 300))
    assert not isinstance(found, Policy)
    assert "at most 24576 are kept; split it into several policies" in str(found[0])


def test_a_stage_inherits_what_it_does_not_say() -> None:
    rules = policy(
        stage("staging", queue="single", mode="enforce"),
        stage("prod"),
        mode="warn",
        defaults={"queue": "fifo", "on_rebase": "revalidate"},
    )
    staging, prod = rules.stages
    assert (staging.queue, staging.mode) == (Queue.SINGLE, Mode.ENFORCE)
    assert (prod.queue, prod.mode) == (Queue.FIFO, Mode.WARN)
    assert staging.on_rebase is prod.on_rebase is OnRebase.REVALIDATE


def test_inheriting_and_saying_are_the_same_rules() -> None:
    inherits = policy(stage(gates=[soak()]), defaults={"expires_after": "3d"})
    says = policy(stage(gates=[soak()], expires_after="72h"))
    assert inherits.stages[0].digest == says.stages[0].digest


def test_a_fault_in_what_is_inherited_is_told_once() -> None:
    found = faults(stage("a"), stage("b"), defaults={"queue": "stack", "gates": []})
    assert found == [
        "spec.defaults.queue: `stack` is not known here; "
        "write `fifo`, `latest` or `single`",
        "spec.defaults.gates: `gates` is not known here; "
        "write `expires_after`, `on_rebase`, `queue` or `separation_of_duties`",
    ]


def test_a_policy_of_the_ledger_is_revived_once() -> None:
    written = document(stage(gates=[soak()]))
    again = json.loads(json.dumps(written))
    assert digest_of(written) == digest_of(again)
    assert revive(written) is revive(again)
    (gate,) = revive(written).stages[0].gates
    assert isinstance(gate, Soak)
    assert gate.lasts == timedelta(hours=24)


def test_a_policy_of_a_later_release_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match=r"cannot read the policy: spec.stages\[0\]"):
        revive(document(stage(rollback={"after_success": "propose"})))
