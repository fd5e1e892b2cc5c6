"""Silence never approves: what nobody opened in time ends, however late one looks."""

import pytest

from rollbook.catalogue.approval import ApprovalRefused, Vote
from rollbook.catalogue.lane import LaneReleased
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    PromotionCancelled,
    PromotionExpired,
    PromotionReadied,
)
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.promotion import CancelPromotion
from rollbook.names import PromotionId
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import (
    QUALITY,
    SIGN_OFF,
    STAGING_SPEC,
    policy,
    production,
)
from tests.services.scenarios.story import WHY, Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    approve,
    evaluation,
    promote,
    reject,
    roll_back,
)

DUE: str = "2026-11-27 10:00"


@pytest.fixture
def unattended(story: Story) -> Story:
    """Asked for on Tuesday 10:00, for three days; one of two people has voted."""
    story.rule(production(gates=[SIGN_OFF], expires_after="3d"))
    story.model(versions=1)
    story.live(1)
    story.at("2026-11-24 10:00").request(1, PRODUCTION)
    story.approve(2, OWNER)
    return story


def test_its_time_is_over_at_the_instant_and_not_before(unattended: Story) -> None:
    """The conductor's clock is a second ahead: it is told when to come again."""
    early = unattended.at("2026-11-27 09:59:59.999").expire(2)
    early.then_refused(Why.NOT_DUE, at="2026-11-27T10:00:00.000+00:00")
    then = unattended.at(DUE).expire(2)
    assert then.event(PromotionExpired).expires_at == unattended.time


def test_everything_was_down_for_days_and_then_the_conductor_asks(
    unattended: Story,
) -> None:
    """Down from Thursday to Tuesday: it ends with the time at which it was due."""
    # when
    then = unattended.at("2026-12-01 08:00").expire(2)
    # then
    ended = then.event(PromotionExpired)
    assert ended.expires_at == unattended.now.promotion(2).expires_at
    assert ended.expires_at < unattended.time
    assert unattended.state(2) == "EXPIRED"
    unattended.expire(2).then_refused(Why.NOT_OPEN, state="EXPIRED")


def test_everything_was_down_for_days_and_a_vote_arrives_first(
    unattended: Story,
) -> None:
    """On Tuesday the risk-officer opens an old tab before the conductor is up again.

    The vote does not open the gate: it finds the promotion over, and that is noted.
    """
    # given
    page = unattended.now
    # when
    late = unattended.at("2026-12-01 07:59").ask(approve(2, page), by=RISK)
    # then
    late.then_refused(Why.NOT_OPEN, state="EXPIRED")
    new = [type(each.event) for each in unattended.world.placed]
    assert new == [PromotionExpired, ApprovalRefused]
    noted = unattended.said(ApprovalRefused)[-1]
    assert (noted.vote, noted.reason_code) == (Vote.APPROVE, "not_open")
    assert unattended.said(PromotionReadied)[-1].promotion == 1
    # when the conductor comes
    unattended.at("2026-12-01 08:00").expire(2).then_refused(Why.NOT_OPEN)


@pytest.mark.parametrize("kind", ["evaluation", "rejection", "dispatch", "wake"])
def test_whatever_is_asked_first_ends_it(unattended: Story, kind: str) -> None:
    """Whoever comes first after the end sees to it that it has ended."""
    page = unattended.now
    unattended.at("2026-12-01 07:00")
    match kind:
        case "evaluation":
            unattended.let(evaluation(1), by=PIPELINE)
        case "rejection":
            unattended.ask(reject(2, page), by=RISK)
        case "dispatch":
            unattended.dispatch(2).then_refused(Why.NOT_READY)
            unattended.expire(2)
        case _:
            unattended.wake(2)
    assert unattended.state(2) == "EXPIRED"


def test_ready_and_forgotten_is_over_too(unattended: Story) -> None:
    """Both have agreed, and the conductor comes too late by a second."""
    unattended.at("2026-11-27 09:00").approve(2, RISK)
    assert unattended.state(2) == "READY"
    unattended.at("2026-11-27 10:00:01").dispatch(2).event(PromotionExpired)
    assert unattended.serves(PRODUCTION) is None


def test_the_same_version_may_be_asked_for_again(unattended: Story) -> None:
    """A new promotion has three days of its own, and needs both votes anew."""
    unattended.at("2026-12-01 08:00").expire(2)
    again = unattended.request(1, PRODUCTION, retry_of=2)
    assert unattended.now.promotion(again).votes == ()
    unattended.approve(again, OWNER, RISK)
    assert unattended.state(again) == "READY"


def test_a_rollback_that_never_went_gives_its_hold_back(story: Story) -> None:
    """The policy asks rollbacks for quality; nobody proves it, and a week goes by."""
    # given
    story.rule(
        policy(
            {
                **STAGING_SPEC,
                "gates": [{**QUALITY, "max_age": "2d"}],
                "rollback": {"gates": ["quality"]},
            }
        )
    )
    story.model(versions=2)
    for number in (1, 2):
        story.let(evaluation(number, produced_at=story.time), by=PIPELINE)
        story.live(number)
    story.at("2026-12-04 09:00").let(roll_back(STAGING), by=DAVE)
    assert story.state(3) == "GATING"
    assert story.lane(STAGING).hold is not None
    # when
    then = story.at("2026-12-11 09:00").expire(3)
    # then
    then.then(PromotionExpired, LaneReleased)
    assert story.lane(STAGING).hold is None
    assert story.serves(STAGING) == 2
    cancel = CancelPromotion(model=FRAUD, promotion=PromotionId(3), reason=WHY)
    story.ask(cancel, by=DAVE).then_refused(Why.NOT_OPEN)
    story.ask(promote(2, STAGING), by=PIPELINE).then_refused(Why.ALREADY_THERE)


def test_what_waited_for_that_hold_goes_on_with_it(story: Story) -> None:
    """Automation wants 3 in, and waits for the hold of a rollback that never went.

    Dave gives the rollback up at 10:00: in the same moment 3 is ready.
    """
    # given
    story.rule(
        policy({**STAGING_SPEC, "gates": [QUALITY], "rollback": {"gates": ["quality"]}})
    )
    story.model(versions=3)
    for number in (1, 2):
        story.let(evaluation(number), by=PIPELINE)
        story.live(number)
    first = next(iter(story.now.model.evidence))
    story.let(RevokeEvidence(model=FRAUD, evidence=first, reason=WHY), by=DAVE)
    story.let(evaluation(3), by=PIPELINE)
    story.let(roll_back(STAGING), by=DAVE)
    waiting = story.request(3, STAGING, by=CONDUCTOR)
    assert story.now.words()["hold"].status is GateStatus.WAIT
    # when
    cancel = CancelPromotion(model=FRAUD, promotion=PromotionId(3), reason=WHY)
    then = story.at("2026-11-24 10:00").let(cancel, by=DAVE)
    # then
    then.then(PromotionCancelled, LaneReleased, PromotionReadied)
    assert story.state(waiting) == "READY"
