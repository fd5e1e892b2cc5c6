"""What may be read of versions that run, or ran, beside the live one?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.experiment import experiments
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.reading import Asked
from rollbook_services.gateway.routes.models import known

router = APIRouter(tags=["experiments"])


@router.get("/experiments")
async def list_experiments(
    asked: Asked,
    page: Paged,
    model: str | None = None,
    stage: str | None = None,
    state: str | None = None,
) -> Response:
    """List shadows and challengers, the latest first: running, concluded, invalidated.

    What one showed stands in `summary`, and in the evidence it names.
    """

    def query(view: View) -> tuple[list[Row], str | None]:
        if model is not None:
            known(view, model)
        found = experiments(
            view,
            model=model,
            stage=stage,
            state=state,
            limit=page.one_more,
            before=page.after,
        )
        return page.cut(found, lambda row: row["started_seq"])

    return await asked.page("stage", query)
