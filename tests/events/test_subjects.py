"""Is every aggregate one literal subject, and no two the same?"""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.names import ModelName
from rollbook.subjects import (
    ACCESS,
    BUNDLES,
    CALENDAR,
    KEYS,
    POLICIES,
    is_aggregate,
    is_at_home,
    model,
    model_name,
    subject,
    token,
)
from tests.support.strategies import values

NAMES = values(ModelName)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("name", "aggregate"),
    [
        ("fraud/scorer", "model.fraud.scorer"),
        ("churn", "model.default.churn"),
        ("A-b_9", "model.default.A-b_9"),
    ],
)
def test_a_model_is_its_team_and_its_name(name: str, aggregate: str) -> None:
    assert model(ModelName(name)) == aggregate
    assert model_name(aggregate) == name


def test_a_model_of_the_default_team_is_the_model_without_one() -> None:
    assert model(ModelName("default/churn")) == model(ModelName("churn"))


@given(NAMES)
def test_a_model_is_found_again_by_its_subject(name: ModelName) -> None:
    found = model_name(model(name))
    assert found == name.removeprefix("default/")
    assert is_aggregate(model(name))


@given(NAMES, NAMES)
def test_two_models_never_share_a_subject(one: ModelName, other: ModelName) -> None:
    same = one.removeprefix("default/") == other.removeprefix("default/")
    assert (model(one) == model(other)) == same


@given(TEXT)
def test_a_token_holds_nothing_that_nats_reads(text: str) -> None:
    assert re.fullmatch(r"(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+", token(text[:10]))


@given(TEXT, TEXT)
def test_two_texts_never_share_a_token(one: str, other: str) -> None:
    assert (token(one[:10]) == token(other[:10])) == (one[:10] == other[:10])


@pytest.mark.parametrize("text", ["", "x" * 129, "é" * 22])
def test_a_token_is_neither_empty_nor_long(text: str) -> None:
    with pytest.raises(ValueError, match="128"):
        token(text)


def test_a_subject_stands_under_the_ledger() -> None:
    assert subject(model(ModelName("churn"))) == "rollbook.ledger.model.default.churn"
    assert subject(ACCESS) == "rollbook.ledger.access"
    assert subject(POLICIES) == "rollbook.ledger.policies"


@pytest.mark.parametrize("one", [ACCESS, POLICIES, CALENDAR, BUNDLES, KEYS])
def test_there_is_one_of_each_small_aggregate(one: str) -> None:
    assert is_aggregate(one)
    assert not is_aggregate(f"{one}.x")
    assert model_name(one) is None


@pytest.mark.parametrize(
    "text",
    [
        *("", "model", "model.a", "model.a.b.c", "model.a.", "model..b", "model.a.*"),
        *("model.a.>", "model.a.b ", "model.a.b\n", "model.a.%2f", "model.a.%G0"),
        *("Access", "access.x", "keys ", "policy", "policy.a", "policies.a"),
        *("bundle", "webhook.a", "model.a.\u0661"),
    ],
)
def test_nothing_else_is_an_aggregate(text: str) -> None:
    assert not is_aggregate(text)


@pytest.mark.parametrize("text", ["access", "keys", "policies", "model.access.keys"])
def test_what_is_no_model_has_no_model_name(text: str) -> None:
    assert is_aggregate(text)
    assert (model_name(text) is None) == (not text.startswith("model."))


@pytest.mark.parametrize(
    ("recorded_as", "aggregate", "expected"),
    [
        ("policy.proposed", "policies", True),
        ("policy.proposed", "access", False),
        ("policy.proposed", "model.default.policies", False),
        ("version.registered", "model.default.policies", True),
        ("version.registered", "policies", False),
        ("identity.linked", "access", True),
    ],
)
def test_an_event_has_one_home(
    recorded_as: str, aggregate: str, *, expected: bool
) -> None:
    assert is_at_home(recorded_as, aggregate) is expected
