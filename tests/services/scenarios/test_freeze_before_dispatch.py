"""A freeze that shuts between READY and dispatch: nothing starts behind it."""

import pytest

from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PauseCause,
    PromotionAborted,
    PromotionBlocked,
    PromotionDispatched,
    PromotionPaused,
    PromotionReadied,
    PromotionResumed,
)
from rollbook.commands.target import ReportedState
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import TWO_ROLES
from tests.services.scenarios.story import Story
from tests.support.governed import COMMANDER, OWNER, RISK
from tests.support.scenario import (
    DAVE,
    PIPELINE,
    PRODUCTION,
    STAGING,
    agent,
    promote,
    report,
    roll_back,
)


@pytest.fixture
def ready(story: Story) -> Story:
    """1 runs in production; 2 is ready to follow: promotion 4."""
    story.rule(TWO_ROLES)
    story.model(versions=2)
    story.live(1)
    story.live(1, PRODUCTION, OWNER, RISK)
    story.later(hours=1).live(2)
    story.request(2, PRODUCTION)
    story.approve(4, OWNER, RISK)
    assert story.state(4) == "READY"
    return story


def test_the_conductor_comes_a_second_after_the_freeze(ready: Story) -> None:
    """15:00:00 Dave freezes everything, 15:00:01 the conductor wants to dispatch.

    Nobody had told the promotion; the dispatch itself looks, and only blocks it.
    """
    # given
    freeze = ready.at("2026-11-24 15:00:00").freeze()
    assert ready.state(4) == "READY"
    # when
    then = ready.at("2026-11-24 15:00:01").dispatch(4)
    # then
    assert [type(each) for each in then.events] == [GateEvaluated, PromotionBlocked]
    assert then.event(PromotionBlocked).gates == ("freeze",)
    word = then.words()["freeze"]
    assert (word.status, word.inputs) == (GateStatus.WAIT, (freeze,))
    assert "year end" in word.detail
    assert ready.serves(PRODUCTION) == 1
    ready.dispatch(4).then_refused(Why.NOT_READY, gates=["freeze"])


def test_after_the_freeze_the_same_votes_let_it_go(ready: Story) -> None:
    """The line stands still over lunch; nobody has to agree a second time."""
    # given
    freeze = ready.at("2026-11-24 15:00").freeze()
    ready.wake(4).then(PromotionBlocked)
    # when
    ready.at("2026-11-24 16:00").thaw(freeze)
    ready.wake(4).then(PromotionReadied)
    # then
    assert ready.dispatch(4).event(PromotionDispatched).promotion == 4


def test_a_freeze_that_ends_by_itself_says_when_to_ask_again(ready: Story) -> None:
    """Until 18:00: at 17:59:59 it is closed, at 18:00:00 it is not."""
    # given
    begins = ready.at("2026-11-24 15:00").time
    ready.freeze(until=begins.replace(hour=18))
    word = ready.wake(4).words()["freeze"]
    assert word.recheck_at == begins.replace(hour=18)
    # when, then
    ready.at("2026-11-24 17:59:59").wake(4).then()
    ready.at("2026-11-24 18:00:00").wake(4).then(PromotionReadied)
    assert ready.dispatch(4).event(PromotionDispatched).promotion == 4


def test_a_freeze_to_come_closes_at_its_minute(ready: Story) -> None:
    """Announced at 14:00 for 20:00: until then everything goes as always."""
    # given
    noon = ready.at("2026-11-24 14:00").time
    ready.freeze(from_at=noon.replace(hour=20))
    assert ready.wake(4).words()["freeze"].recheck_at == noon.replace(hour=20)
    # when
    blocked = ready.at("2026-11-24 20:00:00").dispatch(4)
    # then
    assert blocked.event(PromotionBlocked).gates == ("freeze",)


def test_people_still_go_back_while_everything_is_frozen(ready: Story) -> None:
    """A freeze is only bearable if an incident can still be handled."""
    ready.at("2026-11-24 15:00").freeze(by=COMMANDER)
    then = ready.at("2026-11-24 15:30").let(roll_back(STAGING), by=DAVE)
    assert then.event(PromotionDispatched).stage == STAGING
    assert ready.serves(STAGING) == 1


def test_a_freeze_that_exempts_nothing_stops_a_rollback_under_way(
    ready: Story,
) -> None:
    """The policy asks a rollback for no freeze, so it starts; the freeze aborts it."""
    ready.at("2026-11-24 15:00").freeze(in_flight=InFlight.ABORT, exempt=())
    ready.let(roll_back(STAGING), by=DAVE).event(PromotionDispatched)
    then = ready.later(minutes=1).wake(ready.newest)
    assert then.event(PromotionAborted).reason_code == "frozen"


def test_a_freeze_of_one_stage_leaves_the_others_open(ready: Story) -> None:
    """Staging is closed for a move of machines; production does not care."""
    ready.freeze(covers={"stages": ["staging"]})
    waits = ready.let(promote(1, STAGING), by=PIPELINE)
    assert waits.words()["freeze"].status is GateStatus.WAIT
    assert ready.dispatch(4).event(PromotionDispatched).stage == PRODUCTION


def test_what_is_on_its_way_stands_still_and_goes_on(ready: Story) -> None:
    """Dispatched at 14:58, the line is stopped at 15:00, and started at 15:20."""
    # given
    ready.at("2026-11-24 14:58").dispatch(4)
    begun = report(ready.now, PRODUCTION, ReportedState.ACKNOWLEDGED)
    ready.at("2026-11-24 14:59").let(begun, by=agent(PRODUCTION))
    freeze = ready.at("2026-11-24 15:00").freeze(stops_the_line=True)
    # when
    paused = ready.wake(4).event(PromotionPaused)
    # then
    assert (paused.cause, paused.inputs) == (PauseCause.FREEZE, (freeze,))
    ready.at("2026-11-24 15:20").thaw(freeze)
    assert ready.wake(4).event(PromotionResumed).cause is PauseCause.FREEZE
    ready.at("2026-11-24 15:21").apply(PRODUCTION)
    assert ready.state(4) == "SUCCEEDED"


def test_redeploys_are_let_through_where_the_freeze_says_so(ready: Story) -> None:
    """A machine died: the same version may go onto it, no other."""
    ready.freeze(exempt=(PromotionKind.ROLLBACK, PromotionKind.REDEPLOY))
    again = ready.request(2, STAGING, kind=PromotionKind.REDEPLOY)
    assert ready.state(again) == "READY"
    ready.dispatch(again).event(PromotionDispatched)
    ready.dispatch(4)
    assert ready.state(4) == "GATING"
