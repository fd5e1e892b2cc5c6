"""What may be read of targets: what should run, does run, lags, drifted?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.target import drifts, targets
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.reading import Asked
from rollbook_services.gateway.routes.models import known

router = APIRouter(tags=["targets"])


@router.get("/targets")
async def list_targets(
    asked: Asked,
    page: Paged,
    model: str | None = None,
    stage: str | None = None,
    lagging: bool = False,
) -> Response:
    """List targets: desired, observed, how soon; `lagging` keeps who has not applied.

    In the order of model, stage and name.
    """

    def query(view: View) -> tuple[list[Row], str | None]:
        if model is not None:
            known(view, model)
        found = targets(
            view,
            model=model,
            stage=stage,
            lagging_only=lagging,
            limit=page.one_more,
            after=None if page.after is None else tuple(page.after),
        )
        return page.cut(found, lambda row: [row["model"], row["stage"], row["target"]])

    return await asked.page("stage", query)


@router.get("/drifts")
async def list_drifts(
    asked: Asked,
    page: Paged,
    model: str | None = None,
    stage: str | None = None,
    open: bool = False,
) -> Response:
    """List what ran somewhere without being desired, the latest first.

    `open` keeps what is not over, also where somebody has accepted it.
    """

    def query(view: View) -> tuple[list[Row], str | None]:
        if model is not None:
            known(view, model)
        found = drifts(
            view,
            model=model,
            stage=stage,
            open_only=open,
            limit=page.one_more,
            before=page.after,
        )
        return page.cut(found, lambda row: row["detected_seq"])

    return await asked.page("stage", query)
