"""What may be read of promotions, and what waits for the reader's vote?"""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from rollbook.catalogue.approval import Bound
from rollbook_projections.stage.queries.promotion import inbox, promotion, promotions
from rollbook_projections.view import Row, View
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import MODEL, Number, model_of
from rollbook_services.gateway.problems import not_found
from rollbook_services.gateway.reading import Asked
from rollbook_services.gateway.routes.models import known
from rollbook_services.policy.quorum import binding

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
    return await asked.answer("stage", lambda view: _shown(view, named, promotion))


@router.get("/inbox")
async def show_inbox(asked: Asked) -> Response:
    """List what waits for votes; `barred` says why the reader cannot cast one."""
    reader = asked.reader

    def query(view: View) -> list[Row]:
        cards = inbox(view, reader.principal, reader.roles)
        return [{**card, **_bound(view, card)} for card in cards]

    return await asked.answer("stage", query)


def _shown(view: View, model: str, number: int) -> dict[str, Any]:
    found = promotion(view, model, number)
    if found is None:
        known(view, model)
        raise not_found("promotion", f"{model}:{number}")
    return {**found, **_bound(view, found)}


def _bound(view: View, row: Row) -> dict[str, Any]:
    """Say what a vote is about now; the registrar computes the same and compares."""
    evidence = row.get("evidence_set")
    if evidence is None:
        found = promotion(view, row["model"], row["promotion"])
        evidence = found["evidence_set"] if found else []
    bound = Bound(
        digest=row["digest"],
        stage=row["stage"],
        policy_digest=row["policy_digest"],
        evidence_set=tuple(evidence),
        incumbent=row["incumbent"],
    )
    return {"binding": binding(bound), "bound_to": bound.model_dump(mode="json")}
