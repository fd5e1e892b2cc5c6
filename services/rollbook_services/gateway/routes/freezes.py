"""Which lanes are closed, by whom, and until when?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.calendar import freeze, freezes
from rollbook_projections.view import Row, View
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["freezes"])


@router.get("/freezes")
async def list_freezes(
    asked: Asked,
    open: bool = False,
    model: str | None = None,
    stage: str | None = None,
) -> Response:
    """List freezes, the latest first; those over a model or a stage where asked."""

    def query(view: View) -> list[Row]:
        return freezes(
            view, now=asked.instant, open_only=open, model=model, stage=stage
        )

    return await asked.answer("stage", query)


@router.get("/freezes/{freeze_id}")
async def show_freeze(asked: Asked, freeze_id: str) -> Response:
    """Show one freeze."""

    def query(view: View) -> Row:
        found = freeze(view, freeze_id, now=asked.instant)
        if found is None:
            raise not_found("freeze", freeze_id)
        return found

    return await asked.answer("stage", query)
