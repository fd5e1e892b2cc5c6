"""What fails by itself is taken back by itself; what a person decided is not."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionFailed,
    PromotionPaused,
    PromotionRequested,
    PromotionResumed,
    RollbackTriggered,
)
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.promotion import (
    AbortPromotion,
    PausePromotion,
    RecordAnalysis,
    ResumePromotion,
)
from rollbook.names import PromotionId
from tests.services.scenarios.rules import STAGING_SPEC, policy
from tests.services.scenarios.story import WHY, Story
from tests.support.scenario import CAROL, DAVE, FRAUD, PIPELINE, STAGING, roll_back

WATCHED: Final[dict[str, Any]] = {
    **STAGING_SPEC,
    "rollback": {"when": ["failed"]},
    "strategy": {
        "all_at_once": {
            "bake": "1h",
            "analysis": [
                {
                    "metric": "error_rate",
                    "expr": "value < 0.01",
                    "min_samples": 100,
                    "failure_limit": 2,
                    "on_missing": "pause",
                }
            ],
        }
    },
}


@pytest.fixture
def baking(story: Story) -> Story:
    """1 runs and has proved itself; 2 was applied at 12:00 and bakes for an hour."""
    story.rule(policy(WATCHED))
    story.model(versions=3)
    story.request(1, STAGING)
    story.dispatch(1)
    story.apply(STAGING)
    measured(story, 0.001)
    story.at("2026-11-24 11:00").wake(1)
    assert story.state(1) == "SUCCEEDED"
    story.at("2026-11-24 11:58").request(2, STAGING)
    story.dispatch(2)
    story.at("2026-11-24 12:00").apply(STAGING)
    return story


def measured(story: Story, value: float, samples: int = 500) -> None:
    """Let the pipeline record what it measured in five minutes."""
    since = story.time
    story.later(minutes=5).let(
        RecordAnalysis(
            model=FRAUD,
            promotion=PromotionId(story.newest),
            metrics={"candidate": {"error_rate": value}},
            samples=samples,
            from_at=since,
            until_at=story.time,
        ),
        by=PIPELINE,
    )


def taken_back(story: Story) -> Mapping[int, int]:
    """Say which promotions were taken back, and to which version."""
    return {each.failed_promotion: each.to for each in story.said(RollbackTriggered)}


def test_two_bad_readings_take_it_back_in_the_same_moment(baking: Story) -> None:
    """12:05 and 12:10 are bad: at 12:10 version 1 is desired again, and all is held."""
    # when
    measured(baking, 0.4)
    assert baking.state(2) == "VERIFYING"
    measured(baking, 0.5)
    # then
    failed = baking.now.event(PromotionFailed)
    assert (failed.promotion, failed.reason_code) == (2, "analysis_breached")
    trigger = baking.now.event(RollbackTriggered)
    assert (trigger.failed_promotion, trigger.to) == (2, 1)
    assert trigger.inputs == failed.inputs
    asked = baking.now.event(PromotionRequested)
    assert (asked.kind, asked.automatic) == (PromotionKind.ROLLBACK, True)
    assert baking.serves(STAGING) == 1
    assert baking.lane(STAGING).hold is not None


def test_a_rollback_that_fails_too_is_left_to_people(baking: Story) -> None:
    """Version 1 cannot be loaded any more: nothing goes round in circles."""
    baking.later(minutes=1).fail(STAGING)
    baking.later(minutes=1).fail(STAGING)
    assert taken_back(baking) == {2: 1}
    assert [baking.state(each) for each in (1, 2, 3)] == [
        "SUCCEEDED",
        "FAILED",
        "FAILED",
    ]
    assert baking.lane(STAGING).hold is not None


def test_nothing_is_taken_back_twice_until_somebody_releases_the_lane(
    baking: Story,
) -> None:
    """After 2 was taken back Carol tries 3 over the hold; when it fails, it stays.

    Once she has released the hold, the next failure is taken back again.
    """
    # given
    baking.later(minutes=1).fail(STAGING)
    baking.later(minutes=1).apply(STAGING)
    assert baking.state(3) == "SUCCEEDED", "going back has nothing to prove"
    hold = baking.lane(STAGING).hold
    assert hold is not None
    # when
    tried = baking.request(3, STAGING, by=CAROL, acknowledge_hold=hold.id)
    baking.dispatch(tried)
    baking.later(minutes=1).fail(STAGING)
    # then
    assert taken_back(baking) == {2: 1}
    # when
    release = ReleaseHold(model=FRAUD, stage=STAGING, hold=hold.id, reason=WHY)
    baking.later(minutes=1).let(release, by=CAROL)
    again = baking.request(3, STAGING, by=CAROL, retry_of=tried)
    baking.dispatch(again)
    baking.later(minutes=1).fail(STAGING)
    # then
    assert taken_back(baking) == {2: 1, again: 1}


def test_nobody_overrules_dave_who_paused_to_look(baking: Story) -> None:
    """12:02 Dave pauses; the readings go bad while he looks: it fails, and stays."""
    pause = PausePromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    baking.at("2026-11-24 12:02").let(pause, by=DAVE)
    measured(baking, 0.4)
    measured(baking, 0.5)
    assert baking.state(2) == "FAILED"
    assert taken_back(baking) == {}
    # when he has decided
    baking.later(minutes=1).let(roll_back(STAGING), by=DAVE)
    assert baking.serves(STAGING) == 1


def test_nobody_overrules_carol_who_stopped_it(baking: Story) -> None:
    """She aborts at 12:02 and wants to see the machines as they are."""
    abort = AbortPromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    baking.at("2026-11-24 12:02").let(abort, by=CAROL)
    assert baking.state(2) == "ABORTED"
    assert taken_back(baking) == {}
    assert baking.serves(STAGING) == 2


def test_nobody_overrules_what_dave_accepted(baking: Story) -> None:
    """12:05 is bad; Dave knows why and accepts the metric; 12:15 and 12:20 are too.

    He had to stop it to say so. It goes on, and succeeds when the bake is over.
    """
    # given
    measured(baking, 0.4)
    pause = PausePromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    baking.at("2026-11-24 12:08").let(pause, by=DAVE)
    accept = ResumePromotion(
        model=FRAUD, promotion=PromotionId(2), accept=("error_rate",), reason=WHY
    )
    baking.at("2026-11-24 12:10").let(accept, by=DAVE)
    assert baking.now.event(PromotionResumed).accepted == ("error_rate",)
    # when
    measured(baking, 0.5)
    measured(baking, 0.5)
    # then
    assert baking.state(2) == "VERIFYING"
    baking.at("2026-11-24 13:00").wake(2)
    assert baking.state(2) == "SUCCEEDED"
    assert taken_back(baking) == {}


def test_too_little_traffic_asks_a_person_and_takes_nothing_back(
    baking: Story,
) -> None:
    """By 13:00 there were 20 samples: it stands still until Dave has looked."""
    measured(baking, 0.4, samples=20)
    paused = baking.at("2026-11-24 13:00").wake(2).event(PromotionPaused)
    assert "error_rate" in paused.reason
    accept = ResumePromotion(
        model=FRAUD, promotion=PromotionId(2), accept=("error_rate",), reason=WHY
    )
    baking.at("2026-11-24 13:20").let(accept, by=DAVE)
    assert baking.state(2) == "SUCCEEDED"
    assert taken_back(baking) == {}


def test_nobody_overrules_a_lane_that_is_held(baking: Story) -> None:
    """Dave holds staging before 2 fails: whatever happens there, he decides."""
    hold = PlaceHold(model=FRAUD, stage=STAGING, reason=WHY)
    baking.at("2026-11-24 12:01").let(hold, by=DAVE)
    baking.later(minutes=1).fail(STAGING)
    assert baking.state(2) == "FAILED"
    assert taken_back(baking) == {}


def test_what_is_the_platform_s_fault_is_not_taken_back_here(baking: Story) -> None:
    """The policy names `failed` alone: a machine that is away says nothing of 2."""
    baking.later(minutes=1).fail(STAGING, "unreachable")
    assert baking.state(2) == "ERRORED"
    assert taken_back(baking) == {}
