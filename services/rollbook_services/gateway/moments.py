"""Which moment does `as_of` mean?"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rollbook_services.gateway.problems import invalid


@dataclass(frozen=True, slots=True)
class Moment:
    """A ledger sequence or a span of time, as it was asked for."""

    sequence: int | None = None
    span: tuple[datetime, datetime] | None = None

    @property
    def instant(self) -> datetime | None:
        """The span's last instant."""
        return None if self.span is None else self.span[1]


def read_moment(text: str, *, name: str = "as_of") -> Moment:
    """Read a sequence, an instant with zone, or a date: the end of that day, UTC.

    Raises Declined for anything else.
    """
    if text.isascii() and text.isdigit() and len(text) < len("20260101T000000"):
        return Moment(sequence=int(text))
    return Moment(span=read_span(text, name=name))


def read_span(text: str, *, name: str) -> tuple[datetime, datetime]:
    """Read a day as its two ends, or an instant with zone as itself, twice."""
    try:
        return _day(text) or _instant(text)
    except (ValueError, OverflowError) as error:
        message = (
            "a ledger sequence, an instant with zone such as 2026-05-03T12:00:00Z, "
            "or a date such as 2026-05-03"
        )
        raise invalid([{"pointer": f"query.{name}", "message": message}]) from error


def _day(text: str) -> tuple[datetime, datetime] | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1) - timedelta(milliseconds=1)


def _instant(text: str) -> tuple[datetime, datetime]:
    # In a query string a `+` that nobody escaped arrives as a space.
    instant = datetime.fromisoformat(text.replace(" ", "+"))
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone is many")
    instant = instant.astimezone(UTC)
    return instant, instant
