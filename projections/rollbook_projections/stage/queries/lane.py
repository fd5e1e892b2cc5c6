"""What runs, should run and last proved itself in each lane?"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import tuple_

from rollbook_projections.stage.queries import rollout
from rollbook_projections.stage.queries.experiment import experiments
from rollbook_projections.stage.queries.promotion import pauses_of, summary
from rollbook_projections.stage.queries.target import is_settled, targets_of
from rollbook_projections.stage.tables.lane import LANES
from rollbook_projections.stage.tables.promotion import PROMOTIONS
from rollbook_projections.view import Row, View

Key = tuple[str, str]


def lanes(
    view: View,
    model: str | None = None,
    *,
    limit: int = 1000,
    after: Key | None = None,
) -> list[Row]:
    """Show the status board: every lane, those above `after` (model, stage)."""
    where = [] if model is None else [LANES.c.model == model]
    if after is not None:
        where.append(tuple_(LANES.c.model, LANES.c.stage) > tuple_(*after))
    order = [LANES.c.model, LANES.c.stage]
    return _shown(view, view.rows(LANES, *where, order_by=order, limit=limit))


def lane(view: View, model: str, stage: str) -> Row | None:
    """Show one lane, or None where nobody ever asked for anything."""
    found = view.rows(LANES, LANES.c.model == model, LANES.c.stage == stage)
    shown = next(iter(_shown(view, found)), None)
    if shown is None:
        return None
    beside = experiments(view, model=model, stage=stage, state="running", limit=1)
    return {**shown, "experiment": next(iter(beside), None)}


def status(row: Row, targets: Iterable[Row]) -> str:
    """Derive a lane's status from its slot and from what its targets reported."""
    if row["slot_promotion"] is not None:
        return "MOVING"
    if row["stable_version"] is None and row["desired_version"] is None:
        return "EMPTY"
    return "SETTLED" if all(map(is_settled, targets)) else "INDETERMINATE"


def _shown(view: View, found: list[Row]) -> list[Row]:
    names = sorted({row["model"] for row in found})
    if not names:
        return []
    targets = targets_of(view, found)
    is_open = PROMOTIONS.c.model.in_(names), PROMOTIONS.c.ended_seq.is_(None)
    waiting = _grouped(
        view.rows(PROMOTIONS, *is_open, order_by=[PROMOTIONS.c.promotion])
    )
    moving = [
        (row["model"], row["slot_promotion"]) for row in found if row["slot_promotion"]
    ]
    pauses = pauses_of(view, moving) if moving else {}
    rollouts = rollout.rollouts_of(view, moving)
    keys = [(row["model"], row["stage"]) for row in found]
    return [
        _board(
            row,
            targets.get(key, []),
            waiting[key],
            pause=pauses.get((row["model"], row["slot_promotion"])),
            plan=rollouts.get((row["model"], row["slot_promotion"])),
        )
        for key, row in zip(keys, found, strict=True)
    ]


def _grouped(rows: list[Row]) -> defaultdict[Key, list[Row]]:
    grouped: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["model"], row["stage"]].append(row)
    return grouped


def _board(
    row: Row,
    targets: list[Row],
    waiting: list[Row],
    *,
    pause: Row | None,
    plan: Row | None,
) -> dict[str, Any]:
    slot = _part(row, "slot_promotion", _SLOT)
    moving = [each for each in waiting if each["promotion"] == row["slot_promotion"]]
    return {
        "model": row["model"],
        "stage": row["stage"],
        "status": status(row, targets),
        "incumbent": moving[0]["version"] if moving else row["stable_version"],
        "token": row["token"],
        "desired": _part(row, "desired_version", _DESIRED),
        "stable": _part(row, "stable_version", _STABLE),
        "slot": slot
        and {**slot, "pause": pause, "rollout": plan and rollout.summary(plan)},
        "hold": _part(row, "hold", _HOLD),
        "beside": row["beside"],
        "targets": [_own(each) for each in targets],
        "open": [summary(each) for each in waiting],
    }


_OF_THE_LANE: Final = ("model", "stage")
_DESIRED: Final = {
    "version": "desired_version",
    "revision": "desired_revision",
    "promotion": "desired_promotion",
    "at": "desired_at",
    "variants": "variants",
    "weights": "weights",
    "wave": "wave",
    "step": "step",
    "split_key": "split_key",
    "drift": "drift_policy",
    "traffic": "traffic",
}
_STABLE: Final = {
    "version": "stable_version",
    "digest": "stable_digest",
    "promotion": "stable_promotion",
    "since": "stable_since",
    "since_seq": "stable_seq",
    "depth": "depth",
}
_SLOT: Final = {"promotion": "slot_promotion", "since": "slot_since"}
_HOLD: Final = {
    "id": "hold",
    "by": "hold_by",
    "reason": "hold_reason",
    "since": "hold_since",
    "until": "hold_until",
    "promotion": "hold_promotion",
}


def _part(row: Row, decisive: str, columns: dict[str, str]) -> dict[str, Any] | None:
    if row[decisive] is None:
        return None
    return {name: row[column] for name, column in columns.items()}


def _own(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _OF_THE_LANE}
