"""Does every template, and every policy that a document shows, hold as it stands?"""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from rollbook_services.policy.document import Policy
from rollbook_services.policy.gate import declared
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.lint.lint import lint
from rollbook_services.policy.reading import read
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


@pytest.mark.parametrize(
    "text", [*map(text_of, TEMPLATES), *SHOWN, DEMO], ids=lambda text: text[:30]
)
def test_a_policy_that_we_show_can_be_proposed(text: str) -> None:
    policy = read(text)
    assert isinstance(policy, Policy), policy
    assert lint(policy, Known(), as_of=AS_OF).errors == ()


def test_there_are_templates_and_the_guide_shows_a_policy() -> None:
    assert TEMPLATES == ["regulated.yaml", "solo.yaml", "team.yaml"]
    assert SHOWN


def test_the_guide_explains_every_kind_of_gate() -> None:
    told = GUIDE.read_text()
    for kind in declared():
        assert f"`{kind}`" in told, kind
