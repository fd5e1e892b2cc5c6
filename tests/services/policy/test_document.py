"""The built-in policy says what it says, and its sections are known by digest."""

import pytest
from pydantic import ValidationError

from rollbook.catalogue.parts import PromotionKind
from rollbook_services.policy.document import (
    BUILT_IN,
    DEFAULT_TARGET,
    DEVELOPMENT,
    PRODUCTION,
    REVIEWER,
    STAGING,
)
from rollbook_services.policy.gates.approvals import Approvals, Slot
from rollbook_services.policy.stage import After, Stage


def stage(name: str) -> Stage:
    (found,) = (each for each in BUILT_IN.stages if each.name == name)
    return found


def test_versions_pass_through_three_stages() -> None:
    assert BUILT_IN.names() == [DEVELOPMENT, STAGING, PRODUCTION]
    assert stage(DEVELOPMENT).targets == ()
    assert stage(STAGING).targets == ("default",)


def test_artifact_and_quarantine_come_first_and_the_lane_last() -> None:
    for each in BUILT_IN.stages:
        kinds = [gate.kind for gate in each.asked(PromotionKind.FORWARD)]
        assert kinds[:2] == ["artifact", "quarantine"]
        assert kinds[-1] == "lane"
    middle = [gate.kind for gate in stage(PRODUCTION).asked(PromotionKind.FORWARD)]
    assert middle[2:] == ["predecessor", "approvals", "freeze", "hold", "lane"]


def test_a_rollback_waits_for_nobody() -> None:
    kinds = [gate.kind for gate in stage(PRODUCTION).asked(PromotionKind.ROLLBACK)]
    assert kinds == ["artifact", "quarantine", "lane"]


def test_a_section_is_known_by_its_content() -> None:
    again = Stage(
        name=PRODUCTION,
        targets=(DEFAULT_TARGET,),
        after=After(stages=(STAGING,)),
        gates=(Approvals(slots=(Slot(role=REVIEWER),)),),
    )
    assert again.digest == stage(PRODUCTION).digest
    assert len({each.digest for each in BUILT_IN.stages}) == 3
    stricter = Stage(name=PRODUCTION, targets=(DEFAULT_TARGET,), gates=again.gates)
    assert stricter.digest != again.digest


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Approvals.model_validate({"slot": []})
    with pytest.raises(ValidationError):
        Approvals(slots=())
