"""What should each target run, what does it run, how soon, and what drifted there?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import and_, func, select, tuple_

from rollbook_projections.stage.queries.fleet import Place, agents_at
from rollbook_projections.stage.tables.lane import LANES
from rollbook_projections.stage.tables.target import DRIFTS, TARGETS
from rollbook_projections.stage.tables.version import VERSIONS
from rollbook_projections.view import Row, View, is_one_of

_REPORTED: Final = frozenset({"applied", "failed", "errored"})

Key = tuple[str, str, str]


def targets(
    view: View,
    *,
    model: str | None = None,
    stage: str | None = None,
    target: str | None = None,
    place: Place | None = None,
    lagging_only: bool = False,
    limit: int = 1000,
    after: Key | None = None,
) -> list[Row]:
    """List targets by model, stage and name, those above `after`.

    Lagging is a target that its lane's document names and that has not applied it. A
    `place` is that of an agent: also what runs there beside its stage.
    """
    columns = TARGETS.c
    wanted = {columns.model: model, columns.stage: stage, columns.target: target}
    where = [column == value for column, value in wanted.items() if value is not None]
    if after is not None:
        where.append(
            tuple_(columns.model, columns.stage, columns.target) > tuple_(*after)
        )
    if lagging_only:
        where.append(columns.told.is_(True))
        where.append(columns.applied_revision < LANES.c.desired_revision)
    if place is not None:
        own = func.coalesce(LANES.c.beside, columns.stage)
        where += [own == place[0], columns.target == place[1]]
    joined = and_(
        LANES.c.model == columns.model,
        LANES.c.stage == columns.stage,
        view.visible(LANES),
    )
    found = view.fetch(
        select(columns.model, columns.stage, columns.target)
        .join(LANES, joined)
        .where(view.visible(TARGETS), *where)
        .order_by(columns.model, columns.stage, columns.target)
        .limit(limit)
    )
    keys = {_key(row) for row in found}
    of_lanes = _lanes_of(view, keys)
    return [row for row in _shown(view, of_lanes) if _key(row) in keys]


def targets_of(view: View, lanes: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """Return the targets of these rows of the table of lanes, by model and stage."""
    grouped: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in _shown(view, {(each["model"], each["stage"]): each for each in lanes}):
        grouped[row["model"], row["stage"]].append(row)
    return grouped


def is_settled(target: Row) -> bool:
    """Tell whether a target has said what it makes of the lane's document."""
    return not target["desired"] or (
        target["reported"] in _REPORTED
        and target["revision"] == target["desired"]["revision"]
    )


def drifts(
    view: View,
    *,
    model: str | None = None,
    stage: str | None = None,
    open_only: bool = False,
    limit: int = 1000,
    before: int | None = None,
) -> list[Row]:
    """List what drifted, the latest first, what was seen below the sequence `before`.

    Open is what is not over, accepted or not.
    """
    columns = DRIFTS.c
    wanted = {columns.model: model, columns.stage: stage}
    where = [column == value for column, value in wanted.items() if value is not None]
    if open_only:
        where.append(columns.ended_at.is_(None))
    if before is not None:
        where.append(columns.detected_seq < before)
    order = [columns.detected_seq.desc()]
    return view.rows(DRIFTS, *where, order_by=order, limit=limit)


def _lanes_of(view: View, keys: Iterable[Key]) -> dict[tuple[str, str], Row]:
    pairs = sorted({(model, stage) for model, stage, _ in keys})
    if not pairs:
        return {}
    return {
        (row["model"], row["stage"]): row
        for row in view.rows(LANES, is_one_of(LANES, "stage", pairs))
    }


def _shown(view: View, lanes: Mapping[tuple[str, str], Row]) -> list[Row]:
    if not lanes:
        return []
    order = [TARGETS.c.model, TARGETS.c.stage, TARGETS.c.target]
    of_lanes = is_one_of(TARGETS, "stage", sorted(lanes))
    found = view.rows(TARGETS, of_lanes, order_by=order)
    numbers = _numbers(view, found, lanes)
    open_ = _open_drifts(view, found)
    agents = agents_at(view, {_place(row, lanes) for row in found})
    return [
        _target(
            row,
            lanes[row["model"], row["stage"]],
            numbers=numbers,
            drift=open_.get((row["model"], row["drift"])),
            agents=agents.get(_place(row, lanes), []),
        )
        for row in found
    ]


def _place(row: Row, lanes: Mapping[tuple[str, str], Row]) -> Place:
    """Say whose place it is: what runs beside a stage runs on that one's targets."""
    lane = lanes[row["model"], row["stage"]]
    return lane["beside"] or row["stage"], row["target"]


def _target(
    row: Row,
    lane: Row,
    *,
    numbers: Mapping[tuple[str, str], int],
    drift: Row | None,
    agents: list[Row],
) -> Row:
    desired = _desired(row, lane) if row["told"] else None
    revision = desired["revision"] if desired else row["revision"]
    own = {name: row[name] for name in row if name not in ("told", "drift")}
    return {
        **own,
        "state": _state(row, revision, drift),
        "reported": row["state"],
        "current": row["revision"] == revision and row["state"] == "applied",
        "lagging": bool(row["told"]) and row["applied_revision"] < revision,
        "desired": desired,
        "runs": [
            {
                "variant": variant,
                "version": numbers.get((row["model"], digest)),
                "digest": digest,
            }
            for variant, digest in row["observed"].items()
        ],
        "drift": drift,
        "agents": agents,
    }


def _desired(row: Row, lane: Row) -> Row:
    shares, variants = lane["weights"].get(row["target"], {}), lane["variants"]
    return {
        "revision": lane["desired_revision"],
        "at": lane["desired_at"],
        "promotion": lane["desired_promotion"],
        "variants": [
            {
                "variant": name,
                "version": variants[name]["version"],
                "digest": variants[name]["digest"],
                "weight": weight,
            }
            for name, weight in shares.items()
            if name in variants
        ],
    }


def _state(row: Row, revision: int, drift: Row | None) -> str:
    if row["revision"] < revision:
        return "desired"
    state: str = row["state"]
    return state if drift is None else "drifted"


def _numbers(
    view: View, found: list[Row], lanes: Mapping[tuple[str, str], Row]
) -> dict[tuple[str, str], int]:
    """Return by model and digest the number of each version that a target runs."""
    known = {
        (model, variant["digest"]): variant["version"]
        for (model, _), lane in lanes.items()
        for variant in lane["variants"].values()
    }
    seen = {(row["model"], each) for row in found for each in row["observed"].values()}
    missing = sorted(seen - known.keys())
    if missing:
        for row in view.rows(VERSIONS, is_one_of(VERSIONS, "digest", missing)):
            known[row["model"], row["digest"]] = row["version"]
    return known


def _open_drifts(view: View, found: list[Row]) -> dict[tuple[str, str], Row]:
    keys = sorted((row["model"], row["drift"]) for row in found if row["drift"])
    if not keys:
        return {}
    shown = ("drift", "policy", "state", "observed", "detected_at", "accepted_by")
    return {
        (row["model"], row["drift"]): {name: row[name] for name in shown}
        for row in view.rows(DRIFTS, is_one_of(DRIFTS, "drift", keys))
    }


def _key(row: Row) -> Key:
    return row["model"], row["stage"], row["target"]
