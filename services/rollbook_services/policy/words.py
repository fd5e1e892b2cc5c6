"""How are lengths of time and instants told to people?"""

from datetime import UTC, datetime, timedelta
from typing import Final

_IN_DAYS_FROM: Final = timedelta(days=3)
_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
LONGEST: Final = 2000
LONGEST_LINE: Final = 200


def length(of: timedelta) -> str:
    """Write a length in its two largest units: `14 h 28 min`, `24 h`, `3 d 2 h`."""
    left, parts = int(of.total_seconds()), []
    for unit, seconds in _UNITS[0 if of >= _IN_DAYS_FROM else 1 :]:
        many, left = divmod(left, seconds)
        if many:
            parts.append(f"{many} {unit}")
    return " ".join(parts[:2]) or "0 s"


def moment(at: datetime) -> str:
    """Write an instant to the minute, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def prose(text: str) -> str:
    """Cut a text to what an event can hold."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def line(text: str) -> str:
    """Cut a text to what one line of an event can hold."""
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
