"""Several people want one lane at the same time: one wins, and the others are told."""

import pytest

from rollbook.catalogue.lane import DesiredSet, SlotTaken
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionRebased,
    PromotionSuperseded,
)
from rollbook.envelope import Actor
from rollbook.refusals import Reason as Why
from rollbook_services.policy.document import Policy
from tests.services.scenarios.rules import SIGN_OFF, TWO_ROLES, production
from tests.services.scenarios.story import Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import ALICE, CAROL, DAVE, PIPELINE, PRODUCTION, promote

FIRST_COME: Policy = production(gates=[SIGN_OFF], queue="fifo", on_rebase="revalidate")


def racing(story: Story, rules: Policy) -> tuple[int, int]:
    """1 runs; Carol's 3 and then Alice's 2 were asked for over it, and are ready."""
    story.rule(rules)
    story.model(versions=3)
    story.live(1)
    story.live(1, PRODUCTION, OWNER, RISK)
    for number in (2, 3):
        story.later(hours=1).live(number)
    story.at("2026-11-25 10:00")
    three = story.request(3, PRODUCTION, by=CAROL, expected_incumbent=1)
    story.later(minutes=5).approve(three, OWNER, RISK)
    two = story.request(2, PRODUCTION, by=ALICE, expected_incumbent=1)
    story.later(minutes=5).approve(two, OWNER, RISK)
    assert (story.state(three), story.state(two)) == ("READY", "READY")
    return three, two


def test_of_two_that_are_ready_the_first_takes_the_slot(story: Story) -> None:
    """Two conductors send both dispatches at 10:30: one lane changes, once."""
    # given
    three, two = racing(story, TWO_ROLES)
    # when
    story.at("2026-11-25 10:30")
    won = story.dispatch(three)
    lost = story.dispatch(two)
    # then
    assert won.event(SlotTaken).promotion == three
    ended = won.event(PromotionSuperseded)
    assert (ended.promotion, ended.superseded_by) == (two, three)
    lost.then_refused(Why.NOT_OPEN, state="SUPERSEDED")
    assert two not in [each.promotion for each in story.said(DesiredSet)]


def test_the_loser_is_judged_against_the_winner_where_the_policy_says_so(
    story: Story,
) -> None:
    """2 waits while 3 moves, is voted on again, and goes over 3 as soon as it is in."""
    # given
    three, two = racing(story, FIRST_COME)
    # when
    won = story.at("2026-11-25 10:30").dispatch(three)
    # then
    rebased = won.event(PromotionRebased)
    assert (rebased.promotion, rebased.from_version, rebased.to_version) == (two, 1, 3)
    assert len(rebased.voided) == 2, "people had agreed to 2 over 1"
    story.later(minutes=1).approve(two, OWNER, RISK)
    assert story.state(two) == "GATING", "the slot is taken"
    story.dispatch(two).then_refused(Why.SLOT_TAKEN, promotion=three)
    # when
    story.later(minutes=1).apply(PRODUCTION)
    # then
    assert story.state(two) == "READY"
    assert story.dispatch(two).event(PromotionDispatched).token == 3


def test_who_asks_too_late_is_told_who_was_first(story: Story) -> None:
    """Dave still looks at the page of 10:25, where 1 runs, and asks at 10:31."""
    # given
    three, _ = racing(story, TWO_ROLES)
    story.at("2026-11-25 10:30").dispatch(three)
    # when
    late = story.at("2026-11-25 10:31").ask(
        promote(2, PRODUCTION, expected_incumbent=1), by=DAVE
    )
    # then
    late.then_refused(
        Why.INCUMBENT_CHANGED, expected=1, actual=3, promotion=three, by=CAROL.id
    )


@pytest.mark.parametrize("who", [PIPELINE, CAROL])
def test_the_same_wish_twice_is_one(story: Story, who: Actor) -> None:
    """Whoever asks for what is asked for already is shown the first promotion."""
    story.rule(TWO_ROLES)
    story.model(versions=1)
    story.live(1)
    number = story.request(1, PRODUCTION)
    again = story.later(seconds=1).ask(promote(1, PRODUCTION), by=who)
    again.then_refused(Why.DUPLICATE_REQUEST, promotion=number)
