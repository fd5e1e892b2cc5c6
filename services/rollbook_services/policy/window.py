"""When does a window open and shut, in the wall-clock time of its zone?

Zones come from the `tzdata` package, never from the machine: the same policy means
the same on every machine, and the ledger says by which release it was judged.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from operator import attrgetter
from typing import Annotated, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from rollbook.names import Line
from rollbook_services.policy.recurrence import recurrence
from rollbook_services.policy.shape import Duration, Shape

LONGEST: Final = timedelta(days=7)
SEARCHED_YEARS: Final = 10  # leap days are at most eight apart
_FIRST_YEAR: Final = 2000  # every occurrence since the start is walked through
_LAST_YEAR: Final = 2100
_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", re.ASCII)
# Zones differ from UTC by 14 h at most, and one once left out a whole day.
_SKEW: Final = timedelta(days=2)


def _release() -> str:
    with files("tzdata").joinpath("zoneinfo", "tzdata.zi").open("rb") as source:
        return source.readline().decode().removeprefix("# version ").strip()


TZDATA: Final = _release()
"""The release of the zones' rules, like `2026f`."""


class Window(Shape):
    """A recurring stretch of time: open for changes, or closed to them."""

    name: Line
    kind: Literal["allow", "deny"]
    zone: Line
    """An IANA time zone; there is no default."""
    start: Line
    """A local time without an offset: `2026-01-05T09:00`. No window begins before."""
    lasts: Duration
    """In wall-clock time, at most 7 d: 22:00 for 8h ends at 06:00 on every day."""
    rrule: Annotated[str, Field(min_length=1, max_length=500)]
    """RFC 5545, DAILY to YEARLY."""

    @field_validator("zone")
    @classmethod
    def _is_known(cls, written: str) -> str:
        if written not in zones():
            close = get_close_matches(written, zones(), n=1)
            like = (
                f"did you mean {close[0]}?" if close else "write one like Europe/Berlin"
            )
            raise ValueError(f"there is no time zone {written}; {like}")
        return written

    @field_validator("start")
    @classmethod
    def _is_local(cls, written: str) -> str:
        _local(written)
        return written

    @field_validator("lasts")
    @classmethod
    def _is_short(cls, lasts: timedelta) -> timedelta:
        if not timedelta(0) < lasts <= LONGEST:
            raise ValueError("it lasts too long or not at all; write 1s to 7d")
        return lasts

    @field_validator("rrule")
    @classmethod
    def _is_kept(cls, written: str, info: ValidationInfo) -> str:
        if "start" in info.data:  # else its fault is told already
            recurrence(written, _local(info.data["start"]))
        return written


class Span(NamedTuple):
    """A stretch of time in UTC; it no longer holds at its end."""

    begins_at: datetime
    ends_at: datetime


def is_open(window: Window, as_of: datetime) -> bool:
    """Tell whether an instant lies inside the window."""
    now = as_of.astimezone(UTC)
    ahead = _ahead(window, now, now.year)
    return ahead is not None and ahead.begins_at <= now


def next_edge(window: Window, as_of: datetime) -> datetime | None:
    """Return the next instant after `as_of` at which it opens or shuts.

    None: it does neither in the next `SEARCHED_YEARS`.
    """
    now, was_open = as_of.astimezone(UTC), is_open(window, as_of)
    since = max(now.year, _local(window.start).year - 1)
    for year in range(since, since + SEARCHED_YEARS + 1):
        ahead = _ahead(window, now, year)
        if ahead is None:
            continue
        edge = ahead.ends_at if was_open else ahead.begins_at
        if edge <= _new_year(year + 1):
            return edge
    return None


def _ahead(window: Window, now: datetime, year: int) -> Span | None:
    """Find the span of a year that holds, or is the next to begin."""
    spans = _spans(window, year)
    at = bisect_right(spans, now, key=attrgetter("ends_at"))
    return spans[at] if at < len(spans) else None


@lru_cache(maxsize=512)
def _spans(window: Window, year: int) -> tuple[Span, ...]:
    """Return the spans that touch a year; one that goes on after it may be cut."""
    begin, end = _new_year(year), _new_year(year + 1)
    touching: list[Span] = []
    for each in sorted(_occurrences(window, begin - LONGEST - _SKEW, end + _SKEW)):
        if touching and each.begins_at <= touching[-1].ends_at:
            longest = max(touching[-1].ends_at, each.ends_at)
            touching[-1] = touching[-1]._replace(ends_at=longest)
        else:
            touching.append(each)
    return tuple(
        each for each in touching if each.begins_at < end and each.ends_at > begin
    )


def _occurrences(window: Window, begin: datetime, end: datetime) -> Iterator[Span]:
    rule, zone = recurrence(window.rrule, _local(window.start)), _zone(window.zone)
    if rule.until is not None and rule.until < begin:
        return
    first, last = begin.replace(tzinfo=None), end.replace(tzinfo=None)
    for local in rule.starts.between(first, last, inc=True):
        begins_at, ends_at = _utc(local, zone), _utc(local + window.lasts, zone)
        is_over = rule.until is not None and begins_at > rule.until
        # A start inside the spring gap may lie behind its own end: it never opens.
        if begins_at < ends_at and not is_over:
            yield Span(begins_at, ends_at)


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Read a wall clock: the first of two equal times, the old offset in a gap.

    RFC 5545 section 3.3.5, which is Python's `fold=0` (PEP 495).
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


@lru_cache(maxsize=1024)
def _local(written: str) -> datetime:
    try:
        read = datetime.fromisoformat(written) if _LOCAL.fullmatch(written) else None
    except ValueError:
        read = None
    if read is None or not _FIRST_YEAR <= read.year <= _LAST_YEAR:
        raise ValueError(
            f"{written!r} is no local time from {_FIRST_YEAR} to {_LAST_YEAR}; write "
            "it like 2026-01-05T09:00, without an offset"
        )
    return read


def _new_year(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


@cache
def zones() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(files("tzdata").joinpath("zones").read_text().split())


@cache
def _zone(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as source:
        return ZoneInfo.from_file(source, key=name)
