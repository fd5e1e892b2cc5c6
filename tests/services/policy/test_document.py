"""The built-in policy says what it says, and its sections are known by digest."""

import pytest
from pydantic import ValidationError

from rollbook.catalogue.parts import PromotionKind
from rollbook.names import RoleName, TargetName
from rollbook_services.policy.document import (
    BUILT_IN,
    DEVELOPMENT,
    PRODUCTION,
    STAGING,
    Stage,
    stage_digest,
)
from rollbook_services.policy.gates.approvals import Approvals, Slot
from rollbook_services.policy.gates.predecessor import Predecessor


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
    assert middle[2:-2] == ["predecessor", "approvals"]


def test_a_rollback_waits_for_nobody() -> None:
    kinds = [gate.kind for gate in stage(PRODUCTION).asked(PromotionKind.ROLLBACK)]
    assert kinds == ["artifact", "quarantine", "lane"]


def test_a_section_is_known_by_its_content() -> None:
    again = Stage(
        PRODUCTION,
        (TargetName("default"),),
        (
            Predecessor(after=(STAGING,)),
            Approvals(slots=(Slot(role=RoleName("reviewer")),)),
        ),
    )
    assert stage_digest(again) == stage_digest(stage(PRODUCTION))
    assert len({stage_digest(each) for each in BUILT_IN.stages}) == 3
    stricter = Stage(PRODUCTION, again.targets, again.gates[:1])
    assert stage_digest(stricter) != stage_digest(again)


def test_a_misspelt_setting_is_an_error() -> None:
    with pytest.raises(ValidationError):
        Approvals.model_validate({"slot": []})
    with pytest.raises(ValidationError):
        Approvals(slots=())
