"""Does every template, and every policy that a document shows, hold as it stands?"""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rollbook.catalogue.lane import DriftPolicy
from rollbook_services.policy.document import Policy
from rollbook_services.policy.gate import declared
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import lint
from rollbook_services.policy.query import PLACEHOLDERS
from rollbook_services.policy.reading import read
from rollbook_services.policy.stage import Allowed, Profile, RollbackRule
from rollbook_services.policy.strategy import Strategy
from tests.services.policy.written import AS_OF

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "policies.md"
TEMPLATES = sorted(
    each.name
    for each in (files("rollbook_services.policy") / "templates").iterdir()
    if each.name.endswith(".yaml")
)


def text_of(name: str) -> str:
    return (files("rollbook_services.policy") / "templates" / name).read_text()


SHOWN = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(), re.S | re.M)
DEMO = (files("rollbook_services.local.demo") / "policy.yaml").read_text()


def name_of(text: str) -> str:
    (name, *_) = re.findall(r"name: ([\w-]+)", text)
    return str(name)


@pytest.mark.parametrize("text", [*map(text_of, TEMPLATES), *SHOWN, DEMO], ids=name_of)
def test_a_policy_that_we_show_can_be_proposed(text: str) -> None:
    policy = read(text)
    assert isinstance(policy, Policy), policy
    assert lint(policy, Known(), as_of=AS_OF).errors == ()


def test_there_are_templates_and_the_guide_shows_a_policy() -> None:
    assert TEMPLATES == [
        "progressive.yaml",
        "regulated.yaml",
        "solo.yaml",
        "team.yaml",
    ]
    assert len(SHOWN) > 2


def keys_of(shape: type[BaseModel]) -> set[str]:
    """Return every key that may stand in a shape and in the shapes inside it."""
    kinds = {kind for field in shape.model_fields.values() for kind in inside(field)}
    deeper = (keys_of(kind) for kind in kinds)
    return {*shape.model_fields}.union(*deeper)


def inside(kind: Any) -> set[type[BaseModel]]:
    annotation = kind.annotation if isinstance(kind, FieldInfo) else kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {each for part in get_args(annotation) for each in inside(part)}


def test_the_guide_explains_every_key_of_a_change() -> None:
    told = GUIDE.read_text()
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", told))))
    shapes = (Strategy, Allowed, RollbackRule)
    keys = {key for shape in shapes for key in keys_of(shape)}
    assert {"waves", "pause", "samples_query", "or_when", "profile"} <= keys
    later = {"after_success"}  # only one word may be written so far
    assert keys - words - later == set()
    assert {*DriftPolicy, *Profile} <= words
    for placeholder in PLACEHOLDERS:
        assert f"`${placeholder}`" in told


def test_every_place_that_the_guide_points_to_is_there() -> None:
    told = GUIDE.read_text()
    titles = re.findall(r"^#+ (.+)$", told, re.M)
    places = {
        re.sub(r"[^a-z -]", "", each.lower()).replace(" ", "-") for each in titles
    }
    assert set(re.findall(r"\]\(#([a-z-]+)\)", told)) <= places


def test_the_guide_explains_every_kind_of_gate() -> None:
    told = GUIDE.read_text()
    for kind in declared():
        assert f"`{kind}`" in told, kind
