"""What may be read of promotions, and what waits for the reader's vote?"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from rollbook_projections.stage.queries.inbox import inbox
from rollbook_projections.stage.queries.promotion import promotion, promotions
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import MODEL, Number, model_of
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked
from rollbook_services.gateway.routes.explaining import with_binding
from rollbook_services.gateway.routes.models import known

router = APIRouter(tags=["promotions"])


@router.get(f"{MODEL}/promotions")
async def list_promotions(
    asked: Asked,
    page: Paged,
    team: str,
    name: str,
    stage: str | None = None,
    state: str | None = None,
    open: bool = False,
) -> Response:
    """List the promotions of a model, the latest request first."""
    named = model_of(team, name)

    def query(view: View) -> tuple[list[Row], str | None]:
        known(view, named)
        found = promotions(
            view,
            named,
            stage=stage,
            state=state,
            open_only=open,
            limit=page.one_more,
            before=page.after,
        )
        return page.cut(found, lambda row: row["requested_seq"])

    return await asked.page("stage", query)


@router.get(f"{MODEL}/promotions/{{promotion}}")
async def show_promotion(
    asked: Asked, team: str, name: str, promotion: Number
) -> Response:
    """Show a promotion with gates, votes, and what an approval of it binds to."""
    named = model_of(team, name)
    card, sequence = await asked.ask(
        "stage", lambda view: _shown(view, named, promotion)
    )
    return asked.respond(await with_binding(asked, card), sequence)


@router.get("/inbox")
async def show_inbox(asked: Asked) -> Response:
    """List what waits for the reader; `barred` says why the reader cannot do it."""
    reader, now = asked.reader, asked.instant
    cards, sequence = await asked.ask(
        "stage", lambda view: inbox(view, reader.principal, reader.roles, now=now)
    )
    bound = [await with_binding(asked, card) for card in cards]
    return asked.respond([_asked_again(card) for card in bound], sequence)


def _asked_again(card: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask once more whoever voted on what has changed since."""
    if card["barred"] != "voted":
        return card
    counted = {vote["binding"] for vote in card["votes"] if vote["live"]}
    return card if card["binding"] in counted else {**card, "barred": None}


def _shown(view: View, model: str, number: int) -> Row:
    found = promotion(view, model, number)
    if found is None:
        known(view, model)
        raise not_found("promotion", f"{model}:{number}")
    return found
