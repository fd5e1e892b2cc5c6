"""A policy promises nothing that it cannot keep."""

from typing import Any

from tests.services.policy.written import errors, glass, sign_off, stage, warnings


def judged(**said: Any) -> dict[str, Any]:
    analysis = {
        "metric": "errors",
        "expr": "value < 0.1",
        "on_missing": "pause",
        **said,
    }
    return {"all_at_once": {"analysis": [analysis]}}


def test_a_version_fails_only_where_something_judges_it() -> None:
    on_failure = {"when": ["failed"]}
    said = [
        "spec.stages[0].rollback.when[0]: no analysis with mode enforce ever says that "
        "a version failed; add one under `strategy.all_at_once.analysis`"
    ]
    assert errors(stage(rollback=on_failure, targets=["eu"])) == said
    observed = judged(mode="observe")
    assert errors(stage(rollback=on_failure, strategy=observed)) == said
    assert errors(stage(rollback=on_failure, strategy=judged()), mode="warn") == said
    assert errors(stage(rollback=on_failure, strategy=judged())) == []


def test_what_is_deployed_nowhere_ends_in_no_error() -> None:
    on_error = {"when": ["errored"]}
    assert errors(stage(rollback=on_error, targets=["eu"])) == []
    assert errors(stage(rollback=on_error)) == [
        "spec.stages[0].rollback.when[0]: nothing is deployed here that could end in "
        "an error; name the stage's targets, or leave it out"
    ]


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
