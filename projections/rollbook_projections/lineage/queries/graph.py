"""What lies upstream and downstream of a node?

Edges run from what was there first: data set → version → lane. A walk visits each
node once, so a cycle ends it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import and_, select

from rollbook_projections.lineage.queries.node import chunks, described, version_key
from rollbook_projections.lineage.tables import DEPLOYMENTS, EDGES, EVALUATIONS
from rollbook_projections.view import Row, View, is_one_of

DEEPEST: Final = 64
MOST_NODES: Final = 20_000

Step = Callable[[View, list[str]], list[Row]]


@dataclass(slots=True)
class Walk:
    """The nodes that were reached, each with its distance, and the edges between."""

    distance: dict[str, int]
    edges: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    is_complete: bool = True

    def add(self, edge: Row) -> None:
        """Keep an edge once, from whichever side it was found."""
        key = (edge["from"], edge["to"], edge["kind"], edge["role"])
        self.edges[*key, edge.get("from_seq")] = edge


def graph(
    view: View, start: Iterable[str], *, up: int = DEEPEST, down: int = DEEPEST
) -> Row:
    """Return nodes and edges within so many steps; 0 leaves a direction out."""
    start = list(start)
    above = walk(view, start, towards="from", depth=up)
    below = walk(view, start, towards="to", depth=down)
    edges = above.edges | below.edges
    ends = {edge[side] for edge in edges.values() for side in ("from", "to")}
    order = sorted(edges.items(), key=lambda item: str(item[0]))
    return {
        "start": start,
        "nodes": described(view, ends | set(start)),
        "edges": [edge for _, edge in order],
        "is_complete": above.is_complete and below.is_complete,
    }


def upstream(view: View, start: Iterable[str], depth: int = DEEPEST) -> Row:
    """Return what these were made from."""
    return graph(view, start, up=depth, down=0)


def downstream(view: View, start: Iterable[str], depth: int = DEEPEST) -> Row:
    """Return what was made from these, and where that is or was live."""
    return graph(view, start, up=0, down=depth)


def walk(view: View, start: Iterable[str], *, towards: str, depth: int) -> Walk:
    """Follow edges towards their `from` or `to` end, nearest nodes first."""
    step = _above if towards == "from" else _below
    walked = Walk(dict.fromkeys(start, 0))
    frontier = list(walked.distance)
    for distance in range(1, min(depth, DEEPEST) + 1):
        reached: list[str] = []
        for edge in step(view, frontier):
            walked.add(edge)
            # What was only measured on a data set was not made from it.
            if edge[towards] not in walked.distance and edge["kind"] != "evaluated_on":
                walked.distance[edge[towards]] = distance
                reached.append(edge[towards])
        frontier = reached
        if not frontier:
            return walked
        if len(walked.distance) > MOST_NODES:
            break
    walked.is_complete = depth < 1 or not any(
        edge[towards] not in walked.distance
        for edge in step(view, frontier)
        if edge["kind"] != "evaluated_on"
    )
    return walked


def _above(view: View, ids: list[str]) -> list[Row]:
    found: list[Row] = []
    for chunk in chunks(ids):
        found += map(_edge, view.rows(EDGES, EDGES.c.product.in_(chunk)))
    versions = [version_key(id_) for id_ in ids if id_.startswith("version:")]
    for keys in chunks(versions):
        of_these = is_one_of(EVALUATIONS, "version", keys)
        found += map(_evaluation, view.rows(EVALUATIONS, of_these))
    lanes = [_lane_key(id_) for id_ in ids if id_.startswith("lane:")]
    for pairs in chunks(lanes):
        of_these = is_one_of(DEPLOYMENTS, "stage", pairs)
        found += _deployments(view, of_these, view.visible(DEPLOYMENTS))
    return found


def _below(view: View, ids: list[str]) -> list[Row]:
    found: list[Row] = []
    for chunk in chunks(ids):
        found += map(_edge, view.rows(EDGES, EDGES.c.source.in_(chunk)))
        on = EVALUATIONS.c.dataset.in_(chunk)
        found += map(_evaluation, view.rows(EVALUATIONS, on))
    versions = [version_key(id_) for id_ in ids if id_.startswith("version:")]
    for keys in chunks(versions):
        found += _deployments(view, is_one_of(DEPLOYMENTS, "version", keys))
    return found


def _edge(row: Row) -> Row:
    return {
        "from": row["source"],
        "to": row["product"],
        "kind": row["kind"],
        "role": row["role"],
        "name": row["name"],
    }


def _evaluation(row: Row) -> Row:
    return {
        "from": row["dataset"],
        "to": f"version:{row['model']}@{row['version']}",
        "kind": "evaluated_on",
        "role": row["evidence"],
        "name": row["name"],
        "evidence_kind": row["kind"],
        "verdict": row["verdict"],
    }


def _deployments(view: View, *where: Any) -> list[Row]:
    """Return when versions were live in lanes; what is still live has no end."""
    live, later = DEPLOYMENTS, DEPLOYMENTS.alias("later")
    followed_by = and_(
        later.c.model == live.c.model,
        later.c.stage == live.c.stage,
        later.c.since == live.c.until,
    )
    query = (
        select(live, later.c.from_at.label("until_at"))
        .select_from(live.outerjoin(later, followed_by))
        .where(*where)
    )
    if view.as_of is not None:
        query = query.where(live.c.since <= view.as_of)
    return [_deployment(row, view.as_of) for row in view.fetch(query)]


def _deployment(row: Row, as_of: int | None) -> Row:
    until = row["until"]
    is_live = until is None or (as_of is not None and until > as_of)
    return {
        "from": f"version:{row['model']}@{row['version']}",
        "to": f"lane:{row['model']}#{row['stage']}",
        "kind": "deployed_to",
        "role": "",
        "name": None,
        "promotion": row["promotion"],
        "from_seq": row["since"],
        "from_at": row["from_at"],
        "until_seq": None if is_live else until,
        "until_at": None if is_live else row["until_at"],
        "live": is_live,
    }


def _lane_key(id_: str) -> tuple[str, str]:
    model, _, stage = id_.removeprefix("lane:").rpartition("#")
    return model, stage
