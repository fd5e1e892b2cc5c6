"""By which plan does a change come onto the targets, and how far has it come?"""

from typing import Any, Final

from rollbook_projections.stage.tables.promotion import UNDERWAY
from rollbook_projections.stage.tables.rollout import PLANS, STEPS
from rollbook_projections.view import Row, View, is_one_of

_NO_PLAN: Final[dict[str, Any]] = {
    "waves": [],
    "steps": [],
    "split_key": None,
    "measures": [],
    "drained": [],
}

Key = tuple[str, int]


def steps_of(view: View, keys: list[Key]) -> dict[Key, list[Row]]:
    """Return the steps that have begun, by promotion, the first one first."""
    order = [STEPS.c.wave, STEPS.c.step]
    found: dict[Key, list[Row]] = {}
    for row in view.rows(STEPS, is_one_of(STEPS, "promotion", keys), order_by=order):
        key = row.pop("model"), row.pop("promotion")
        shown = {**row, "stragglers": row["stragglers"] or []}
        found.setdefault(key, []).append(shown)
    return found


def rollouts_of(view: View, keys: list[Key]) -> dict[Key, Row]:
    """Return of each promotion that has begun its plan and the present step.

    `now` counts from 0 and is null before the first step; its `pause` is the role that
    a person needs to end it, its `step_by` until when targets may take to apply it. Of
    a change recorded before there were plans the lists are empty.
    """
    if not keys:
        return {}
    plans = _by_key(view.rows(PLANS, is_one_of(PLANS, "promotion", keys)))
    under_way = _by_key(view.rows(UNDERWAY, is_one_of(UNDERWAY, "promotion", keys)))
    steps = steps_of(view, keys)
    found: dict[Key, Row] = {}
    for key in keys:
        plan = plans.get(key, _NO_PLAN)
        if key in plans or key in steps:
            now = _now(plan, steps.get(key, []), under_way.get(key))
            found[key] = {**plan, "now": now}
    return found


def summary(rollout: Row) -> dict[str, Any]:
    """Say in short how far it has come: which of how many, and since when."""
    counted = {"waves": len(rollout["waves"]), "steps": len(rollout["steps"])}
    return {**(rollout["now"] or {}), **counted}


def _now(plan: Row, steps: list[Row], under_way: Row | None) -> Row | None:
    if under_way is None:
        return None
    place = under_way["wave"], under_way["step"]
    step = next((row for row in steps if (row["wave"], row["step"]) == place), None)
    if step is None:
        return None
    number = step["step"]
    pause = plan["steps"][number]["pause"] if number < len(plan["steps"]) else None
    is_waited_for = not (pause or step["applied_at"] or step["completed_at"])
    return {
        **step,
        "pause": pause,
        "bake_until": under_way["bake_until"],
        "step_by": under_way["step_by"] if is_waited_for else None,
    }


def _by_key(rows: list[Row]) -> dict[Key, Row]:
    return {(row.pop("model"), row.pop("promotion")): row for row in rows}
