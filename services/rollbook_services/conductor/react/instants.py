"""How is an instant written so that text sorts like time?"""

from datetime import UTC, datetime


def sortable(at: datetime) -> str:
    """Write an instant: UTC, six decimals, Z."""
    text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def sorted_text(written: str | None) -> str | None:
    """Write an instant of an event's data anew; None stays None."""
    return None if written is None else sortable(datetime.fromisoformat(written))
