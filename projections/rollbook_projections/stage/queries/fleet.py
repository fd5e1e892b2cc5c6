"""Which agents are there, which of them answer, and which rest?"""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import tuple_

from rollbook_projections.stage.tables.fleet import AGENTS
from rollbook_projections.view import Row, View

_AT_A_TARGET: Final = ("agent", "state", "since", "drained")

Place = tuple[str, str]
"""A stage and one of its targets."""


def agents(
    view: View,
    *,
    stage: str | None = None,
    target: str | None = None,
    state: str | None = None,
    limit: int = 1000,
    after: str | None = None,
) -> list[Row]:
    """List agents by name, those above `after`."""
    columns = AGENTS.c
    wanted = {columns.stage: stage, columns.target: target, columns.state: state}
    where = [column == value for column, value in wanted.items() if value is not None]
    if after is not None:
        where.append(columns.agent > after)
    found = view.rows(AGENTS, *where, order_by=[columns.agent], limit=limit)
    return [_shown(row) for row in found]


def agent(view: View, name: str) -> Row | None:
    """Show one agent, or None."""
    found = view.one(AGENTS, AGENTS.c.agent == name)
    return None if found is None else _shown(found)


def agents_at(view: View, places: Collection[Place]) -> dict[Place, list[Row]]:
    """Return in short who may speak for these places; nobody who was revoked."""
    if not places:
        return {}
    columns = AGENTS.c
    stands = tuple_(columns.stage, columns.target).in_(sorted(places))
    is_live = columns.state != "revoked"
    found: dict[Place, list[Row]] = {}
    for row in view.rows(AGENTS, stands, is_live, order_by=[columns.agent]):
        shown = _shown(row)
        short = {name: shown[name] for name in _AT_A_TARGET}
        found.setdefault((row["stage"], row["target"]), []).append(short)
    return found


def _shown(row: Row) -> dict[str, Any]:
    since = row.pop("state_since")
    return {**row, "since": since}
