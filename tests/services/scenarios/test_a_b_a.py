"""A version that was replaced comes back because somebody wants it, not by rollback."""

from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.catalogue.target import TargetApplied
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import AUTOMATIC, TWO_ROLES
from tests.services.scenarios.story import Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    CAROL,
    DAVE,
    PIPELINE,
    PRODUCTION,
    STAGING,
    evaluation,
    promote,
    roll_back,
)


def test_version_1_goes_live_again_after_version_2(story: Story) -> None:
    """Tuesday 1, Wednesday 2; on Thursday Carol asks for 1 again, and people agree."""
    # given
    story.rule(TWO_ROLES)
    story.model(versions=2)
    story.live(1)
    story.at("2026-11-24 11:00").live(1, PRODUCTION, OWNER, RISK)
    story.at("2026-11-25 09:00").live(2)
    story.at("2026-11-25 11:00").live(2, PRODUCTION, OWNER, RISK)
    # when
    story.at("2026-11-26 14:30")
    again = story.request(1, PRODUCTION, by=CAROL)
    # then
    asked = story.now.event(PromotionRequested)
    assert (asked.kind, asked.incumbent) == (PromotionKind.FORWARD, 2)
    assert story.state(again) == "GATING", "old approvals were for another day"
    # when
    story.approve(again, OWNER, RISK)
    story.dispatch(again).then(PromotionDispatched, SlotTaken, DesiredSet)
    story.later(minutes=2).apply(PRODUCTION).then(
        TargetApplied, PromotionSucceeded, SlotReleased, StableAdvanced
    )
    # then
    assert story.serves(PRODUCTION) == 1
    assert story.now.stack(PRODUCTION) == [2, 1], "1 stands there once"
    story.ask(promote(1, PRODUCTION), by=CAROL).then_refused(Why.ALREADY_THERE)


def test_a_rollback_from_there_walks_back_to_2_and_no_further(story: Story) -> None:
    """1, 2, 1: one step back is 2; a second one would come round to 1, and is no."""
    # given
    story.rule(TWO_ROLES)
    story.model(versions=2)
    for number in (1, 2, 1):
        story.later(hours=1).live(number)
    # when
    story.later(minutes=5).let(roll_back(STAGING), by=DAVE)
    story.later(minutes=1).apply(STAGING)
    # then
    assert (story.serves(STAGING), story.now.stack(STAGING)) == (2, [2])
    story.ask(roll_back(STAGING), by=DAVE).then_refused(Why.NOTHING_TO_ROLL_BACK_TO)


def test_automation_does_not_take_the_old_version_away_again(story: Story) -> None:
    """Automation brought 2; at night Carol wants 1 back, and it stays until morning."""
    # given
    story.rule(AUTOMATIC)
    story.model(versions=2)
    for number in (1, 2):
        story.later(minutes=10).let(evaluation(number), by=PIPELINE)
        story.consider()
        story.dispatch(story.newest)
        story.apply(STAGING)
    assert story.serves(STAGING) == 2
    # when
    story.at("2026-11-25 02:10")
    wanted = story.request(1, STAGING, by=CAROL)
    story.dispatch(wanted)
    story.later(minutes=1).apply(STAGING)
    # then
    assert story.now.event(LaneHeld).by_promotion == wanted
    story.at("2026-11-25 07:00").consider().then()
    assert story.serves(STAGING) == 1
