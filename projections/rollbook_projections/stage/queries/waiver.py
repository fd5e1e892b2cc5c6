"""Who broke the glass, and who looked at that afterwards?"""

from datetime import datetime
from typing import Any, Final

from rollbook_projections.stage.tables.waiver import REVIEWS, WAIVERS
from rollbook_projections.view import Row, View, is_one_of

_OF_THE_WAIVER: Final = ("stage", "reason", "incident", "asked_by", "second_person")


def waivers(
    view: View,
    *,
    now: datetime | None = None,
    model: str | None = None,
    promotion: int | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Row]:
    """List waivers, the latest first, those asked for below the sequence `before`.

    `state` is requested, granted or, once `now` has come to `until`, over.
    """
    columns = WAIVERS.c
    wanted = {columns.model: model, columns.promotion: promotion}
    where = [column == value for column, value in wanted.items() if value is not None]
    if before is not None:
        where.append(columns.asked_seq < before)
    found = view.rows(WAIVERS, *where, order_by=[columns.asked_seq.desc()], limit=limit)
    return [_waiver(row, now) for row in found]


def requested(view: View, *, now: datetime | None = None) -> list[Row]:
    """List the waivers that wait for a second person, the oldest first."""
    where = WAIVERS.c.state == "requested", WAIVERS.c.needs_second_person.is_(True)
    found = view.rows(WAIVERS, *where, order_by=[WAIVERS.c.asked_seq])
    shown = [_waiver(row, now) for row in found]
    return [each for each in shown if each["state"] == "requested"]


def reviews(
    view: View,
    *,
    now: datetime | None = None,
    model: str | None = None,
    promotion: int | None = None,
    open_only: bool = False,
) -> list[Row]:
    """List reviews with what was waived and by whom: overdue ones on top.

    `overdue` is a pure function of the instant `now`; without one nothing is.
    """
    columns = REVIEWS.c
    wanted = {columns.model: model, columns.promotion: promotion}
    where = [column == value for column, value in wanted.items() if value is not None]
    if open_only:
        where.append(columns.closed_at.is_(None))
    found = view.rows(REVIEWS, *where, order_by=[columns.opened_seq])
    about = _waivers_of(view, found)
    shown = [_review(row, about[row["model"], row["waiver"]], now) for row in found]
    return sorted(shown, key=lambda each: not each["overdue"])


def is_past(instant: str | None, now: datetime | None) -> bool:
    """Tell whether an instant that was written has come; never without a `now`."""
    if instant is None or now is None:
        return False
    return datetime.fromisoformat(instant) <= now


def _waiver(row: Row, now: datetime | None) -> dict[str, Any]:
    ends = row.pop("ends_at")
    state = "over" if is_past(ends, now) else row["state"]
    return {**row, "until": ends, "state": state}


def _waivers_of(view: View, found: list[Row]) -> dict[Any, Row]:
    keys = [(row["model"], row["waiver"]) for row in found]
    waived = view.rows(WAIVERS, is_one_of(WAIVERS, "waiver", keys))
    return {(row["model"], row["waiver"]): row for row in waived}


def _review(row: Row, waiver: Row, now: datetime | None) -> dict[str, Any]:
    about = {name: waiver[name] for name in _OF_THE_WAIVER}
    gates = [each["gate"] for each in waiver["gates"]]
    overdue = row["closed_at"] is None and is_past(row["due_at"], now)
    return {**row, **about, "gates": gates, "overdue": overdue}
