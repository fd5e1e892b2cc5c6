"""Exactly one policy holds for each model, and a decision says what it has seen."""

import timeit
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollbook.catalogue.calendar import FreezeDeclared
from rollbook.catalogue.promotion import Seen
from rollbook.commands.calendar import DeclareFreeze
from rollbook.errors import UnreadableEvent
from rollbook.names import ModelName, PolicyName, Reason
from rollbook_services.policy.document import BUILT_IN, Policy, is_wild
from rollbook_services.registrar.governing import context_for, governing
from rollbook_services.registrar.tying import takes_from, ties
from tests.services.registrar.installation import (
    COMMANDER,
    OWNER,
    Installation,
    nobody_acted,
    propose,
    written,
)

FRAUD = ModelName("acme/fraud")
PATTERNS = st.text(alphabet="ab*?", min_size=1, max_size=4).filter(is_wild)
# As long as the letters of two such patterns together.
TEXTS = ["".join(text) for size in range(1, 9) for text in product("ab", repeat=size)]


def policy(*models: str, name: str = "one") -> Policy:
    return Policy.model_validate(written(name, *models))


def in_force(*documents: tuple[str, str]) -> Installation:
    house = nobody_acted()
    for name, models in documents:
        house = house.in_force(written(name, *models.split()))
    return house


def test_without_a_policy_ours_holds() -> None:
    found = governing(nobody_acted().policies, FRAUD)
    assert (found.policy, found.activated_by) == (BUILT_IN, None)


def test_what_is_only_proposed_holds_for_nothing() -> None:
    house = nobody_acted().given(propose(written()), by=OWNER)
    assert house.governs("acme/fraud") == "built-in"


def test_an_exact_name_beats_a_pattern_and_a_pattern_beats_ours() -> None:
    house = in_force(("all", "acme/*"), ("own", "acme/fraud x"))
    held = {name: house.governs(name) for name in ("acme/fraud", "acme/a", "x", "y")}
    assert held == {"acme/fraud": "own", "acme/a": "all", "x": "own", "y": "built-in"}
    found = governing(house.policies, FRAUD)
    assert (found.activated_by, found.activated_at) == (OWNER.id, house.at)


def test_a_new_revision_holds_at_once() -> None:
    house = in_force(("own", "acme/fraud"))
    then = house.in_force(written("own", "acme/churn"))
    assert (house.governs("acme/fraud"), then.governs("acme/fraud")) == (
        "own",
        "built-in",
    )


def test_a_document_of_a_later_release_stops_the_decision() -> None:
    house = in_force(("own", "acme/fraud"))
    known = house.policies.policies[PolicyName("own")]
    assert known.active is not None
    document = {**written(), "apiVersion": "rollbook/v9"}
    strange = replace(known.revisions[known.active], document=document)
    held = replace(known, revisions={known.active: strange})
    policies = replace(house.policies, policies={known.name: held})
    with pytest.raises(UnreadableEvent, match="upgrade"):
        governing(policies, FRAUD)


def test_a_context_says_what_was_seen_and_holds_the_model_s_freezes() -> None:
    house = in_force(("own", "acme/fraud"))
    for models in (["acme/fraud"], ["acme/churn"]):
        declare = DeclareFreeze.model_validate(
            {"covers": {"models": models}, "reason": Reason("audit")}
        )
        house = house.given(declare, by=COMMANDER)
    around = house.around
    found = context_for(FRAUD, around.access, around.policies, around.calendar)
    assert found.seen == Seen(access=0, policies=3, calendar=2)
    assert [each.covers.models for each in found.freezes] == [("acme/fraud",)]
    assert found.policy.name == "own"
    assert house.ids[FreezeDeclared] not in {each.freeze.id for each in found.freezes}


def test_asking_again_costs_next_to_nothing() -> None:
    house = in_force(*[(f"p{number}", f"team-{number}/*") for number in range(50)])
    around = house.around

    def ask() -> None:
        context_for(FRAUD, around.access, around.policies, around.calendar)

    ask()
    seconds = min(timeit.repeat(ask, number=200, repeat=5)) / 200
    assert seconds < 50e-6  # some 1 µs on a quiet machine; 50 policies take 1 ms to ask


@pytest.mark.parametrize(
    ("one", "other", "tied"),
    [
        ("acme/fraud", "acme/fraud", True),
        ("acme/*", "acme/fraud", False),
        ("acme/*", "acme/credit-*", True),
        ("acme/*", "*/fraud", True),
        ("acme/a*", "acme/b*", False),
        ("acme/??", "acme/abc", False),
        ("acme/[ab]*", "acme/b?", True),
        ("*", "acme/*", True),
        ("fraud", "acme/fraud", False),
    ],
)
def test_two_names_or_two_patterns_tie_a_name_and_a_pattern_never(
    one: str, other: str, tied: bool
) -> None:
    first, second = policy(one), policy(other, name="two")
    assert bool(ties(first, second)) is bool(ties(second, first)) is tied


def test_an_exact_name_is_taken_from_a_pattern() -> None:
    own, all_ = policy("acme/fraud", "x"), policy("acme/*", name="two")
    assert takes_from(own, all_) == ["acme/fraud"]
    assert takes_from(all_, own) == []


@given(PATTERNS, PATTERNS)
@example("a*b", "*ab")
@example("*a", "a*b")
@example("[ab]*", "b?")
def test_patterns_meet_where_some_text_matches_both(one: str, other: str) -> None:
    met = any(fnmatchcase(text, one) and fnmatchcase(text, other) for text in TEXTS)
    assert bool(ties(policy(one), policy(other, name="two"))) is met
