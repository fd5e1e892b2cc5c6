"""What may be read of where versions come from and where they went?"""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollbook_projections.lineage.queries.blast import blast_radius
from rollbook_projections.lineage.queries.graph import DEEPEST, graph
from rollbook_projections.lineage.queries.node import find
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paths import MODEL, Number, model_of
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked, Reading

router = APIRouter(tags=["lineage"])


class Direction(StrEnum):
    """Towards what it was made from, what was made from it, or both."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"


Depth = Annotated[int, Query(ge=1, le=DEEPEST)]


@router.get(f"{MODEL}/versions/{{version}}/lineage")
async def version_lineage(
    asked: Asked,
    team: str,
    name: str,
    version: Number,
    direction: Direction = Direction.BOTH,
    depth: Depth = DEEPEST,
) -> Response:
    """Show what a version was made from, what was made from it, and where it ran."""
    reference = f"{model_of(team, name)}@{version}"
    return await _graph(asked, reference, direction, depth)


@router.get("/lineage")
async def lineage_of(
    asked: Asked,
    ref: str,
    direction: Direction = Direction.BOTH,
    depth: Depth = DEEPEST,
) -> Response:
    """Show the graph around a data set, commit, run, base, version or lane."""
    return await _graph(asked, ref, direction, depth)


@router.get("/blast-radius")
async def blast_radius_of(asked: Asked, ref: str) -> Response:
    """List what was made of something, at whatever distance, and where it was live."""

    def query(view: View) -> Row:
        found = blast_radius(view, ref)
        if not found["of"]:
            raise not_found("lineage", ref)
        return found

    return await asked.answer("lineage", query)


async def _graph(
    asked: Reading, reference: str, direction: Direction, depth: int
) -> Response:
    def query(view: View) -> Row:
        start = find(view, reference)
        up = 0 if direction is Direction.DOWN else depth
        down = 0 if direction is Direction.UP else depth
        found = graph(view, start, up=up, down=down)
        if not found["edges"] and not any(map(_is_known, found["nodes"])):
            raise not_found("lineage", reference)
        return {"start": start, **found}

    return await asked.answer("lineage", query)


def _is_known(node: Row) -> bool:
    """A well-formed reference names a node whether or not anybody recorded it."""
    return bool(node["attributes"])
