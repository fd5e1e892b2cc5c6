"""What may be read of lanes, and of what was live when?"""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollbook_projections.stage.queries.changes import changes
from rollbook_projections.stage.queries.interval import intervals
from rollbook_projections.stage.queries.lane import lane, lanes
from rollbook_projections.view import Row, View
from rollbook_services.gateway.moments import read_span
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import MODEL, model_of
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked, moment_of
from rollbook_services.gateway.routes.models import known

router = APIRouter(tags=["lanes"])


@router.get("/lanes")
async def status_board(asked: Asked, page: Paged, model: str | None = None) -> Response:
    """Show every lane: desired, stable, targets, hold, slot, what is open."""

    def query(view: View) -> tuple[list[Row], str | None]:
        if model is not None:
            known(view, model)
        after = None if page.after is None else (page.after[0], page.after[1])
        found = lanes(view, model, limit=page.one_more, after=after)
        return page.cut(found, lambda row: [row["model"], row["stage"]])

    return await asked.page("stage", query)


@router.get(f"{MODEL}/lanes/{{stage}}")
async def show_lane(asked: Asked, team: str, name: str, stage: str) -> Response:
    """Show one lane."""
    named = model_of(team, name)

    def query(view: View) -> Row:
        known(view, named)
        found = lane(view, named, stage)
        if found is None:
            raise not_found("lane", f"{named}#{stage}")
        return found

    return await asked.answer("stage", query)


@router.get(f"{MODEL}/lanes/{{stage}}/history")
async def lane_history(
    asked: Asked, team: str, name: str, stage: str, on: str | None = None
) -> Response:
    """List what was stable in a lane, from when to when; `on` a day or an instant."""
    return await _history(asked, model_of(team, name), stage, on)


@router.get(f"{MODEL}/history")
async def model_history(
    asked: Asked, team: str, name: str, on: str | None = None
) -> Response:
    """List what was stable in every lane of a model, from when to when."""
    return await _history(asked, model_of(team, name), None, on)


@router.get("/diff")
async def diff(
    asked: Asked,
    from_: Annotated[str, Query(alias="from")],
    until: str | None = None,
    model: str | None = None,
) -> Response:
    """List what was different after `until` from what was after `from`."""
    start, _ = await moment_of(asked.gateway, from_, name="from")
    end, _ = await moment_of(asked.gateway, until, name="until")
    last = end if end is not None else asked.as_of or await asked.gateway.head()

    def query(view: View) -> dict[str, object]:
        found = changes(view, start or 0, last, model=model)
        return {"from": start, "until": last, "changes": found}

    return await asked.answer("stage", query, at_least=last)


async def _history(
    asked: Asked, model: str, stage: str | None, on: str | None
) -> Response:
    between = None if on is None else read_span(on, name="on")

    def query(view: View) -> list[Row]:
        known(view, model)
        return intervals(view, model, stage, between=between)

    return await asked.answer("stage", query)
