"""How is a recurring stretch of time said in words?"""

from datetime import datetime
from typing import Final

_DAYS: Final = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}


def recurring(rrule: str, start: str) -> str:
    """Write the usual rules in words, and every other one as it is."""
    parts = dict(part.split("=", 1) for part in rrule.split(";") if "=" in part)
    at = datetime.fromisoformat(start)
    clock = f"{at:%H:%M}"
    match parts:
        case {"FREQ": "DAILY", **rest} if not rest:
            return f"every day from {clock}"
        case {"FREQ": "WEEKLY", "BYDAY": days, **rest} if not rest and _known(days):
            return f"every {_named(days)} from {clock}"
        case {"FREQ": "WEEKLY", **rest} if not rest:
            return f"every {at:%A} from {clock}"
        case {"FREQ": "YEARLY", **rest} if not rest:
            return f"every year from {at.day} {at:%B} {clock}"
        case _:
            return f"{rrule} from {start}"


def _known(days: str) -> bool:
    return all(day in _DAYS for day in days.split(","))


def _named(days: str) -> str:
    *most, last = [_DAYS[day] for day in days.split(",")]
    return f"{', '.join(most)} and {last}" if most else last
