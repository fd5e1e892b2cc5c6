"""What does a reference mean, and which texts mean nothing?"""

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rollbook.names import AliasName, ModelName, StageName
from rollbook.reference import (
    InvalidReference,
    LaneReference,
    ModelReference,
    PromotionReference,
    Reference,
    VersionReference,
    parse,
    parse_model,
    parse_promotion,
    parse_version,
)

FRAUD = ModelReference("default", "fraud")
TEAM = ModelReference("risk", "fraud")

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", fullmatch=True)
model_names = names.filter(lambda name: not name.isdigit())
models = st.builds(ModelReference, st.just("default") | names, model_names)
numbers = st.integers(1, 2**53 - 1)
aliases = names.filter(lambda name: not name.removeprefix("v").isdigit())
digests = st.from_regex(
    r"(sha256|oci-sha256|oms-sha256):[0-9a-f]{8,64}", fullmatch=True
)
references: st.SearchStrategy[Reference] = st.one_of(
    models,
    st.builds(VersionReference, models, numbers | aliases | digests),
    st.builds(LaneReference, models, names, st.integers(0, 99)),
    st.builds(PromotionReference, models, numbers),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("fraud", FRAUD),
        ("default/fraud", FRAUD),
        ("risk/fraud", TEAM),
        ("fraud@7", VersionReference(FRAUD, 7)),
        ("fraud@v7", VersionReference(FRAUD, 7)),
        ("fraud@champion", VersionReference(FRAUD, "champion")),
        ("fraud@latest", VersionReference(FRAUD, "latest")),
        ("fraud@sha256:9f2c41aa", VersionReference(FRAUD, "sha256:9f2c41aa")),
        ("risk/fraud#prod", LaneReference(TEAM, "prod")),
        ("fraud#prod~2", LaneReference(FRAUD, "prod", 2)),
        ("fraud:31", PromotionReference(FRAUD, 31)),
        ("models:/fraud/7", VersionReference(FRAUD, 7)),
        ("models:/fraud/latest", VersionReference(FRAUD, "latest")),
        ("models:/risk/fraud/7", VersionReference(TEAM, 7)),
        ("models:/fraud@champion", VersionReference(FRAUD, "champion")),
        ("models:/fraud/Production", LaneReference(FRAUD, "production")),
    ],
)
def test_each_form_of_the_grammar_has_one_meaning(text: str, meant: Reference) -> None:
    assert parse(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "", "/", "a/", "/a", "a/b/c", "..", "a/..", "fraud@", "fraud@0", "fraud@v0",
        "fraud@007", "fraud@sha256:9f2c41a", "fraud@sha256:9F2C41AA", "fraud@a@b",
        "fraud#", "fraud#prod~", "fraud#prod~-1", "fraud#prod~01", "fraud#a#b",
        "fraud:", "fraud:x", "fraud:0", "fraud:1:2", "fräud", "fraud ", " fraud",
        "fraud\n", "fraud@7\n", "a.b", "fr%61ud", "fraud@7#prod", "123", "risk/123",
        "x" * 101, "x" * 300, "fraud@" + "9" * 17, "models:/", "models:/fraud",
        "models:/fraud/", "fraud@\u0661", "fraud*", "fraud>", "-fraud",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(InvalidReference) as refused:
        parse(text)
    assert refused.value.expected
    assert len(str(refused.value)) < 400


@given(references)
def test_what_is_written_is_read_back(reference: Reference) -> None:
    assert parse(str(reference)) == reference


@given(st.text(max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        reference = parse(text)
    except InvalidReference:
        return
    assert parse(str(reference)) == reference


@given(st.text(alphabet="aZ09_-/.@#:~% é\n", max_size=12))
def test_a_name_is_a_reference_exactly_when_the_ledger_takes_it(text: str) -> None:
    assert _takes(ModelName, text) == _is_model(text)


@given(models, names, aliases)
def test_stage_and_alias_are_those_of_the_ledger(
    model: ModelReference, stage: str, alias: str
) -> None:
    assert _takes(StageName, stage)
    assert isinstance(parse(f"{model}#{stage}"), LaneReference)
    if alias != "latest":
        assert _takes(AliasName, alias)
    assert isinstance(parse(f"{model}@{alias}"), VersionReference)


def test_a_reference_of_another_kind_is_refused_with_the_right_way_to_write_it() -> (
    None
):
    with pytest.raises(InvalidReference, match=r"write fraud$"):
        parse_model("fraud@7")
    with pytest.raises(InvalidReference, match="fraud@latest"):
        parse_version("fraud")
    with pytest.raises(InvalidReference, match="fraud@7"):
        parse_version("fraud:7")
    with pytest.raises(InvalidReference, match="fraud:31"):
        parse_promotion("fraud#prod")
    assert parse_model("fraud") == FRAUD
    assert parse_version("fraud#prod~1") == LaneReference(FRAUD, "prod", 1)
    assert parse_promotion("fraud:7") == PromotionReference(FRAUD, 7)


def test_reading_a_reference_loads_the_standard_library_alone() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import rollbook.reference, sys; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    foreign = {name.split(".")[0] for name in loaded} & {"pydantic", "nats", "httpx2"}
    assert not foreign


def _takes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


def _is_model(text: str) -> bool:
    try:
        return isinstance(parse(text), ModelReference)
    except InvalidReference:
        return False
