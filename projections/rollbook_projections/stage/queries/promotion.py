"""Which promotions are there, why do they wait, and for whom?"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import exists

from rollbook_projections.stage.tables import (
    EVIDENCE,
    GATES,
    PROMOTIONS,
    VERSIONS,
    VOTES,
)
from rollbook_projections.view import Row, View, is_one_of

_DETAILED: Final = frozenset({"walked_over", "voters", "inputs"})

Key = tuple[str, int]


def promotions(
    view: View,
    model: str | None = None,
    *,
    stage: str | None = None,
    state: str | None = None,
    open_only: bool = False,
    limit: int = 100,
    before: int | None = None,
) -> list[Row]:
    """List promotions, the latest request first, those requested below `before`."""
    columns = PROMOTIONS.c
    wanted = {columns.model: model, columns.stage: stage, columns.state: state}
    where = [column == value for column, value in wanted.items() if value is not None]
    if open_only:
        where.append(columns.ended_seq.is_(None))
    if before is not None:
        where.append(columns.requested_seq < before)
    order = [columns.requested_seq.desc()]
    found = view.rows(PROMOTIONS, *where, order_by=order, limit=limit)
    return [summary(row) for row in found]


def promotion(view: View, model: str, number: int) -> Row | None:
    """Show one promotion with its gates and votes, or None.

    `evidence_set` holds the live evidence of its version, which votes are bound to.
    """
    key = PROMOTIONS.c.model == model, PROMOTIONS.c.promotion == number
    row = view.one(PROMOTIONS, *key)
    if row is None:
        return None
    return {
        **row,
        "gates": _gates(view, [(model, number)])[model, number],
        "votes": _votes(view, [(model, number)])[model, number],
        "evidence_set": _evidence_set(view, model, row["version"]),
    }


def inbox(
    view: View, principal: str, roles: Collection[str], *, limit: int = 200
) -> list[Row]:
    """List the promotions that wait for votes, oldest first.

    `barred` says why this principal cannot vote: requester, producer, voted or
    role; null where the vote is awaited.
    """
    asks = exists().where(
        GATES.c.model == PROMOTIONS.c.model,
        GATES.c.promotion == PROMOTIONS.c.promotion,
        GATES.c.kind == "approvals",
        GATES.c.status != "pass",
        view.visible(GATES),
    )
    is_open = PROMOTIONS.c.ended_seq.is_(None)
    order = [PROMOTIONS.c.requested_seq]
    waiting = view.rows(PROMOTIONS, is_open, asks, order_by=order, limit=limit)
    keys = [(row["model"], row["promotion"]) for row in waiting]
    gates, votes = _gates(view, keys), _votes(view, keys)
    producers = _producers(view, waiting)
    cards = []
    for row, key in zip(waiting, keys, strict=True):
        card = {**summary(row), "gates": gates[key], "votes": votes[key]}
        card["producer"] = producers.get((row["model"], row["version"]))
        cards.append({**card, "barred": _barred(card, principal, roles)})
    return cards


def summary(row: Row) -> dict[str, Any]:
    """Show a promotion's own row, without the long parts."""
    return {name: value for name, value in row.items() if name not in _DETAILED}


def _barred(card: Row, principal: str, roles: Collection[str]) -> str | None:
    if principal == card["requester"]:
        return "requester"
    if principal == card["producer"]:
        return "producer"
    if any(vote["voter"] == principal and vote["live"] for vote in card["votes"]):
        return "voted"
    named = {
        role
        for gate in card["gates"]
        if gate["kind"] == "approvals"
        for role in gate["values"].get("roles", "").split(",")
        if role
    }
    return "role" if named and not named & set(roles) else None


def _gates(view: View, keys: list[Key]) -> defaultdict[Key, list[Row]]:
    where = is_one_of(GATES, "promotion", keys)
    order = [GATES.c.first_seq, GATES.c.gate]
    shown: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in view.rows(GATES, where, order_by=order):
        key = row.pop("model"), row.pop("promotion")
        del row["first_seq"]
        shown[key].append({**row, "values": row.pop("said")})
    return shown


def _votes(view: View, keys: list[Key]) -> defaultdict[Key, list[Row]]:
    where = is_one_of(VOTES, "promotion", keys)
    shown: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in view.rows(VOTES, where, order_by=[VOTES.c.voted_seq]):
        key = row.pop("model"), row.pop("promotion")
        shown[key].append({**row, "live": row["withdrawn_at"] is None})
    return shown


def _evidence_set(view: View, model: str, version: int) -> list[str]:
    columns = EVIDENCE.c
    found = view.rows(
        EVIDENCE,
        columns.model == model,
        columns.version == version,
        columns.revoked_at.is_(None),
        order_by=[columns.evidence],
    )
    return [row["evidence"] for row in found]


def _producers(view: View, waiting: list[Row]) -> dict[Key, str]:
    wanted = sorted({(row["model"], row["version"]) for row in waiting})
    found = view.rows(VERSIONS, is_one_of(VERSIONS, "version", wanted))
    return {(row["model"], row["version"]): row["producer"] for row in found}
