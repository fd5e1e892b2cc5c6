"""Which models are released as one, and how far have they come?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.bundle import bundle, bundles
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import Number
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["bundles"])


@router.get("/bundles")
async def list_bundles(
    asked: Asked, page: Paged, stage: str | None = None, state: str | None = None
) -> Response:
    """List bundles with their members, the latest first."""

    def query(view: View) -> tuple[list[Row], str | None]:
        found = bundles(
            view, stage=stage, state=state, limit=page.one_more, before=page.after
        )
        return page.cut(found, lambda row: row["bundle"])

    return await asked.page("stage", query)


@router.get("/bundles/{number}")
async def show_bundle(asked: Asked, number: Number) -> Response:
    """Show one bundle, each member with its promotion as it stands."""

    def query(view: View) -> Row:
        found = bundle(view, number)
        if found is None:
            raise not_found("bundle", str(number))
        return found

    return await asked.answer("stage", query)
