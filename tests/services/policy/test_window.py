"""A window opens and shuts by the wall clock of its zone; odd rules are refused."""

from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from time import perf_counter

import pytest
from pydantic import ValidationError

from rollbook_services.policy.window import TZDATA, Window, is_open, next_edge, zones

OFFICE = {
    "name": "office",
    "kind": "allow",
    "zone": "Europe/Berlin",
    "start": "2026-01-05T09:00",
    "lasts": "7h",
    "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH",
}


def window(**changes: str) -> Window:
    return Window.model_validate({**OFFICE, **changes})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def opened(asked: Window, begin: str, days: int) -> list[tuple[str, str]]:
    """Follow the edges through some days, as `from` and `to`."""
    at, end, found = utc(begin), utc(begin) + timedelta(days=days), []
    while (edge := next_edge(asked, at)) is not None and edge < end:
        if is_open(asked, at):
            found.append((f"{at:%d %H:%M}", f"{edge:%d %H:%M}"))
        at = edge
    return found


def test_office_hours_follow_the_clock_of_the_office() -> None:
    assert opened(window(), "2026-03-25", 7) == [
        ("25 08:00", "25 15:00"),
        ("26 08:00", "26 15:00"),
        ("30 07:00", "30 14:00"),
        ("31 07:00", "31 14:00"),
    ]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-28", ("28 21:00", "29 04:00")),
        ("2026-10-24", ("24 20:00", "25 05:00")),
    ],
)
def test_a_night_ends_at_the_same_hour_on_both_change_days(
    day: str, expected: tuple[str, str]
) -> None:
    night = window(start="2026-01-01T22:00", lasts="8h", rrule="FREQ=DAILY")
    assert opened(night, f"{day}T12:00", 1) == [expected]


def test_a_start_in_the_spring_gap_uses_the_offset_before_it() -> None:
    early = window(start="2026-03-01T02:30", lasts="4h", rrule="FREQ=DAILY")
    assert opened(early, "2026-03-29", 1) == [("29 01:30", "29 04:30")]


def test_the_hour_that_no_clock_shows_has_no_window() -> None:
    early = window(start="2026-03-01T02:30", lasts="30m", rrule="FREQ=DAILY")
    assert opened(early, "2026-03-29", 1) == []
    assert next_edge(early, utc("2026-03-29T00:00")) == utc("2026-03-30T00:30")


def test_what_begins_in_the_gap_may_begin_after_what_follows_it() -> None:
    both = window(
        start="2026-03-01T00:00",
        lasts="5m",
        rrule="FREQ=DAILY;BYHOUR=2,3;BYMINUTE=0,30;BYSETPOS=2,3",  # 02:30 and 03:00
    )
    assert opened(both, "2026-03-29", 1) == [
        ("29 01:00", "29 01:05"),
        ("29 01:30", "29 01:35"),
    ]


def test_the_repeated_autumn_hour_is_asked_in_utc() -> None:
    early = window(start="2026-10-01T02:30", lasts="15m", rrule="FREQ=DAILY")
    assert opened(early, "2026-10-25", 1) == [("25 00:30", "25 00:45")]
    berlin = timedelta(hours=1)
    for hour, answer in ((0, True), (1, False)):
        asked = utc(f"2026-10-25T0{hour}:35")
        assert is_open(early, asked) is answer
        assert is_open(early, (asked + berlin).replace(tzinfo=_plus(1))) is answer


def _plus(hours: int) -> timezone:
    return timezone(timedelta(hours=hours))


def test_windows_that_overlap_are_one() -> None:
    long = window(start="2026-01-01T00:00", lasts="7d", rrule="FREQ=DAILY;COUNT=3")
    assert opened(long, "2025-12-30", 20) == [("31 23:00", "09 23:00")]
    twice = window(
        start="2026-01-05T00:00", lasts="3d", rrule="FREQ=WEEKLY;BYDAY=MO,TU"
    )
    assert opened(twice, "2026-01-04", 9) == [("04 23:00", "08 23:00")]


def test_a_window_reaches_over_the_new_year() -> None:
    deny = window(
        kind="deny", start="2020-12-26T00:00", lasts="7d", rrule="FREQ=YEARLY"
    )
    assert opened(deny, "2026-12-01", 60) == [("25 23:00", "01 23:00")]
    assert is_open(deny, utc("2027-01-01T22:59"))
    utc_night = window(
        zone="UTC", start="2026-01-01T12:00", lasts="12h", rrule="FREQ=DAILY"
    )
    assert next_edge(utc_night, utc("2026-12-31T13:00")) == utc("2027-01-01T00:00")


def test_what_always_holds_has_no_edge() -> None:
    always = window(start="2026-01-01T00:00", lasts="24h", rrule="FREQ=DAILY")
    assert next_edge(always, utc("2025-06-01")) == utc("2025-12-31T23:00")
    assert is_open(always, utc("2026-10-25T02:30"))
    assert next_edge(always, utc("2026-06-01")) is None


def test_what_is_over_has_no_edge() -> None:
    counted = window(rrule="FREQ=DAILY;COUNT=2")
    assert next_edge(counted, utc("2026-01-06T09:00")) == utc("2026-01-06T15:00")
    assert next_edge(counted, utc("2026-01-06T15:00")) is None
    ended = window(rrule="FREQ=DAILY;UNTIL=20260106T080000Z")
    assert next_edge(ended, utc("2026-01-06T07:00")) == utc("2026-01-06T08:00")
    assert next_edge(ended, utc("2026-01-06T15:00")) is None


def test_what_is_rare_or_far_off_is_found() -> None:
    leap = window(rrule="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    assert next_edge(leap, utc("2096-03-01")) == utc("2104-02-29T08:00")
    far = window(start="2090-01-01T00:00", zone="UTC", rrule="FREQ=DAILY")
    assert next_edge(far, utc("2026-01-01")) == utc("2090-01-01T00:00")


@pytest.mark.parametrize(
    ("field", "written", "told"),
    [
        ("zone", "Europe/Berln", "did you mean Europe/Berlin?"),
        ("zone", "../../etc/passwd", "write one like Europe/Berlin"),
        ("zone", "CEST", "there is no time zone CEST"),
        ("start", "2026-01-05T09:00+01:00", "without an offset"),
        ("start", "2026-01-05T09:00Z", "without an offset"),
        ("start", "2026-02-30T09:00", "no local time"),
        ("start", "1970-01-01T09:00", "from 2000 to 2100"),
        ("start", "2026-01-05", "write it like 2026-01-05T09:00"),
        ("lasts", "0s", "write 1s to 7d"),
        ("lasts", "7d1s", "write 1s to 7d"),
        ("rrule", "FREQ=HOURLY", "use DAILY with BYHOUR"),
        ("rrule", "FREQ=MINUTELY;INTERVAL=5", "clock changes skip"),
        ("rrule", "INTERVAL=2", "begin with FREQ=DAILY"),
        ("rrule", "FREQ=DAILY;DTSTART=20260101T000000", "write it as `start`"),
        ("rrule", "FREQ=DAILY;RDATE=20260101T000000", "write one more window"),
        ("rrule", "FREQ=DAILY;EXDATE=20260101T000000", "write a deny window"),
        ("rrule", "RRULE:FREQ=DAILY", "leave out `RRULE:`"),
        ("rrule", "FREQ=DAILY\nEXDATE=20260101T000000Z", "one line"),
        ("rrule", "FREQ=DAILY;UNTIL=20260101", "20261231T230000Z"),
        ("rrule", "FREQ=DAILY;UNTIL=20260101T000000", "no instant in UTC"),
        ("rrule", "FREQ=DAILY;UNTIL=20260231T000000Z", "no instant in UTC"),
        ("rrule", "FREQ=DAILY;COUNT=2;UNTIL=20260101T000000Z", "keep one of them"),
        ("rrule", "FREQ=DAILY;FREQ=WEEKLY", "stands there twice"),
        ("rrule", "FREQ=DAILY;COUNT=0", "write 1 to 9999"),
        ("rrule", "FREQ=DAILY;INTERVAL=0", "write 1 to 1000"),
        ("rrule", "FREQ=DAILY;INTERVAL=-1", "write 1 to 1000"),
        ("rrule", "FREQ=DAILY;BYHOUR=24", "write 0 to 23"),
        ("rrule", "FREQ=DAILY;BYHOUR=-1", "write 0 to 23"),
        ("rrule", "FREQ=MONTHLY;BYMONTHDAY=0", "count from the end"),
        ("rrule", "FREQ=DAILY;BYHOUR=", "no part of a rule"),
        ("rrule", "FREQ=DAILY;BYEASTER=1", "no part of a rule"),
        ("rrule", "FREQ=WEEKLY;BYDAY=XX", "write MO to SU"),
        ("rrule", "FREQ=WEEKLY;BYDAY=1MO", "write MO, or use FREQ=MONTHLY"),
        ("rrule", "FREQ=WEEKLY;WKST=X", "write MO to SU"),
        ("rrule", "FREQ=WEEKLY;BYMONTHDAY=1", "means nothing beside FREQ=WEEKLY"),
        ("rrule", "FREQ=MONTHLY;BYWEEKNO=1", "means nothing beside FREQ=MONTHLY"),
        ("rrule", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "no such month has 30 days"),
        ("rrule", "FREQ=YEARLY;BYMONTH=1;BYYEARDAY=200", "it never begins"),
        ("rrule", "FREQ=DAILY;BYSETPOS=2", "write at most 1"),
        ("rrule", "FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE=1,2,3,4,5", "25 times a day"),
    ],
)
def test_a_refusal_says_what_to_write(field: str, written: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        window(**{field: written})
    (fault,) = refused.value.errors()
    assert fault["loc"] == (field,)
    assert told in fault["msg"]
    assert "; " in fault["msg"]


@pytest.mark.parametrize(
    "written",
    [
        "freq=daily",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=YEARLY;BYWEEKNO=-1;BYDAY=SA,SU;WKST=SU",
        "FREQ=YEARLY;BYYEARDAY=-1,100",
        "FREQ=DAILY;BYHOUR=9,13;BYMINUTE=0,30;BYSECOND=0",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYSETPOS=1",
    ],
)
def test_what_days_can_say_is_understood(written: str) -> None:
    assert next_edge(window(rrule=written), utc("2026-06-01")) is not None


@pytest.mark.parametrize(
    "written",
    [
        "FREQ=DAILY;INTERVAL=7;BYDAY=SU",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=40",
        "FREQ=YEARLY;BYDAY=20MO;BYMONTH=1",
    ],
)
def test_a_rule_that_never_begins_is_found_out_in_bounded_time(written: str) -> None:
    before = perf_counter()
    with pytest.raises(ValidationError, match="never begins"):
        window(rrule=written)
    assert perf_counter() - before < 10  # hundreds of milliseconds, on a busy machine


def test_zones_come_from_the_package_and_are_known_by_its_release() -> None:
    year, letter = TZDATA[:4], TZDATA[4:]
    assert version("tzdata").split(".")[0] == year
    assert int(version("tzdata").split(".")[1]) == ord(letter) - ord("a") + 1
    for zone in zones():
        assert window(zone=zone).zone == zone
        assert isinstance(is_open(window(zone=zone), utc("2026-06-01T12:00")), bool)


def test_a_window_is_written_as_it_was_read() -> None:
    assert window().model_dump(mode="json") == OFFICE
