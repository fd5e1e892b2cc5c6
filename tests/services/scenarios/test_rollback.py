"""Rollbacks walk back, one version at a time, and never toggle."""

import pytest

from rollbook.catalogue.lane import DesiredSet, LaneHeld, SlotReleased, SlotTaken
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.commands.lane import ReleaseHold
from rollbook.commands.target import ReportedState
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import TWO_ROLES
from tests.services.scenarios.story import WHY, Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    CAROL,
    DAVE,
    FRAUD,
    PRODUCTION,
    agent,
    promote,
    report,
    roll_back,
)


@pytest.fixture
def at_night(story: Story) -> Story:
    """Versions 1, 2 and 3 were live in production; at 02:00 version 4 has failed."""
    story.rule(TWO_ROLES)
    story.model(versions=5)
    for number in (1, 2, 3):
        story.later(hours=1).live(number)
        story.later(hours=1).live(number, PRODUCTION, OWNER, RISK)
    story.at("2026-11-25 01:30").live(4)
    bad = story.request(4, PRODUCTION)
    story.approve(bad, OWNER, RISK)
    story.dispatch(bad)
    story.at("2026-11-25 02:00").fail(PRODUCTION, "health_failed")
    assert story.state(bad) == "FAILED"
    return story


def back(story: Story) -> int:
    """Let Dave roll back, and the agent follow a minute later."""
    story.later(minutes=1).let(roll_back(PRODUCTION), by=DAVE)
    story.later(minutes=1).apply(PRODUCTION).event(PromotionSucceeded)
    reached = story.serves(PRODUCTION)
    assert reached is not None
    return reached


def test_dave_goes_back_at_once_and_the_lane_is_held(at_night: Story) -> None:
    """Neither approvals nor a conductor are asked: request and dispatch are one."""
    # when
    then = at_night.later(minutes=1).let(roll_back(PRODUCTION), by=DAVE)
    # then
    then.then(
        PromotionRequested,
        LaneHeld,
        PromotionReadied,
        PromotionDispatched,
        SlotTaken,
        DesiredSet,
    )
    assert then.event(DesiredSet).variants["stable"].version == 3
    gates = {each.gate for each in then.event(PromotionDispatched).gates}
    assert gates == {"artifact", "quarantine", "lane"}


def test_one_rollback_after_the_other_reaches_older_versions(at_night: Story) -> None:
    """4 failed: back to 3, to 2, to 1; then there is nothing left, and it says why."""
    assert [back(at_night) for _ in range(3)] == [3, 2, 1]
    last = at_night.later(minutes=1).ask(roll_back(PRODUCTION), by=DAVE)
    last.then_refused(Why.NOTHING_TO_ROLL_BACK_TO)
    assert at_night.serves(PRODUCTION) == 1


def test_forward_again_after_two_rollbacks(at_night: Story) -> None:
    """In the morning 5 goes on top of 2; a rollback from there is to 2, not to 3."""
    # given
    assert [back(at_night), back(at_night)] == [3, 2]
    hold = at_night.lane(PRODUCTION).hold
    assert hold is not None
    # when
    at_night.at("2026-11-25 09:00").live(5)
    at_night.ask(promote(5, PRODUCTION), by=CAROL).then_refused(Why.LANE_HELD)
    number = at_night.request(5, PRODUCTION, by=CAROL, acknowledge_hold=hold.id)
    at_night.approve(number, OWNER, RISK)
    at_night.dispatch(number)
    at_night.later(minutes=1).apply(PRODUCTION)
    # then
    assert at_night.now.stack(PRODUCTION) == [1, 2, 5]
    assert back(at_night) == 2


def test_what_was_rolled_back_may_come_again_and_is_judged_anew(
    at_night: Story,
) -> None:
    """3 was taken back by mistake: Carol releases the hold and asks for it again."""
    # given
    assert [back(at_night), back(at_night)] == [3, 2]
    hold = at_night.lane(PRODUCTION).hold
    assert hold is not None
    release = ReleaseHold(model=FRAUD, stage=PRODUCTION, hold=hold.id, reason=WHY)
    at_night.at("2026-11-25 08:00").let(release, by=CAROL)
    # when
    number = at_night.live(3, PRODUCTION, OWNER, RISK)
    # then
    assert at_night.state(number) == "SUCCEEDED"
    assert at_night.now.stack(PRODUCTION) == [1, 2, 3]


def test_a_change_that_is_under_way_makes_way_and_reports_too_late(
    story: Story,
) -> None:
    """3 is only half there when Dave goes back: its agent's late word changes nothing.

    The rollback's target is what proved itself last, which is 2.
    """
    # given
    story.rule(TWO_ROLES)
    story.model(versions=3)
    for number in (1, 2):
        story.later(hours=1).live(number)
        story.live(number, PRODUCTION, OWNER, RISK)
    story.later(hours=1).live(3)
    half = story.request(3, PRODUCTION)
    story.approve(half, OWNER, RISK)
    story.dispatch(half)
    late = report(story.now, PRODUCTION, ReportedState.APPLIED)
    # when
    then = story.later(minutes=2).let(roll_back(PRODUCTION), by=DAVE)
    # then
    then.then(
        PromotionRequested,
        LaneHeld,
        PromotionAborted,
        SlotReleased,
        PromotionReadied,
        PromotionDispatched,
        SlotTaken,
        DesiredSet,
    )
    assert then.event(PromotionAborted).by_promotion == story.newest
    assert story.serves(PRODUCTION) == 2
    told = story.later(minutes=1).ask(late, by=agent(PRODUCTION))
    told.then_refused(Why.STALE_TOKEN)
