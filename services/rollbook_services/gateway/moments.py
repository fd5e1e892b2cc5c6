"""Which moment does `as_of` mean?"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rollbook_services.gateway.problems import invalid


@dataclass(frozen=True, slots=True)
class Moment:
    """A ledger sequence or an instant, as it was asked for."""

    sequence: int | None = None
    instant: datetime | None = None


def read_moment(text: str, *, name: str = "as_of") -> Moment:
    """Read a sequence, an instant with zone, or a date: the end of that day, UTC.

    Raises Declined for anything else.
    """
    if text.isascii() and text.isdigit() and len(text) < len("20260101T000000"):
        return Moment(sequence=int(text))
    return Moment(instant=read_span(text, name=name)[1])


def read_span(text: str, *, name: str) -> tuple[datetime, datetime]:
    """Read a day as its two ends, or an instant with zone as itself, twice."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        instant = _instant(text, name)
        return instant, instant
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1) - timedelta(milliseconds=1)


def _instant(text: str, name: str) -> datetime:
    try:
        # In a query string a `+` that nobody escaped arrives as a space.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = (
            "a ledger sequence, an instant with zone such as 2026-05-03T12:00:00Z, "
            "or a date such as 2026-05-03"
        )
        raise invalid([{"pointer": f"query.{name}", "message": message}])
    return instant.astimezone(UTC)
