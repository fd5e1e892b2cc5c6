"""Which gates were waived, by whom, and who has looked at that since?"""

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.waiver import reviews, waivers
from rollbook_projections.view import Row, View
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["waivers"])


@router.get("/waivers")
async def list_waivers(
    asked: Asked, model: str | None = None, promotion: int | None = None
) -> Response:
    """List waivers, the latest first."""

    def query(view: View) -> list[Row]:
        return waivers(view, now=asked.instant, model=model, promotion=promotion)

    return await asked.answer("stage", query)


@router.get("/reviews")
async def list_reviews(
    asked: Asked, model: str | None = None, open: bool = False, overdue: bool = False
) -> Response:
    """List reviews with what was waived: overdue ones on top."""

    def query(view: View) -> list[Row]:
        found = reviews(view, now=asked.instant, model=model, open_only=open)
        return [each for each in found if each["overdue"] or not overdue]

    return await asked.answer("stage", query)
