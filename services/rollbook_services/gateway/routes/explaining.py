"""Why is a version not in a stage yet? The registrar is asked, in the reader's name."""

import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.explain import Explain
from rollbook.commands.wire import Problem, Told
from rollbook.commands.wire import Request as Asking
from rollbook.names import CommandId, ModelName, PromotionId
from rollbook_projections.view import Row
from rollbook_services.gateway.bodies import to_command
from rollbook_services.gateway.paths import MODEL, Number, model_of
from rollbook_services.gateway.problems import Declined
from rollbook_services.gateway.reading import Asked, Reading

VOTED_ON: Final = frozenset({"GATING", "READY"})

router = APIRouter(tags=["promotions"])


@router.get(f"{MODEL}/promotions/{{promotion}}/why")
async def why(asked: Asked, team: str, name: str, promotion: Number) -> Response:
    """Say of every gate what it says, why, and what would change it."""
    question = Explain(
        model=ModelName(model_of(team, name)), promotion=PromotionId(promotion)
    )
    return await _answered(asked, question)


@router.get(f"{MODEL}/versions/{{version}}/checks")
async def check(
    asked: Asked,
    team: str,
    name: str,
    version: Number,
    to: Annotated[str, Query(description="the stage")],
    kind: PromotionKind = PromotionKind.FORWARD,
) -> Response:
    """Judge the gates of a promotion nobody has asked for yet; nothing is recorded."""
    fields = {"version": version, "stage": to, "kind": kind}
    question = to_command(Explain, fields, {"model": model_of(team, name)})
    assert isinstance(question, Explain)
    return await _answered(asked, question)


async def _answered(asked: Reading, question: Explain) -> Response:
    told = await tell(asked, question)
    return asked.respond(told.answer, told.sequence)


async def tell(asked: Reading, question: Explain) -> Told:
    """Ask the registrar, as of the reader's moment; raises Declined for its no."""
    moment = {} if asked.as_of is None else {"as_of": asked.as_of}
    request = Asking(
        id=CommandId(str(uuid.uuid4())),
        command=Explain.model_validate({**question.model_dump(), **moment}),
    )
    credential = asked.reader.credential
    answer = await asked.gateway.sender.ask(request, credential=credential)
    if isinstance(answer, Problem):
        raise Declined(answer)
    return answer


async def with_binding(asked: Reading, card: Row) -> Mapping[str, Any]:
    """Add what a vote on a waiting promotion is about, as the registrar will see it."""
    if card.get("state") not in VOTED_ON:
        return card
    question = Explain(
        model=ModelName(card["model"]), promotion=PromotionId(card["promotion"])
    )
    told = (await tell(asked, question)).answer
    return {**card, "binding": told["binding"], "bound_to": told["bound_to"]}
