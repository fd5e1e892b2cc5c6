"""When may nothing be changed, where, and who said so?"""

from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from sqlalchemy import ColumnElement

from rollbook_projections.stage.tables.calendar import FREEZES
from rollbook_projections.view import Row, View


def freezes(
    view: View,
    *,
    now: datetime,
    open_only: bool = False,
    model: str | None = None,
    stage: str | None = None,
) -> list[Row]:
    """List freezes, the latest first; those over a model or a stage where asked.

    `state` is upcoming, open, over or lifted at the instant `now`.
    """
    where = [FREEZES.c.lifted_at.is_(None)] if open_only else []
    return [
        shown
        for row in _found(view, *where)
        if covers(row, model=model, stage=stage)
        for shown in (_shown(row, now),)
        if not open_only or shown["state"] == "open"
    ]


def freeze(view: View, id_: str, *, now: datetime) -> Row | None:
    """Show one freeze, or None."""
    found = _found(view, FREEZES.c.freeze == id_)
    return _shown(found[0], now) if found else None


def covers(row: Row, *, model: str | None, stage: str | None) -> bool:
    """Tell whether a freeze reaches a model and a stage; None: whichever it is."""
    models, stages = row["covers"]["models"], row["covers"]["stages"]
    return _one_of(models, model) and _one_of(stages, stage)


def _one_of(patterns: Sequence[str], name: str | None) -> bool:
    if not patterns or name is None:
        return True
    return any(fnmatchcase(name, each) for each in patterns)


def _found(view: View, *where: ColumnElement[bool]) -> list[Row]:
    order = [FREEZES.c.declared_seq.desc(), FREEZES.c.freeze]
    return view.rows(FREEZES, *where, order_by=order)


def _shown(row: Row, now: datetime) -> dict[str, Any]:
    begins, ends = row.pop("begins_at"), row.pop("ends_at")
    return {
        **row,
        "from_at": begins,
        "until": ends,
        "state": _state(row, begins, ends, now),
    }


def _state(row: Row, begins: str, ends: str | None, now: datetime) -> str:
    if row["lifted_at"] is not None:
        return "lifted"
    if now < datetime.fromisoformat(begins):
        return "upcoming"
    is_over = ends is not None and datetime.fromisoformat(ends) <= now
    return "over" if is_over else "open"
