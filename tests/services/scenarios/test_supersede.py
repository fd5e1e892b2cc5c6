"""A promotion that another one made pointless ends, and its open votes with it."""

import pytest

from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.commands.approval import WithdrawVote
from rollbook.commands.promotion import EvaluatePromotion
from rollbook.names import PromotionId
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import SIGN_OFF, TWO_ROLES, production
from tests.services.scenarios.story import Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    ALICE,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PRODUCTION,
    STAGING,
    approve,
    reject,
    roll_back,
)


@pytest.fixture
def queue(story: Story) -> Story:
    """1 runs; on Wednesday 2, 3 and 4 are asked for, as promotions 6, 7 and 8."""
    story.rule(TWO_ROLES)
    story.model(versions=4)
    story.live(1)
    story.live(1, PRODUCTION, OWNER, RISK)
    for number in (2, 3, 4):
        story.later(hours=1).live(number)
    story.at("2026-11-25 09:00")
    for number in (2, 3, 4):
        story.later(minutes=1).request(number, PRODUCTION)
    return story


def ended(story: Story) -> dict[int, tuple[str, int]]:
    """Say which promotions were superseded, with which code, by which."""
    return {
        each.promotion: (each.reason_code, each.superseded_by)
        for each in story.said(PromotionSuperseded)
    }


def test_a_newer_one_that_is_ready_ends_the_older_ones(queue: Story) -> None:
    """3 is ready at 10:00: nobody needs to agree to 2 any more; 4 goes on waiting."""
    # given
    queue.at("2026-11-25 09:30").approve(6, OWNER)
    seen = queue.now
    # when
    then = queue.at("2026-11-25 10:00").approve(7, OWNER, RISK)
    # then
    assert then.event(PromotionReadied).promotion == 7
    assert ended(queue) == {6: ("newer_ready", 7)}
    assert queue.state(8) == "GATING"
    vote = approve(6, seen)
    queue.ask(vote, by=RISK).then_refused(Why.NOT_OPEN, state="SUPERSEDED")
    queue.ask(reject(6, seen), by=RISK).then_refused(Why.NOT_OPEN)
    withdraw = WithdrawVote(model=FRAUD, promotion=PromotionId(6))
    queue.ask(withdraw, by=OWNER).then_refused(Why.NOT_OPEN)


def test_the_one_that_goes_ends_all_that_were_asked_for_over_the_same(
    queue: Story,
) -> None:
    """3 is dispatched: 4 was asked for over 1, which runs no more."""
    # given
    queue.at("2026-11-25 10:00").approve(7, OWNER, RISK)
    # when
    queue.at("2026-11-25 10:05").dispatch(7).event(PromotionDispatched)
    # then
    assert ended(queue) == {6: ("newer_ready", 7), 8: ("incumbent_changed", 7)}
    assert queue.now.model.open == (7,)


def test_who_was_too_late_asks_again_over_what_runs_now(queue: Story) -> None:
    """4 is asked for again, names the first attempt, and starts with no votes."""
    # given
    queue.at("2026-11-25 09:30").approve(8, OWNER)
    queue.at("2026-11-25 10:00").approve(7, OWNER, RISK)
    queue.dispatch(7)
    queue.later(minutes=1).apply(PRODUCTION)
    # when
    again = queue.later(minutes=1).request(4, PRODUCTION, by=ALICE, retry_of=8)
    # then
    asked = queue.now.event(PromotionRequested)
    assert (asked.incumbent, asked.retry_of) == (3, 8)
    assert queue.now.promotion(again).votes == ()


def test_a_dispatch_that_fails_brings_nobody_back(queue: Story) -> None:
    """3 fails a minute later: what it superseded stays ended, terminal is terminal."""
    queue.at("2026-11-25 10:00").approve(7, OWNER, RISK)
    queue.dispatch(7)
    queue.later(minutes=1).fail(PRODUCTION)
    assert (queue.state(6), queue.state(8)) == ("SUPERSEDED", "SUPERSEDED")
    wake = EvaluatePromotion(model=FRAUD, promotion=PromotionId(8))
    queue.ask(wake, by=CONDUCTOR).then_refused(Why.NOT_OPEN)


def test_a_rollback_ends_what_waits_and_is_ended_by_nothing_that_waits(
    queue: Story,
) -> None:
    """In staging 4 runs; Dave goes back to 3, and a waiting 1 for staging ends."""
    # given
    waiting = queue.request(1, STAGING)
    assert queue.state(waiting) == "READY"
    # when
    then = queue.let(roll_back(STAGING), by=DAVE)
    # then
    assert then.event(DesiredSet).variants["stable"].version == 3
    assert ended(queue)[waiting] == ("incumbent_changed", queue.newest)


def test_where_the_queue_is_first_come_first_served_nobody_is_overtaken(
    story: Story,
) -> None:
    """Under `fifo` both are ready, the older version too, and both go in turn."""
    rules = production(
        gates=[{**SIGN_OFF, "survive_rebase": True}],
        queue="fifo",
        on_rebase="revalidate",
    )
    story.rule(rules)
    story.model(versions=2)
    for number in (1, 2):
        story.live(number)
    older, newer = story.request(1, PRODUCTION), story.request(2, PRODUCTION)
    for number in (newer, older):
        story.later(minutes=1).approve(number, OWNER, RISK)
    assert ended(story) == {}
    for number in (newer, older):
        story.dispatch(number).event(PromotionDispatched)
        story.later(minutes=1).apply(PRODUCTION)
    assert story.serves(PRODUCTION) == 1
