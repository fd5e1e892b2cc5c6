"""Windows in Berlin open and shut by the wall clock there, on both change days too.

In spring (28 March 2027) the clock goes from 02:00 to 03:00, in autumn (31 October
2027) from 03:00 back to 02:00: the conductor is woken at the right instants of UTC.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    PauseCause,
    PromotionBlocked,
    PromotionDispatched,
    PromotionPaused,
    PromotionReadied,
    PromotionResumed,
)
from rollbook.refusals import Reason as Why
from rollbook_services.policy.document import Policy
from rollbook_services.policy.window import TZDATA
from tests.services.scenarios.rules import STAGING_SPEC, policy
from tests.services.scenarios.story import BERLIN, Story
from tests.support.scenario import STAGING, Scenario

SPRING: Final = "2027-03-28"
AUTUMN: Final = "2027-10-31"
MOMENT: Final = timedelta(milliseconds=1)


def window(start: str, lasts: str, kind: str = "allow") -> dict[str, Any]:
    """Open every day from a local time on."""
    return {
        "name": "hours",
        "kind": kind,
        "zone": BERLIN,
        "start": f"2026-01-01T{start}",
        "lasts": lasts,
        "rrule": "FREQ=DAILY",
    }


def within(*windows: dict[str, Any], **settings: Any) -> Policy:
    """Let staging change within some windows alone."""
    return policy({**STAGING_SPEC, "windows": list(windows), **settings})


OFFICE: Final = within(window("09:00", "7h"))
NIGHTS: Final = within(window("22:00", "8h", "deny"))
AT_TWO: Final = within(window("02:00", "1h"))
HALF_PAST: Final = within(window("02:30", "1h"))


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def waiting(story: Story, rules: Policy, since: str) -> int:
    """Ask for version 1 in staging while its windows are shut."""
    story.rule(rules)
    story.model(versions=1)
    story.at(since, BERLIN)
    number = story.request(1, STAGING)
    assert story.now.words()["windows"].status is GateStatus.WAIT
    return number


def asked_again_at(model: Scenario) -> datetime | None:
    """Say when the windows want to be asked again."""
    said = model.promotion(len(model.model.promotions)).gates
    return next(each[2] for name, each in said.items() if name == "windows")


@pytest.mark.parametrize(
    ("night", "opens"),
    [
        ("2027-03-26 20:00", "2027-03-27 08:00"),  # the day before: winter time
        ("2027-03-27 20:00", f"{SPRING} 07:00"),
        ("2027-10-29 20:00", "2027-10-30 07:00"),  # the day before: summer time
        ("2027-10-30 20:00", f"{AUTUMN} 08:00"),
    ],
)
def test_nine_in_the_morning_is_nine_in_berlin(
    story: Story, night: str, opens: str
) -> None:
    """Asked for in the evening, it goes at 09:00 local time to the millisecond."""
    # given
    number = waiting(story, OFFICE, night)
    assert asked_again_at(story.now) == utc(opens)
    # when it is too early
    story.until(utc(opens) - MOMENT).wake(number).then()
    story.dispatch(number).then_refused(Why.NOT_READY, gates=["windows"])
    # when it is time
    story.until(utc(opens)).wake(number).then(PromotionReadied)
    snapshot = story.dispatch(number).event(PromotionDispatched)
    # then
    assert snapshot.engine.tzdata == TZDATA
    assert story.state(number) == "DISPATCHED"


@pytest.mark.parametrize(
    ("evening", "ends"),
    [
        ("2027-03-27 22:00", f"{SPRING} 04:00"),  # seven hours long
        ("2027-10-30 22:00", f"{AUTUMN} 05:00"),  # nine hours long
        ("2027-11-01 22:00", "2027-11-02 05:00"),  # as always: eight
    ],
)
def test_a_night_without_changes_ends_at_six_on_the_wall(
    story: Story, evening: str, ends: str
) -> None:
    """22:00 for 8 h ends at 06:00 local time, however long the night really is."""
    number = waiting(story, NIGHTS, evening)
    assert asked_again_at(story.now) == utc(ends)
    story.until(utc(ends)).wake(number)
    assert story.dispatch(number).event(PromotionDispatched).promotion == number


def test_ready_at_the_last_second_dispatched_at_the_edge_is_too_late(
    story: Story,
) -> None:
    """At 15:59:59.999 local time it could go; at 16:00:00.000 the window is shut."""
    # given
    number = waiting(story, OFFICE, f"{SPRING} 08:00")
    story.at(f"{SPRING} 09:00", BERLIN).wake(number)
    last = story.at(f"{SPRING} 15:59:59.999", BERLIN)
    last.wake(number).then()
    assert last.state(number) == "READY"
    assert asked_again_at(last.now) == utc(f"{SPRING} 14:00")
    # when
    shut = story.at(f"{SPRING} 16:00", BERLIN).dispatch(number)
    # then
    assert shut.event(PromotionBlocked).gates == ("windows",)
    assert story.serves(STAGING) is None
    assert asked_again_at(story.now) == utc("2027-03-29 07:00")


def test_an_hour_that_does_not_exist_opens_nothing(story: Story) -> None:
    """02:00 to 03:00 is left out in spring: the promotion waits a day longer."""
    # given
    number = waiting(story, AT_TWO, "2027-03-27 04:00")
    # then
    assert asked_again_at(story.now) == utc("2027-03-29 00:00")
    story.at(f"{SPRING} 01:59:59", BERLIN).wake(number).then()
    story.at(f"{SPRING} 03:00", BERLIN).wake(number).then()
    # when
    story.at("2027-03-29 02:00", BERLIN).wake(number).then(PromotionReadied)
    story.dispatch(number).event(PromotionDispatched)


def test_a_window_that_begins_in_the_gap_begins_by_the_old_offset(
    story: Story,
) -> None:
    """02:30 does not exist on 28 March: read as 03:30 it ends as it begins."""
    number = waiting(story, HALF_PAST, "2027-03-27 04:00")
    assert asked_again_at(story.now) == utc("2027-03-29 00:30")
    story.at(f"{SPRING} 03:30", BERLIN).wake(number)
    assert story.state(number) == "GATING"


def test_an_hour_that_comes_twice_is_open_twice(story: Story) -> None:
    """02:30 for 1 h begins at the first 02:30 and ends at 03:30: two hours in truth."""
    # given
    number = waiting(story, HALF_PAST, "2027-10-30 04:00")
    assert asked_again_at(story.now) == utc(f"{AUTUMN} 00:30")
    # when, then: open in both of the repeated hours
    story.at(f"{AUTUMN} 02:30", BERLIN).wake(number).then(PromotionReadied)
    assert asked_again_at(story.now) == utc(f"{AUTUMN} 02:30")
    story.at(f"{AUTUMN} 02:15+", BERLIN).wake(number).then()
    assert story.state(number) == "READY"
    story.at(f"{AUTUMN} 03:29:59", BERLIN).wake(number).then()
    story.at(f"{AUTUMN} 03:30", BERLIN).wake(number).then(PromotionBlocked)


@pytest.mark.parametrize(
    ("shuts", "opens", "hours"),
    [
        ("2027-03-27", SPRING, 16),
        (SPRING, "2027-03-29", 17),
        ("2027-10-30", AUTUMN, 18),
    ],
)
def test_what_is_on_its_way_pauses_overnight_and_goes_on_at_nine(
    story: Story, shuts: str, opens: str, hours: int
) -> None:
    """Dispatched at 15:50, shut at 16:00, open again at 09:00: nights differ."""
    # given
    story.rule(within(window("09:00", "7h"), in_flight_when_closed="pause"))
    story.model(versions=1)
    story.at(f"{shuts} 15:50", BERLIN)
    number = story.request(1, STAGING)
    wake_at = story.dispatch(number).event(PromotionDispatched).wake_at
    # when
    paused = story.until(wake_at).wake(number).event(PromotionPaused)
    # then
    assert paused.cause is PauseCause.WINDOW
    assert paused.wake_at is not None
    assert (paused.wake_at - story.time).total_seconds() == hours * 3600
    resumed = story.until(paused.wake_at).wake(number)
    assert resumed.event(PromotionResumed).cause is PauseCause.WINDOW
    assert story.time == story.at(f"{opens} 09:00", BERLIN).time
