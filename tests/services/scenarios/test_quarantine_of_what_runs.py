"""The version that runs is quarantined: it goes on serving, and nothing raises it."""

import pytest

from rollbook.catalogue.lane import DesiredSet, SlotReleased
from rollbook.catalogue.parts import PromotionKind, Scope
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionDispatched,
    PromotionRejected,
    PromotionRequested,
)
from rollbook.catalogue.version import VersionQuarantined, VersionReleased
from rollbook.commands.version import QuarantineVersion, ReleaseVersion
from rollbook.names import Reason, StageName, Version
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import QUALITY, STAGING_SPEC, policy
from tests.services.scenarios.story import WHY, Story
from tests.support.scenario import (
    CAROL,
    DAVE,
    FRAUD,
    PIPELINE,
    STAGING,
    evaluation,
    promote,
    roll_back,
)

RULES = policy(
    {**STAGING_SPEC, "auto_promote": "newest_eligible", "gates": [QUALITY]},
    {"name": "mirror", "targets": ["default"]},
)
MIRROR = StageName("mirror")
LEAK = Reason("trained on leaked labels")


@pytest.fixture
def running(story: Story) -> Story:
    """1 and then 2 were live in staging, as promotions 1 and 2."""
    story.rule(RULES)
    story.model(versions=3)
    for number in (1, 2):
        story.later(hours=1).let(evaluation(number), by=PIPELINE)
        story.live(number)
    return story


def bar(number: int, *stages: str) -> QuarantineVersion:
    scope = Scope.model_validate({"stages": stages})
    return QuarantineVersion(
        model=FRAUD, version=Version(number), scope=scope, reason=LEAK
    )


def test_what_is_served_goes_on_being_served(running: Story) -> None:
    """At 15:00 Dave quarantines 2, which runs: no lane changes by that alone."""
    # given
    before = running.lane(STAGING)
    # when
    running.at("2026-11-24 15:00").let(bar(2), by=DAVE).then(VersionQuarantined)
    # then
    after = running.lane(STAGING)
    assert (after.desired, after.stable) == (before.desired, before.stable)
    assert running.serves(STAGING) == 2


def test_nothing_raises_it_again_from_then_on(running: Story) -> None:
    """Not forward, not as a redeploy, not by rollback, and not by automation."""
    # given
    running.at("2026-11-24 15:00").let(bar(2), by=DAVE)
    refused = Why.VERSION_QUARANTINED
    # when, then
    redeploy = promote(2, STAGING, kind=PromotionKind.REDEPLOY)
    running.ask(redeploy, by=CAROL).then_refused(refused)
    elsewhere = promote(2, MIRROR)
    running.ask(elsewhere, by=CAROL).then_refused(refused)
    running.consider()
    assert not [e for e in running.now.events if isinstance(e, PromotionRequested)]
    # when somebody leaves it behind
    running.let(roll_back(STAGING), by=DAVE)
    running.later(minutes=1).apply(STAGING)
    assert running.serves(STAGING) == 1
    # then
    running.ask(promote(2, STAGING), by=CAROL).then_refused(refused)
    running.ask(roll_back(STAGING, to=2), by=DAVE).then_refused(refused)
    placed = [each for each in running.said(DesiredSet) if each.stage == STAGING]
    assert [each.variants["stable"].version for each in placed] == [1, 2, 1]


def test_what_waits_for_it_ends_and_what_brings_it_stops(running: Story) -> None:
    """3 is under way in staging and waits for the mirror when Dave bars it."""
    # given
    running.let(evaluation(3), by=PIPELINE)
    moving = running.request(3, STAGING)
    running.dispatch(moving)
    waiting = running.request(3, MIRROR)
    # when
    then = running.at("2026-11-24 15:00").let(bar(3), by=DAVE)
    # then
    then.then(VersionQuarantined, PromotionAborted, SlotReleased, PromotionRejected)
    aborted, rejected = then.event(PromotionAborted), then.event(PromotionRejected)
    assert (aborted.promotion, aborted.reason_code) == (moving, "quarantined")
    assert (rejected.promotion, rejected.reason_code) == (waiting, "quarantined")
    assert rejected.inputs == (running.said_by(VersionQuarantined).id,)
    assert running.now.model.open == ()


def test_a_rollback_walks_past_it_and_says_so(running: Story) -> None:
    """1, 2, 3 were live; 2 is barred: one step back from 3 is 1."""
    # given
    running.later(hours=1).let(evaluation(3), by=PIPELINE)
    running.live(3)
    running.let(bar(2), by=DAVE)
    # when
    then = running.at("2026-11-24 16:00").let(roll_back(STAGING), by=DAVE)
    # then
    asked = then.event(PromotionRequested)
    assert asked.version == 1
    assert [(each.version, each.why) for each in asked.walked_over] == [
        (2, f"quarantined: {LEAK}")
    ]


def test_one_stage_can_be_barred_and_the_others_stay_open(running: Story) -> None:
    """2 misbehaves on the mirror's machines only: staging may have it again."""
    waiting = running.request(2, MIRROR)
    running.let(bar(2, MIRROR), by=DAVE)
    assert running.state(waiting) == "REJECTED"
    again = running.request(2, STAGING, kind=PromotionKind.REDEPLOY)
    running.dispatch(again).event(PromotionDispatched)


def test_another_person_lets_it_out_again(running: Story) -> None:
    """Dave barred it, so Carol releases it; what ended has to be asked for anew."""
    # given
    waiting = running.request(2, MIRROR)
    running.at("2026-11-24 15:00").let(bar(2), by=DAVE)
    release = ReleaseVersion(model=FRAUD, version=Version(2), reason=WHY)
    # when
    running.later(hours=2).ask(release, by=DAVE).then_refused(Why.SELF_RELEASE)
    running.later(minutes=1).let(release, by=CAROL).then(VersionReleased)
    # then
    assert running.state(waiting) == "REJECTED"
    again = running.request(2, MIRROR)
    assert running.state(again) == "READY"
