"""Which credentials are there, and who is behind a pseudonym?"""

import asyncio
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from rollbook_projections.audit.queries import tokens
from rollbook_projections.view import Row, View
from rollbook_services.gateway.bodies import read_object
from rollbook_services.gateway.credentials import authenticate
from rollbook_services.gateway.problems import invalid
from rollbook_services.gateway.reading import Asked, gateway_of

ACCESS_ADMIN: Final = "access-admin"
AUDITOR: Final = "auditor"

router = APIRouter(tags=["access"])


@router.get("/access/tokens")
async def list_tokens(asked: Asked) -> Response:
    """List every token that was issued, and which were revoked; never a secret."""
    asked.reader.must_be(ACCESS_ADMIN, AUDITOR)

    def query(view: View) -> list[Row]:
        hidden = {"since", "until", "sha256"}
        return [
            {name: part for name, part in row.items() if name not in hidden}
            for row in tokens(view.connection, as_of=view.as_of)
        ]

    return await asked.answer("audit", query)


@router.get("/access/people")
async def list_people(asked: Asked) -> Response:
    """List the people whose names are known here."""
    asked.reader.must_be(ACCESS_ADMIN, AUDITOR)
    found = await asyncio.to_thread(asked.gateway.people.all)
    rows = [{"principal": who, "name": name} for who, name in found.items()]
    return asked.respond(rows, asked.gateway.sources["audit"].projector.position)


@router.post("/access/people", status_code=201)
async def name_person(
    request: Request, authorization: Annotated[str | None, Header()] = None
) -> Response:
    """Find or make the pseudonym of a person; names stay outside the ledger."""
    gateway = gateway_of(request)
    reader = await authenticate(gateway, authorization)
    reader.must_be(ACCESS_ADMIN)
    name = _name_in(await read_object(request))
    try:
        principal = await asyncio.to_thread(gateway.people.find_or_make, name)
    except ValueError as error:
        raise invalid([{"pointer": "/name", "message": str(error)}]) from error
    known = gateway.people.names([principal])
    document = orjson.dumps({"principal": principal, "name": known[principal]})
    return Response(document, status_code=201, media_type="application/json")


def _name_in(body: dict[str, Any]) -> str:
    faults = [
        {"pointer": f"/{field}", "message": "there is no such field: check its name"}
        for field in body
        if field != "name"
    ]
    name = body.get("name")
    if not isinstance(name, str):
        faults.append({"pointer": "/name", "message": "a person's name, as text"})
    if faults or not isinstance(name, str):
        raise invalid(faults)
    return name
