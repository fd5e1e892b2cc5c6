"""What must somebody know who joins this installation, and may everybody know?"""

from typing import Final

from fastapi import APIRouter
from sqlalchemy import Connection
from starlette.responses import Response

from rollbook_projections.audit.queries import event
from rollbook_projections.view import Row, View
from rollbook_services.gateway.problems import declined
from rollbook_services.gateway.reading import Asked

router = APIRouter(tags=["installation"])

GENESIS: Final = 1


@router.get("/installation")
async def show_installation(asked: Asked) -> Response:
    """Show whose ledger this is, the key that signs it, and where NATS is.

    An agent trusts what is signed for this origin by this key. `nats_url` is null
    where the server was not told it.
    """
    known = asked.gateway.installation

    def query(view: View) -> Row:
        opened = _opened(view.connection)
        return {
            "origin": opened["origin"],
            "event_key": opened["event_key"]["public"],
            "nats_url": known.nats_url or None,
            "nats_ca": known.nats_ca or None,
        }

    return await asked.answer("audit", query, at_least=GENESIS)


def _opened(connection: Connection) -> Row:
    found = event(connection, GENESIS)
    if found is None:
        raise declined("unavailable", "Nothing is recorded yet: ask again in a moment.")
    data: Row = found["event"]["data"]
    return data
