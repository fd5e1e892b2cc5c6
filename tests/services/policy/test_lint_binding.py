"""Exactly one policy holds for each model, and for all that runs."""

from rollbook.names import ModelName, PolicyName, StageName
from rollbook_services.policy.lint.known import Known
from tests.services.policy.written import errors, sign_off, stage, warnings

OTHER = PolicyName("other")
APART = "name the model by its own name in one of the two, or in one alone"


def models(*names: str) -> dict[str, tuple[str, ...]]:
    return {"models": names}


def beside(*patterns: str, registered: tuple[str, ...] = ()) -> Known:
    return Known(
        policies={OTHER: patterns},
        models=frozenset(ModelName(name) for name in registered),
    )


def test_two_policies_that_name_a_model_are_a_tie() -> None:
    found = errors(
        applies_to={"models": ["acme/a", "acme/b"]}, known=beside("acme/b", "acme/c")
    )
    assert found == [
        "spec.applies_to.models[1]: `rules` and `other` both hold for `acme/b`; "
        f"{APART}"
    ]


def test_two_policies_with_the_same_pattern_are_a_tie() -> None:
    found = errors(
        applies_to={"models": ["acme/*"]},
        known=beside("acme/*", registered=("acme/a",)),
    )
    assert found == [
        "spec.applies_to.models[0]: `rules` and `other` both hold for `acme/*`; "
        f"{APART}"
    ]


def test_a_name_beats_a_pattern() -> None:
    known = beside("acme/*", registered=("acme/fraud",))
    assert errors(applies_to={"models": ["acme/fraud"]}, known=known) == []
    known = beside("acme/fraud", registered=("acme/fraud",))
    assert errors(applies_to={"models": ["acme/*"]}, known=known) == []


def test_two_patterns_are_a_tie_once_a_model_matches_both() -> None:
    mine = {"models": ["acme/credit-*"]}
    assert errors(applies_to=mine, known=beside("acme/*")) == []
    apart = beside("acme/*-small", registered=("acme/credit-large", "acme/fraud-small"))
    assert errors(applies_to=mine, known=apart) == []
    both = ("acme/credit-1", "acme/credit-2", "acme/credit-3", "acme/credit-4")
    assert errors(applies_to=mine, known=beside("acme/*", registered=both)) == [
        "spec.applies_to.models: `rules` and `other` both hold for acme/credit-1, "
        f"acme/credit-2, acme/credit-3 and more; {APART}"
    ]


def test_a_third_policy_that_names_the_model_ends_the_tie() -> None:
    known = Known(
        policies={OTHER: ("acme/*",), PolicyName("third"): ("acme/credit-1",)},
        models=frozenset({ModelName("acme/credit-1")}),
    )
    assert errors(applies_to={"models": ["acme/credit-*"]}, known=known) == []


def test_a_revision_is_no_tie_with_what_it_replaces() -> None:
    known = Known(
        policies={PolicyName("rules"): ("acme/fraud", "acme/*")},
        models=frozenset({ModelName("acme/a")}),
    )
    assert errors(applies_to={"models": ["acme/fraud", "acme/*"]}, known=known) == []


def test_a_stage_stays_while_something_is_there() -> None:
    lanes = {
        StageName("prod"): (ModelName("acme/fraud"),),
        StageName("canary"): (ModelName("acme/fraud"), ModelName("other/model")),
        StageName("shadow"): (ModelName("other/model"),),
    }
    assert errors(stage("prod"), known=Known(lanes=lanes)) == [
        "spec.stages: there is no stage `canary`, and acme/fraud is there; "
        "keep the stage `canary` while something is there"
    ]


def test_a_model_that_another_policy_names_is_not_its_own() -> None:
    known = Known(
        policies={OTHER: ("acme/fraud",)},
        lanes={StageName("canary"): (ModelName("acme/fraud"),)},
    )
    assert errors(applies_to={"models": ["acme/*"]}, known=known) == []


def test_a_pattern_that_lets_others_choose_strict_rules_is_pointed_out() -> None:
    applies = {"models": ["acme/fraud", "acme/credit-*"]}
    gate = sign_off()
    found = warnings(stage(protected=True, gates=[gate]), applies_to=applies)
    assert found[0] == (
        "spec.applies_to.models[1]: a stage is protected, and whoever registers a "
        "model that matches `acme/credit-*` chooses these rules for it; "
        "name the models one by one"
    )
    found = warnings(stage(gates=[gate]), applies_to=applies)
    assert not any("protected" in fault for fault in found)
