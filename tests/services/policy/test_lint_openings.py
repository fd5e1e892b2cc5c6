"""Windows open some day, and votes live that long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rollbook_services.policy.lint.openings import LOOKED_AHEAD, open_times
from rollbook_services.policy.window import Window, is_open
from tests.services.policy.written import (
    AS_OF,
    errors,
    policy,
    sign_off,
    stage,
    warnings,
    window,
)


def closed_to_all(*windows: dict[str, Any]) -> list[str]:
    return errors(stage(windows=list(windows)))


ALWAYS_DENIED = window(name="never", kind="deny", lasts="1d", rrule="FREQ=DAILY")
MIDNIGHT = "2026-01-05T00:00"


def test_windows_that_open_are_right() -> None:
    assert closed_to_all(window()) == []
    year_end = window(name="x", kind="deny", lasts="7d", rrule="FREQ=YEARLY")
    assert closed_to_all(window(), year_end) == []
    assert closed_to_all(year_end) == []


def test_an_allow_window_opens_within_400_days() -> None:
    said = (
        "spec.stages[0].windows: no window opens within 400 days; "
        "correct `start`, `lasts` and `rrule`"
    )
    past = "FREQ=DAILY;UNTIL=20260301T000000Z"
    assert closed_to_all(window(rrule=past)) == [said]
    assert closed_to_all(window(start="2028-03-01T09:00")) == [said]
    assert closed_to_all(window(start="2027-12-01T09:00")) == []


def test_a_deny_window_leaves_something_open() -> None:
    assert closed_to_all(ALWAYS_DENIED) == [
        "spec.stages[0].windows: the deny windows leave no time open; "
        "correct `start`, `lasts` and `rrule`"
    ]


def test_what_is_allowed_is_not_all_denied() -> None:
    said = (
        "spec.stages[0].windows: no window opens within 400 days; correct `start`, "
        "`lasts` and `rrule`, and see that no deny window covers the rest"
    )
    assert closed_to_all(window(), ALWAYS_DENIED) == [said]
    all_morning = window(name="m", kind="deny", start="2026-01-05T08:00", lasts="8h")
    assert closed_to_all(window(), all_morning) == [said]
    too_short = window(name="m", kind="deny", start="2026-01-05T08:00", lasts="7h59m")
    assert closed_to_all(window(), too_short) == []


def test_two_deny_windows_together_may_cover_it() -> None:
    morning = window(name="a", kind="deny", lasts="4h", rrule="FREQ=DAILY")
    afternoon = window(
        name="b", kind="deny", start="2026-01-05T12:30", lasts="4h", rrule="FREQ=DAILY"
    )
    (fault,) = closed_to_all(window(), morning, afternoon)
    assert "see that no deny window covers the rest" in fault
    later = {**afternoon, "start": "2026-01-05T13:30"}
    assert closed_to_all(window(), morning, later) == []


def test_votes_outlive_the_longest_closed_time() -> None:
    def with_votes_for(length: str) -> list[str]:
        gate = sign_off(valid_for=length)
        found = warnings(stage(gates=[gate], windows=[window()]))
        return [each for each in found if "valid_for" in each]

    # From Thursday at 16:00 to Monday at 09:00, as clocks are put back.
    assert with_votes_for("90h") == []
    assert with_votes_for("89h") == [
        "spec.stages[0].gates[0].valid_for: votes lapse while the windows stay closed "
        "for 3d18h; write 3d18h or more"
    ]


def test_votes_outlive_what_is_denied_and_not_allowed_in_turn() -> None:
    holidays = window(
        name="holidays",
        kind="deny",
        start="2026-12-21T00:00",
        lasts="7d",
        rrule="FREQ=YEARLY",
    )
    gate = sign_off(valid_for="7d")
    found = warnings(stage(gates=[gate], windows=[window(), holidays]))
    assert (
        "spec.stages[0].gates[0].valid_for: votes lapse while the windows stay closed "
        "for 10d17h; write 10d17h or more"
    ) in found


def test_without_windows_votes_wait_for_nothing() -> None:
    assert not any("valid_for" in each for each in warnings(stage(gates=[sign_off()])))


def test_more_than_can_be_looked_through_is_refused() -> None:
    said = (
        "spec.stages: there are more than 60 windows, or they open and shut more than "
        "20000 times within 400 days; write fewer of them, or fewer starts"
    )
    many = [window(name=f"{n}") for n in range(16)]
    assert errors(*(stage(f"s{n}", windows=many) for n in range(3))) == []
    assert errors(*(stage(f"s{n}", windows=many) for n in range(4))) == [said]
    hourly = "FREQ=DAILY;BYHOUR=" + ",".join(str(hour) for hour in range(24))
    busy = [window(name=f"{n}", lasts="1m", rrule=hourly) for n in range(4)]
    assert errors(stage(windows=busy)) == [said]


any_window = st.builds(
    lambda kind, hour, hours, rule: window(
        kind=kind, start=f"2026-01-05T{hour:02}:00", lasts=hours, rrule=rule
    ),
    st.sampled_from(["allow", "deny"]),
    st.integers(0, 23),
    st.integers(1, 168).map(lambda hours: f"{hours}h"),
    st.sampled_from(
        ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY", "FREQ=YEARLY"]
    ),
)
instants = st.integers(0, LOOKED_AHEAD.days * 48 - 1).map(
    lambda half_hours: AS_OF + half_hours * timedelta(minutes=30)
)


@given(st.lists(any_window, min_size=1, max_size=4), st.lists(instants, min_size=20))
def test_open_times_are_all_the_time_that_is_open(
    windows: list[dict[str, Any]], instants: list[datetime]
) -> None:
    rules = policy(stage(windows=windows))
    (opened,) = open_times(rules, as_of=AS_OF).values()
    assert opened is not None
    edges = [edge for span in opened for edge in span]
    assert edges == sorted({*edges})  # in order, and never without a break between
    for at in (*instants, *edges[:-1]):
        is_in_one = any(begin <= at < end for begin, end in opened)
        assert is_in_one == is_right(rules.stages[0].windows, at)


def is_right(windows: Sequence[Window], at: datetime) -> bool:
    allowing = [each for each in windows if each.kind == "allow"]
    denied = any(is_open(each, at) for each in windows if each.kind == "deny")
    return not denied and (not allowing or any(is_open(each, at) for each in allowing))


def test_a_look_ahead_begins_when_it_is_asked() -> None:
    (opened,) = open_times(policy(stage(windows=[window()])), as_of=AS_OF).values()
    assert opened is not None
    assert opened[0] == (AS_OF, datetime(2026, 11, 26, 15, tzinfo=UTC))
    assert opened[-1].ends_at <= AS_OF + LOOKED_AHEAD
