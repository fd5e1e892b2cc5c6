"""Who fills which slot is worked out anew with every vote: nobody's vote is wasted."""

from itertools import permutations
from typing import Final

import pytest

from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.access import LinkIdentity, RevokeToken
from rollbook.commands.approval import WithdrawVote
from rollbook.envelope import Actor
from rollbook.names import PromotionId, TokenId
from rollbook.refusals import Reason as Why
from rollbook.subjects import ACCESS
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.surroundings import Access
from tests.services.scenarios.rules import SIGN_OFF, TWO_ROLES, production
from tests.services.scenarios.story import WHY, Story
from tests.support.governed import BOTH, OWNER, RISK
from tests.support.scenario import BOB, FRAUD, PRODUCTION, approve
from tests.support.together import ADMIN

THREE_SEATS: Final = production(
    gates=[
        {
            **SIGN_OFF,
            "slots": [
                {"role": "model-owner"},
                {"role": "risk-officer"},
                {"role": "reviewer"},
            ],
        }
    ]
)


def asked(story: Story, rules: Policy = TWO_ROLES) -> int:
    """Version 1 succeeded in staging and is asked for in production."""
    story.rule(rules)
    story.model(versions=1)
    story.live(1)
    return story.request(1, PRODUCTION)


@pytest.mark.parametrize("last", [OWNER, RISK])
def test_whoever_can_fill_both_slots_makes_room(story: Story, last: Actor) -> None:
    """M is owner and risk-officer and votes first, at 10:00.

    A greedy rule seats M as owner for good; then the owner's vote at 11:00 finds its
    seat taken, and the promotion waits for ever. Here M moves over.
    """
    # given
    number = asked(story)
    story.at("2026-11-24 10:00").approve(number, BOTH)
    assert story.state(number) == "GATING"
    # when
    story.at("2026-11-24 11:00").approve(number, last)
    # then
    assert story.state(number) == "READY"
    voters = story.dispatch(number).event(PromotionDispatched).voters
    assert {each.who for each in voters} == {BOTH.id, last.id}


@pytest.mark.parametrize("order", list(permutations((BOTH, OWNER, BOB))))
def test_three_seats_are_filled_in_whatever_order_people_vote(
    story: Story, order: tuple[Actor, ...]
) -> None:
    """Owner, risk-officer and reviewer: of six orders greedy rules miss some."""
    number = asked(story, THREE_SEATS)
    for who in order:
        assert story.state(number) == "GATING"
        story.later(minutes=5).approve(number, who)
    assert story.state(number) == "READY"


def test_two_accounts_of_one_person_are_one_vote(story: Story) -> None:
    """The owner turns out to be the risk-officer too: one person fills one seat.

    The link comes after both votes; at dispatch it counts all the same.
    """
    # given
    number = asked(story)
    story.later(minutes=5).approve(number, OWNER, RISK)
    assert story.state(number) == "READY"
    # when
    link = LinkIdentity(principals=(OWNER.id, RISK.id), reason=WHY)
    story.later(minutes=5).let(link, by=ADMIN)
    story.dispatch(number)
    # then
    assert story.state(number) == "GATING"
    again = story.later(minutes=5).ask(approve(number, story.now), by=RISK)
    again.then_refused(Why.ALREADY_VOTED)
    story.later(minutes=5).approve(number, BOTH)
    assert story.state(number) == "READY"


def test_who_lost_the_role_is_not_counted_when_it_goes(story: Story) -> None:
    """Both have voted; the owner leaves at noon, and a seat is empty at dispatch."""
    # given
    number = asked(story)
    story.later(minutes=5).approve(number, OWNER, RISK)
    # when
    left = RevokeToken(token=token_of(story, OWNER), reason=WHY)
    story.at("2026-11-24 12:00").let(left, by=ADMIN)
    then = story.dispatch(number)
    # then
    assert story.state(number) == "GATING"
    assert then.words()["sign-off"].values == {"roles": "model-owner"}
    story.later(minutes=5).approve(number, BOTH)
    assert story.state(number) == "READY"


def test_a_vote_that_is_taken_back_leaves_its_seat(story: Story) -> None:
    """The risk-officer has second thoughts a minute before the conductor comes."""
    number = asked(story)
    story.later(minutes=5).approve(number, OWNER, RISK)
    withdraw = WithdrawVote(model=FRAUD, promotion=PromotionId(number))
    story.later(minutes=5).let(withdraw, by=RISK)
    assert story.state(number) == "GATING"
    story.ask(withdraw, by=RISK).then_refused(Why.NOT_VOTED)


def token_of(story: Story, actor: Actor) -> TokenId:
    """Find the token that somebody holds."""
    tokens = story.world.known(ACCESS, Access).tokens.items()
    return next(id_ for id_, each in tokens if each.principal == actor.id)
