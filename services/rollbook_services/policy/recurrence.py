"""Which days does a recurrence rule name, and which rules are too clever to keep?

The part of RFC 5545 that stays exact across clock changes and ends in bounded time;
each refusal says what to write instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from dateutil.rrule import (
    DAILY,
    MONTHLY,
    WEEKLY,
    YEARLY,
    rrule,
    weekday,
    weekdays,
)

MOST_STARTS_A_DAY: Final = 24
Frequency = Literal[0, 1, 2, 3]
_FREQUENCIES: Final[Mapping[str, Frequency]] = {
    "DAILY": DAILY,
    "WEEKLY": WEEKLY,
    "MONTHLY": MONTHLY,
    "YEARLY": YEARLY,
}
_TOO_FAST: Final = frozenset({"HOURLY", "MINUTELY", "SECONDLY"})
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_UTC: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
# By part: the largest number, and whether it may count from the end.
_LISTS: Final[Mapping[str, tuple[range, bool]]] = {
    "BYMONTH": (range(1, 13), False),
    "BYMONTHDAY": (range(1, 32), True),
    "BYYEARDAY": (range(1, 367), True),
    "BYWEEKNO": (range(1, 54), True),
    "BYSETPOS": (range(1, 367), True),
    "BYHOUR": (range(24), False),
    "BYMINUTE": (range(60), False),
    "BYSECOND": (range(60), False),
}
_SINGLE: Final = {"INTERVAL": range(1, 1001), "COUNT": range(1, 10_000)}
_KNOWN: Final = frozenset({"FREQ", "UNTIL", "WKST", "BYDAY", *_LISTS, *_SINGLE})
_ELSEWHERE: Final = {
    "DTSTART": "write it as `start`",
    "RDATE": "write one more window for it",
    "EXDATE": "write a deny window for it",
    "EXRULE": "write a deny window for it",
    "TZID": "write it as `zone`",
}
# RFC 5545 section 3.3.10: what has no meaning beside which frequency.
_MEANINGLESS: Final = {
    DAILY: {"BYYEARDAY", "BYWEEKNO"},
    WEEKLY: {"BYYEARDAY", "BYWEEKNO", "BYMONTHDAY"},
    MONTHLY: {"BYYEARDAY", "BYWEEKNO"},
    YEARLY: set[str](),
}
_LONGEST_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Local starts, without a zone, and the instant after which none begins."""

    starts: rrule
    until: datetime | None
    """UTC, and the last one may begin at it."""


@lru_cache(maxsize=1024)
def recurrence(written: str, first: datetime) -> Recurrence:
    """Read a rule whose starts are not before `first`; ValueError: what is wrong."""
    parts = _parts(written)
    frequency = _frequency(parts)
    lists = {name: _list(name, parts[name]) for name in _LISTS if name in parts}
    single = {name: _single(name, parts[name]) for name in _SINGLE if name in parts}
    days = _weekdays(parts, frequency)
    _check(parts, frequency, lists)
    read = rrule(
        frequency,
        dtstart=first,
        interval=single.get("INTERVAL", 1),
        wkst=_DAYS.index(_week_start(parts)),  # else it would be the process's
        count=single.get("COUNT"),
        bysetpos=lists.get("BYSETPOS"),
        bymonth=lists.get("BYMONTH"),
        bymonthday=lists.get("BYMONTHDAY"),
        byyearday=lists.get("BYYEARDAY"),
        byweekno=lists.get("BYWEEKNO"),
        byweekday=days,
        byhour=lists.get("BYHOUR"),
        byminute=lists.get("BYMINUTE"),
        bysecond=lists.get("BYSECOND"),
    )
    if next(iter(read), None) is None:
        raise ValueError("it never begins; its parts exclude each other")
    return Recurrence(read, _until(parts))


def _parts(written: str) -> dict[str, str]:
    if written != "".join(written.split()) or ":" in written:
        raise ValueError(
            "a rule is one line of PART=VALUE; leave out `RRULE:`, spaces and others"
        )
    parts: dict[str, str] = {}
    for each in written.upper().split(";"):
        name, equals, value = each.partition("=")
        if name in _ELSEWHERE:
            raise ValueError(
                f"{name} does not belong into the rule; {_ELSEWHERE[name]}"
            )
        if name not in _KNOWN or not equals or not value:
            known = ", ".join(sorted(_KNOWN))
            raise ValueError(f"{each!r} is no part of a rule; known are {known}")
        if name in parts:
            raise ValueError(f"{name} stands there twice; keep one of them")
        parts[name] = value
    return parts


def _frequency(parts: Mapping[str, str]) -> Frequency:
    frequency = parts.get("FREQ", "")
    if frequency in _TOO_FAST:
        raise ValueError(
            f"FREQ={frequency} names times that clock changes skip; use DAILY with "
            "BYHOUR and BYMINUTE"
        )
    if frequency not in _FREQUENCIES:
        raise ValueError(
            "a rule says how often; begin with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
        )
    return _FREQUENCIES[frequency]


def _list(name: str, written: str) -> tuple[int, ...]:
    allowed, may_be_negative = _LISTS[name]
    return tuple(
        _number(name, each, allowed, may_be_negative=may_be_negative)
        for each in written.split(",")
    )


def _single(name: str, written: str) -> int:
    return _number(name, written, _SINGLE[name], may_be_negative=False)


def _number(name: str, written: str, allowed: range, *, may_be_negative: bool) -> int:
    number = int(written) if _NUMBER.fullmatch(written) else None
    size = abs(number) if number is not None and may_be_negative else number
    if number is None or size not in allowed:
        sign = ", or negative to count from the end" if may_be_negative else ""
        raise ValueError(
            f"{name}={written} is out of bounds; write {allowed[0]} to "
            f"{allowed[-1]}{sign}"
        )
    return number


def _weekdays(parts: Mapping[str, str], frequency: Frequency) -> list[weekday] | None:
    if "BYDAY" not in parts:
        return None
    days = []
    for each in parts["BYDAY"].split(","):
        found = _DAY.fullmatch(each)
        number = int(found[1]) if found and found[1] else None
        if found is None or number == 0 or abs(number or 1) > 53:
            raise ValueError(f"BYDAY={each} is no day; write MO to SU, 1MO or -1FR")
        if number and (frequency in (DAILY, WEEKLY) or "BYWEEKNO" in parts):
            raise ValueError(
                f"BYDAY={each} counts within a month or a year; write {found[2]}, or "
                "use FREQ=MONTHLY"
            )
        day = weekdays[_DAYS.index(found[2])]
        days.append(day if number is None else day(number))
    return days


def _week_start(parts: Mapping[str, str]) -> str:
    written = parts.get("WKST", "MO")
    if written not in _DAYS:
        raise ValueError(f"WKST={written} is no day; write MO to SU")
    return written


def _until(parts: Mapping[str, str]) -> datetime | None:
    if "UNTIL" not in parts:
        return None
    written = parts["UNTIL"]
    try:
        if _UTC.fullmatch(written):
            return datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        pass  # the 31st of February: told like any other wrong text
    raise ValueError(
        f"UNTIL={written} is no instant in UTC; write it like 20261231T230000Z"
    )


def _check(
    parts: Mapping[str, str], frequency: Frequency, lists: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse what contradicts itself, also where finding that out would take long."""
    if "UNTIL" in parts and "COUNT" in parts:
        raise ValueError("UNTIL and COUNT end it twice; keep one of them")
    for name in sorted(_MEANINGLESS[frequency].intersection(parts)):
        raise ValueError(
            f"{name} means nothing beside FREQ={parts['FREQ']}; use FREQ=YEARLY or "
            "leave it out"
        )
    starts = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        starts *= len(set(lists.get(name, (0,))))
    if starts > MOST_STARTS_A_DAY:
        raise ValueError(
            f"it begins {starts} times a day; at most {MOST_STARTS_A_DAY} are kept"
        )
    _check_position(parts, frequency, lists.get("BYSETPOS", ()), starts=starts)
    _check_day_of_month(lists)


def _check_position(
    parts: Mapping[str, str],
    frequency: Frequency,
    positions: tuple[int, ...],
    *,
    starts: int,
) -> None:
    days = len(set(parts.get("BYDAY", "MO").split(",")))
    most = {DAILY: starts, WEEKLY: starts * days}.get(frequency, 366)
    for each in positions:
        if abs(each) > most:
            raise ValueError(
                f"BYSETPOS={each} chooses among {most}; write at most {most}"
            )


def _check_day_of_month(lists: Mapping[str, tuple[int, ...]]) -> None:
    days, months = lists.get("BYMONTHDAY"), lists.get("BYMONTH", range(1, 13))
    longest = max(_LONGEST_MONTH[month - 1] for month in months)
    if days is not None and all(abs(day) > longest for day in days):
        raise ValueError(
            f"no such month has {longest + 1} days; write BYMONTHDAY=-1 for its last"
        )
