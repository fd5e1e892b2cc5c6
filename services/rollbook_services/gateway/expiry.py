"""Which of the installation's own tokens end soon? Asked by `doctor`.

A registrar renews them only when it starts, so one that runs for long must be told.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from rollbook_projections.audit.queries import tokens
from rollbook_projections.database import Database
from rollbook_services.credentials import RENEW_BEFORE
from rollbook_services.gateway.gateway import Check

REGISTRAR: Final = "rollbook:registrar"
"""Who issues what an installation makes for itself: operator, conductor, agents."""
DAY: Final = timedelta(days=1)


async def look(database: Database, now: Callable[[], datetime]) -> list[Check]:
    """Name each service, agent or operator whose last token ends soon."""
    soon = ending(await database.read(tokens), now())
    if soon:
        return soon
    return [Check("tokens", ok=True, detail="no token of a service ends soon")]


def ending(rows: Iterable[dict[str, Any]], now: datetime) -> list[Check]:
    """Complain of each principal's token that lasts longest, if it ends soon."""
    lasting: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["revoked_at"] is None and _is_ours(row):
            other = lasting.setdefault(row["principal"], row)
            lasting[row["principal"]] = max(row, other, key=_end)
    return [
        _check(row, now)
        for _, row in sorted(lasting.items())
        if _end(row) - now < _warned_before(row)
    ]


def _check(row: dict[str, Any], now: datetime) -> Check:
    left = _end(row) - now
    when = f"ends in {left // DAY} days" if left > timedelta() else "has ended"
    if row["issued_by"] == REGISTRAR:
        fix = (
            "restart the registrar (or `rollbook up`), it makes a new one; separate "
            "processes: `rollbook admin hand-out`; then restart the agents and "
            "services that use it"
        )
    else:
        fix = (
            f"`rollbook token create {row['principal']}` with the same roles and "
            "place, and restart it with the new one; "
            f"`rollbook token revoke {row['token']}` if nobody uses it"
        )
    detail = f"token {row['token']} of {row['principal']} {when}"
    return Check(f"token of {row['principal']}", ok=False, detail=detail, fix=fix)


def _is_ours(row: dict[str, Any]) -> bool:
    return (
        row["issued_by"] == REGISTRAR
        or row["principal"].startswith("rollbook:")
        or "agent" in row["roles"]
    )


def _end(row: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(row["expires_at"])


def _warned_before(row: dict[str, Any]) -> timedelta:
    """Not from its first day on, where a token was made to live for a short time."""
    life = _end(row) - datetime.fromisoformat(row["issued_at"])
    return min(RENEW_BEFORE, life / 3)
