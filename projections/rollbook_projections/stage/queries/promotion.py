"""Which promotions are there, how far have they come, and why do they wait?"""

from typing import Any, Final

from rollbook_projections.stage.queries.experiment import experiment
from rollbook_projections.stage.queries.rollout import rollouts_of, steps_of
from rollbook_projections.stage.queries.target import targets_of
from rollbook_projections.stage.queries.vote import votes_of
from rollbook_projections.stage.queries.waiver import reviews, waivers
from rollbook_projections.stage.tables.evidence import EVIDENCE
from rollbook_projections.stage.tables.lane import LANES
from rollbook_projections.stage.tables.promotion import (
    ANALYSES,
    GATES,
    PAUSES,
    PROMOTIONS,
    TRIGGERS,
    UNDERWAY,
)
from rollbook_projections.view import Row, View, is_one_of

ANALYSES_SHOWN: Final = 100  # the latest
_LISTS: Final = ("walked_over", "voters", "inputs")
_OF_THE_PROMOTION: Final = ("model", "promotion")

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
    """Show one promotion with all that belongs to it, or None.

    `evidence_set` holds the live evidence of its version, `evidence` the same with
    kind and whether it attests anything: what votes may be bound to. `targets` is
    empty unless the lane's document is this promotion's.
    """
    key = (model, number)
    row = _one(view, PROMOTIONS, key)
    if row is None:
        return None
    evidence = _evidence(view, model, row["version"])
    return {
        **row,
        **{name: row[name] or [] for name in _LISTS},
        "gates": gates_of(view, [key]).get(key, []),
        "votes": votes_of(view, [key]).get(key, []),
        "evidence_set": [each["evidence"] for each in evidence],
        "evidence": evidence,
        "waivers": waivers(view, model=model, promotion=number)[::-1],
        "reviews": reviews(view, model=model, promotion=number),
        **_progress(view, key, is_paused=row["state"] == "PAUSED"),
        "targets": _targets(view, row),
        "experiment": experiment(view, *key),
        **_rollback(view, key),
    }


def summary(row: Row) -> dict[str, Any]:
    """Show a promotion's own row, without the long parts."""
    return {name: value for name, value in row.items() if name not in _LISTS}


def gates_of(view: View, keys: list[Key]) -> dict[Key, list[Row]]:
    """Return the latest words of the gates, by promotion, the first asked first."""
    where = is_one_of(GATES, "promotion", keys)
    order = [GATES.c.first_seq, GATES.c.gate]
    shown: dict[Key, list[Row]] = {}
    for row in view.rows(GATES, where, order_by=order):
        key = row.pop("model"), row.pop("promotion")
        del row["first_seq"]
        said = {"inputs": row["inputs"] or [], "values": row.pop("said") or {}}
        shown.setdefault(key, []).append({**row, **said})
    return shown


def pauses_of(view: View, keys: list[Key]) -> dict[Key, Row]:
    """Return what stands still, and why."""
    found = view.rows(PAUSES, is_one_of(PAUSES, "promotion", keys))
    return {
        (row.pop("model"), row.pop("promotion")): {**row, "inputs": row["inputs"] or []}
        for row in found
    }


def _progress(view: View, key: Key, *, is_paused: bool) -> dict[str, Any]:
    underway = _one(view, UNDERWAY, key)
    if underway is not None:
        underway = _own(underway)
        underway |= {name: underway[name] or [] for name in ("warnings", "accepted")}
    return {
        "underway": underway,
        "pause": pauses_of(view, [key])[key] if is_paused else None,
        "rollout": rollouts_of(view, [key]).get(key),
        "steps": steps_of(view, [key]).get(key, []),
        "analyses": _analyses(view, key),
    }


def _targets(view: View, row: Row) -> list[Row]:
    lane = (row["model"], row["stage"])
    found = view.rows(
        LANES,
        LANES.c.model == row["model"],
        LANES.c.stage == row["stage"],
        LANES.c.desired_promotion == row["promotion"],
    )
    return targets_of(view, found).get(lane, [])


def _analyses(view: View, key: Key) -> list[Row]:
    columns = ANALYSES.c
    found = view.rows(
        ANALYSES,
        columns.model == key[0],
        columns.promotion == key[1],
        order_by=[columns.recorded_seq.desc()],
        limit=ANALYSES_SHOWN,
    )
    return [_own(each) for each in reversed(found)]


def _rollback(view: View, key: Key) -> dict[str, Any]:
    """Say what it takes back by itself, or which rollback took it back."""
    trigger = _one(view, TRIGGERS, key)
    failed = TRIGGERS.c.model == key[0], TRIGGERS.c.failed_promotion == key[1]
    by = view.one(TRIGGERS, *failed)
    return {
        "triggered_by": trigger
        and {**_own(trigger), "inputs": trigger["inputs"] or []},
        "rolled_back_by": by and by["promotion"],
    }


def _one(view: View, table: Any, key: Key) -> Row | None:
    return view.one(table, table.c.model == key[0], table.c.promotion == key[1])


def _own(row: Row) -> Row:
    return {name: row[name] for name in row if name not in _OF_THE_PROMOTION}


def _evidence(view: View, model: str, version: int) -> list[Row]:
    columns = EVIDENCE.c
    found = view.rows(
        EVIDENCE,
        columns.model == model,
        columns.version == version,
        columns.revoked_at.is_(None),
        order_by=[columns.evidence],
    )
    return [
        {
            "evidence": row["evidence"],
            "kind": row["kind"],
            "verified": row["verified"] is not None,
        }
        for row in found
    ]
