"""A document means the same for ever: what nobody writes changes no digest."""

from importlib.resources import files
from typing import Any, Final

import pytest

from rollbook_services.policy.document import BUILT_IN, Policy
from rollbook_services.policy.reading import read
from tests.services.policy.written import (
    BY_STEPS,
    EXAMPLE,
    analysis,
    canary,
    policy,
    stage,
)

# As they were in the release that knew one step for all targets, votes are bound to.
RECORD: Final = (
    "sha256:ff6e1b5786f1ea92aa05b26831b0b6c677e7cf44ee9048b91b93e59b078602dc"
)
SERVED: Final = (
    "sha256:228517d650f3a2c8c47fc86be4f57f3d736def4b2409164995ac69ee1d005400"
)
BEFORE: Final = {
    "built-in": {
        "development": RECORD,
        "staging": SERVED,
        "production": (
            "sha256:f9076278ee44ad85bdc6b79581117e96d9cc9c75facc0fe2e4218872165d0236"
        ),
    },
    "solo": {
        "development": RECORD,
        "staging": SERVED,
        "production": (
            "sha256:5a40bd7ff25a660bb99f8a626e1fbb75af502945e3e5f8cd5e8c9481cdba8117"
        ),
    },
    "team": {
        "development": RECORD,
        "staging": SERVED,
        "production": (
            "sha256:b1906062962f94bad084f6d65359e6ff5430f4353345d3810f26a2bedc422aad"
        ),
    },
    "regulated": {
        "development": (
            "sha256:af55b059a544caeb6c0476a239a64eb900fee95ede9b520c73d822c13aeebe99"
        ),
        "staging": (
            "sha256:0cf679040ef14a47b88a7b9a844f042abcec1347db02abb4d838af9fafb9972b"
        ),
        "production": (
            "sha256:0fdd20c2077cf4afebf8ded49317ccd50f3324a8b0df894b35659620a10c4abc"
        ),
    },
    "tier1-online": {
        "staging": (
            "sha256:9d5c75a2ecc2fbfdea7c0bd550952b15cf2caa763133aba497450c0628cc6d15"
        ),
        "prod": (
            "sha256:e8a84a61e392469e01562d8ce61eba71b544546ccf663e4d659e712384ae3964"
        ),
    },
}


def known_as(name: str) -> Policy:
    if name == "built-in":
        return BUILT_IN
    folder = files("rollbook_services.policy") / "templates"
    written = (
        EXAMPLE if name == "tier1-online" else (folder / f"{name}.yaml").read_text()
    )
    rules = read(written)
    assert isinstance(rules, Policy)
    return rules


@pytest.mark.parametrize("name", BEFORE)
def test_rules_that_use_nothing_new_keep_their_digests(name: str) -> None:
    rules = known_as(name)
    assert {stage.name: stage.digest for stage in rules.stages} == BEFORE[name]


def test_rules_that_use_all_there_is_keep_theirs_from_now_on() -> None:
    rules = read(BY_STEPS)
    assert isinstance(rules, Policy)
    assert {stage.name: stage.digest for stage in rules.stages} == {
        "staging": (
            "sha256:4d3abce36bd30faab71c130250e7cdfdc2e108eb0c35b9ee86f13612b01875ed"
        ),
        "shadow": (
            "sha256:907049ee9da98c8a1a29d522cf209e0f934b0e17db2b1db73edef21965e2e6e7"
        ),
        "rival": (
            "sha256:84c26af92132612fac6dc963d99c9c1efb7d3b98870cd855a26b544ae8e4c39f"
        ),
        "prod": (
            "sha256:8088d9a7bf448c22066d80bdad07fc3637e729603d18ed566a12484e3c2834f9"
        ),
    }


PLAIN: Final[dict[str, Any]] = {"strategy": canary(analysis=[analysis(query="up")])}


@pytest.mark.parametrize(
    "said",
    [
        {"drift": "correct"},
        {"beside": "staging"},
        {"rollback": {"profile": "same"}},
        {"strategy": canary(analysis=[analysis(query="up", every="2m")])},
        {"strategy": canary(analysis=[analysis(query="up", samples_query="up")])},
        {"strategy": canary(analysis=[analysis()])},
        {"strategy": canary({"weight": 100}, analysis=[analysis(query="up")])},
        {"strategy": canary(waves=[["eu"]], analysis=[analysis(query="up")])},
    ],
)
def test_whoever_writes_a_new_key_writes_other_rules(said: dict[str, Any]) -> None:
    (before,) = policy(stage(**PLAIN)).stages
    (after,) = policy(stage(**{**PLAIN, **said})).stages
    assert before.digest != after.digest


def test_what_is_the_default_may_be_written() -> None:
    said: dict[str, Any] = {
        "drift": "alert",
        "rollback": {"profile": "fast"},
        "beside": None,
    }
    (silent,) = policy(stage(**PLAIN)).stages
    (spoken,) = policy(stage(**PLAIN, **said)).stages
    assert silent.digest == spoken.digest
