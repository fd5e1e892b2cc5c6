"""How does Python name a moment: a ledger sequence, an instant or a day?"""

from datetime import date, datetime

Moment = int | str | datetime | date


def moment(at: Moment | None) -> str | None:
    """Write a moment as the server reads it; raises ValueError without a zone."""
    if isinstance(at, datetime):
        if at.tzinfo is None:
            raise ValueError(
                f"{at.isoformat()} has no zone: give it one, as in "
                "at.replace(tzinfo=UTC) or at.astimezone()"
            )
        return at.isoformat()
    if isinstance(at, date):
        return at.isoformat()
    return None if at is None else str(at)
