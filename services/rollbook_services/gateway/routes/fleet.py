"""What may be read of agents: which are there, which answer, and what they serve?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.fleet import agent, agents
from rollbook_projections.stage.queries.target import targets
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["agents"])


@router.get("/agents")
async def list_agents(
    asked: Asked,
    page: Paged,
    stage: str | None = None,
    target: str | None = None,
    state: str | None = None,
) -> Response:
    """List agents by name: where each speaks, and whether it answers."""

    def query(view: View) -> tuple[list[Row], str | None]:
        found = agents(
            view,
            stage=stage,
            target=target,
            state=state,
            limit=page.one_more,
            after=page.after,
        )
        return page.cut(found, lambda row: row["agent"])

    return await asked.page("stage", query)


@router.get("/agents/{agent}")
async def show_agent(asked: Asked, agent: str) -> Response:
    """Show one agent, with what its target should run and does run of each model."""
    return await asked.answer("stage", lambda view: _shown(view, agent))


def _shown(view: View, name: str) -> Row:
    found = agent(view, name)
    if found is None:
        raise not_found("agent", name)
    place = found["stage"], found["target"]
    return {**found, "targets": targets(view, place=place)}
