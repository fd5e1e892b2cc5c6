"""Which models were released as one, and how did that go?"""

from collections import defaultdict
from typing import Any

from rollbook_projections.stage.queries.promotion import summary
from rollbook_projections.stage.tables.bundle import BUNDLES, MEMBERS
from rollbook_projections.stage.tables.promotion import PROMOTIONS
from rollbook_projections.view import Row, View, is_one_of


def bundles(
    view: View,
    *,
    stage: str | None = None,
    state: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Row]:
    """List bundles with their members, the latest first, those below `before`."""
    columns = BUNDLES.c
    wanted = {columns.stage: stage, columns.state: state}
    where = [column == value for column, value in wanted.items() if value is not None]
    if before is not None:
        where.append(columns.bundle < before)
    order = [columns.bundle.desc()]
    found = view.rows(BUNDLES, *where, order_by=order, limit=limit)
    members = _members(view, [row["bundle"] for row in found])
    return [{**row, "members": members[row["bundle"]]} for row in found]


def bundle(view: View, number: int) -> Row | None:
    """Show one bundle, each member with its promotion as it stands, or None."""
    row = view.one(BUNDLES, BUNDLES.c.bundle == number)
    if row is None:
        return None
    members = _members(view, [number])[number]
    promotions = _promotions(view, members)
    return {
        **row,
        "members": [
            {**each, "now": promotions.get((each["model"], each["promotion"]))}
            for each in members
        ],
    }


def _members(view: View, numbers: list[int]) -> defaultdict[int, list[Row]]:
    order = [MEMBERS.c.bundle, MEMBERS.c.place]
    shown: defaultdict[int, list[Row]] = defaultdict(list)
    for row in view.rows(MEMBERS, MEMBERS.c.bundle.in_(numbers), order_by=order):
        del row["place"]
        shown[row.pop("bundle")].append(row)
    return shown


def _promotions(view: View, members: list[Row]) -> dict[Any, Row]:
    keys = [(each["model"], each["promotion"]) for each in members]
    found = view.rows(PROMOTIONS, is_one_of(PROMOTIONS, "promotion", keys))
    return {(row["model"], row["promotion"]): summary(row) for row in found}
