"""A window is open at exactly the minutes that a scan of the wall clock finds (I15).

The oracle shares nothing with the implementation: it knows rules as predicates over
days, and zones only by what a clock in them shows at each minute of UTC.
"""

from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import event, given
from hypothesis import strategies as st

from rollbook_services.policy.gates.windows import Windows
from rollbook_services.policy.shape import write_duration
from rollbook_services.policy.window import Window, is_open, next_edge
from tests.services.policy.cases import FACTS

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
REACH = timedelta(days=2)  # around the clock change that is looked at
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "America/Havana",  # at midnight
    "America/Santiago",
    "Africa/Casablanca",  # twice a year, by the moon
    "Asia/Kolkata",
    "Pacific/Apia",  # left out the 30th of December 2011
    "UTC",
)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True)
class Rule:
    """A recurrence rule, as a test thinks of it."""

    frequency: str
    interval: int
    weekdays: frozenset[int]
    nth: int | None
    month_days: frozenset[int]
    months: frozenset[int]
    hours: frozenset[int]
    count: int | None
    until: datetime | None

    def written(self) -> str:
        number = "" if self.nth is None else str(self.nth)
        parts = {
            "FREQ": self.frequency,
            "INTERVAL": str(self.interval) if self.interval > 1 else "",
            "BYDAY": ",".join(number + DAYS[day] for day in sorted(self.weekdays)),
            "BYMONTHDAY": ",".join(map(str, sorted(self.month_days))),
            "BYMONTH": ",".join(map(str, sorted(self.months))),
            "BYHOUR": ",".join(map(str, sorted(self.hours))),
            "COUNT": str(self.count) if self.count else "",
            "UNTIL": f"{self.until:%Y%m%dT%H%M%SZ}" if self.until else "",
        }
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


def names(rule: Rule, day: date, first: date) -> bool:
    """Tell whether a rule that begins on a day names another one."""
    if rule.months and day.month not in rule.months:
        return False
    return _is_in_turn(rule, day, first) and _is_named(rule, day, first)


def _is_in_turn(rule: Rule, day: date, first: date) -> bool:
    match rule.frequency:
        case "DAILY":
            passed = (day - first).days
        case "WEEKLY":
            monday = first - timedelta(days=first.weekday())
            passed = (day - monday).days // 7
        case "MONTHLY":
            passed = (day.year - first.year) * 12 + day.month - first.month
        case _:
            passed = day.year - first.year
    return passed % rule.interval == 0


def _is_named(rule: Rule, day: date, first: date) -> bool:
    if rule.month_days and not _by_month_day(rule, day):
        return False
    if rule.weekdays:
        return day.weekday() in rule.weekdays and _by_number(rule, day)
    if rule.month_days or rule.frequency == "DAILY":
        return True
    if rule.frequency == "WEEKLY":
        return day.weekday() == first.weekday()
    if rule.frequency == "MONTHLY" or rule.months:
        return day.day == first.day
    return (day.month, day.day) == (first.month, first.day)


def _by_month_day(rule: Rule, day: date) -> bool:
    last = monthrange(day.year, day.month)[1]
    return bool({day.day, day.day - last - 1} & rule.month_days)


def _by_number(rule: Rule, day: date) -> bool:
    """Count the weekday within its month, from the front or from the back."""
    if rule.nth is None:
        return True
    last = monthrange(day.year, day.month)[1]
    return rule.nth in ((day.day - 1) // 7 + 1, -((last - day.day) // 7 + 1))


@cache
def clock(zone: str) -> ZoneInfo:
    """Read the zone from the package: the machine may have another release."""
    path = files("tzdata").joinpath("zoneinfo", *zone.split("/"))
    with path.open("rb") as source:
        return ZoneInfo.from_file(source)


class Wall:
    """What a clock in a zone shows, minute by minute, through some days."""

    def __init__(self, zone: str, begin: datetime, end: datetime) -> None:
        shown = clock(zone)
        self.first_at: dict[datetime, datetime] = {}
        self.last_at: dict[datetime, datetime] = {}
        at = begin
        while at < end:
            local = at.astimezone(shown).replace(tzinfo=None, fold=0)
            self.first_at.setdefault(local, at)
            self.last_at[local] = at
            at += MINUTE

    def at(self, local: datetime) -> datetime:
        """Return when it shows a time; in a gap, as if nobody had turned it."""
        if local in self.first_at:
            return self.first_at[local]
        before = local
        while before not in self.last_at:
            before -= MINUTE
        return self.last_at[before] + (local - before)


def local_starts(rule: Rule, first: datetime, until: datetime) -> Iterator[datetime]:
    day, found = first.date(), 0
    while day <= until.date():
        if names(rule, day, first.date()):
            hours = sorted(rule.hours) or [first.hour]
            for start in (datetime.combine(day, time(h, first.minute)) for h in hours):
                if start >= first and (rule.count is None or found < rule.count):
                    found += 1
                    yield start
        day += DAY


@lru_cache(maxsize=512)
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """Return the hours of a year at whose end the clock was turned."""
    shown, at = clock(zone), datetime(year, 1, 1, tzinfo=UTC)
    found = []
    while at.year == year:
        later = at + timedelta(hours=1)
        if at.astimezone(shown).utcoffset() != later.astimezone(shown).utcoffset():
            found.append(at)
        at = later
    return tuple(found)


@dataclass(frozen=True)
class Case:
    """A window, and an instant near a clock change of its zone."""

    zone: str
    rule: Rule
    first: datetime
    lasts: timedelta
    middle: datetime

    def window(self) -> Window:
        return Window(
            name="some",
            kind="allow",
            zone=self.zone,
            start=f"{self.first:%Y-%m-%dT%H:%M}",
            lasts=write_duration(self.lasts),
            rrule=self.rule.written(),
        )

    def minutes(self) -> list[datetime]:
        many = 2 * REACH // MINUTE
        return [self.middle - REACH + at * MINUTE for at in range(many)]

    def open_minutes(self) -> set[datetime]:
        """Scan all of them, for all that began in the last `lasts`."""
        begin = self.middle - REACH - timedelta(days=12)
        end = self.middle + REACH + timedelta(days=10)
        wall = Wall(self.zone, begin, end)
        earliest = self.middle.replace(tzinfo=None) - REACH - timedelta(days=9)
        latest = self.middle.replace(tzinfo=None) + REACH + DAY
        minutes, inside = self.minutes(), set[datetime]()
        for local in local_starts(self.rule, self.first, latest):
            if local < earliest:
                continue
            opens_at = wall.at(local)
            if self.rule.until is not None and opens_at > self.rule.until:
                continue
            low = bisect_left(minutes, opens_at)
            high = bisect_left(minutes, wall.at(local + self.lasts))
            inside.update(minutes[low:high])
        return inside


lengths = st.one_of(
    st.integers(1, 240),
    st.integers(1, 7 * 24 * 60),
    st.sampled_from((1440, 7 * 1440)),
).map(lambda minutes: timedelta(minutes=minutes))


@st.composite
def rules(draw: st.DrawFn, first: datetime, middle: datetime) -> Rule:
    frequency = draw(st.sampled_from(("DAILY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")))
    weekdays = draw(st.frozensets(st.integers(0, 6), max_size=4))
    month_days = st.frozensets(
        st.one_of(st.integers(1, 28), st.integers(-28, -1)), max_size=4
    )
    counts = draw(st.one_of(st.none(), st.none(), st.integers(1, 400)))
    ends = st.integers(-REACH // MINUTE, REACH // MINUTE).map(
        lambda minutes: middle + minutes * MINUTE
    )
    hours = st.frozensets(st.integers(0, 4), max_size=3)
    return Rule(
        frequency=frequency,
        interval=draw(st.sampled_from((1, 1, 1, 2, 3))),
        weekdays=weekdays,
        nth=draw(st.sampled_from((None, 1, 2, -1))) if frequency == "MONTHLY" else None,
        month_days=draw(month_days)
        if frequency in ("MONTHLY", "YEARLY")
        else frozenset(),
        months=frozenset(draw(st.sampled_from(((), (), (), (middle.month, 2, 12))))),
        hours=draw(hours),
        count=counts,
        until=draw(st.one_of(st.none(), ends)) if counts is None else None,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(st.sampled_from(ZONES))
    year = draw(st.one_of(st.just(2011), st.integers(2005, 2040)))
    turned = changes(zone, year)
    any_day = datetime(year, 1, 1, tzinfo=UTC) + draw(st.integers(0, 364)) * DAY
    middle = draw(st.sampled_from(turned)) if turned else any_day
    near = draw(st.integers(-3 * 60, 3 * 60)) * MINUTE
    first = (middle.astimezone(clock(zone)) + near).replace(tzinfo=None, fold=0)
    first -= draw(st.one_of(st.integers(0, 10), st.integers(0, 400))) * DAY
    return Case(
        zone=zone,
        rule=draw(rules(first, middle)),
        first=first,
        lasts=draw(lengths),
        middle=middle,
    )


def read(case: Case) -> Window | None:
    """Make the window; None: its parts exclude each other."""
    try:
        return case.window()
    except ValueError as wrong:
        if "never begins" in str(wrong):
            return None
        raise


@given(case=cases())
def test_it_is_open_at_the_minutes_that_a_scan_finds(case: Case) -> None:
    window, inside = read(case), case.open_minutes()
    if window is None:
        assert not inside
        return
    event(f"open through {'some' if inside else 'none'}")
    found = {at for at in case.minutes() if is_open(window, at)}
    assert found == inside


@given(case=cases(), data=st.data())
def test_the_next_edge_is_the_first_minute_that_differs(
    case: Case, data: st.DataObject
) -> None:
    window, inside = read(case), case.open_minutes()
    if window is None:
        return
    minutes = case.minutes()
    edges = [
        at for before, at in pairwise(minutes) if (before in inside) != (at in inside)
    ]
    for _ in range(20):
        as_of = data.draw(st.sampled_from(minutes[:-1])) + timedelta(seconds=30)
        at = bisect_right(edges, as_of)
        said = next_edge(window, as_of)
        if at < len(edges):
            assert said == edges[at]
        else:
            assert said is None or said > minutes[-1]


@given(case=cases(), other=st.data())
def test_deny_beats_allow_at_every_minute(case: Case, other: st.DataObject) -> None:
    allow = read(case)
    denied = Case(
        zone=case.zone,
        rule=other.draw(rules(case.first, case.middle)),
        first=case.first,
        lasts=other.draw(lengths),
        middle=case.middle,
    )
    deny = read(denied)
    if allow is None or deny is None:
        return
    deny = Window.model_validate({**deny.model_dump(), "kind": "deny", "name": "no"})
    gate = Windows(windows=(allow, deny))
    expected = case.open_minutes() - denied.open_minutes()
    for at in case.minutes()[::61]:
        said = gate.evaluate(FACTS, at)
        assert (said.status == "pass") == (at in expected)
