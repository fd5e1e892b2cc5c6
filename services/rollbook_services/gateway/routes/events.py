"""What may be read of the record itself: events, one event, the feed?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from rollbook.names import LARGEST
from rollbook_projections.audit.queries import Filter, Row, bodies, event, events
from rollbook_projections.view import View
from rollbook_services.gateway.moments import read_moment
from rollbook_services.gateway.paging import Paged
from rollbook_services.gateway.paths import Number
from rollbook_services.gateway.people import People
from rollbook_services.gateway.problems import invalid, not_found
from rollbook_services.gateway.reading import Asked
from rollbook_services.gateway.sse import feed

STORED: Final = "application/cloudevents+json"
Counted = Annotated[int | None, Query(ge=1, le=LARGEST)]

router = APIRouter(tags=["events"])


@dataclass(frozen=True, slots=True)
class Search:
    """Which events are searched for, as the query says it."""

    model: str | None = None
    actor: Annotated[
        str | None, Query(description="a principal, or a person's name")
    ] = None
    type: Annotated[
        str | None, Query(description="recorded name, may hold *: promotion.*")
    ] = None
    stage: str | None = None
    promotion: Counted = None
    version: Counted = None
    correlation: str | None = None
    q: Annotated[str | None, Query(description="words in the reason")] = None
    until: str | None = None

    def filter(self, people: People, since: str | None = None) -> Filter:
        """Make the audit view's filter; raises Declined for what is no moment."""
        return Filter(
            model=self.model,
            actor=None if self.actor is None else people.principal(self.actor),
            type=self.type,
            stage=self.stage,
            promotion=self.promotion,
            version=self.version,
            correlation=self.correlation,
            text=self.q,
            since=_moment(since, "since"),
            until=_moment(self.until, "until"),
        )


Searched = Annotated[Search, Depends(Search)]


@router.get("/events")
async def list_events(
    asked: Asked,
    page: Paged,
    search: Searched,
    since: str | None = None,
    newest_first: bool = False,
) -> Response:
    """Search the record: who did what, when, and why."""
    wanted = search.filter(asked.gateway.people, since)

    def query(view: View) -> tuple[list[Row], str | None]:
        found = events(
            view.connection,
            wanted,
            after=page.after or 0,
            limit=page.one_more,
            newest_first=newest_first,
            as_of=view.as_of,
        )
        return page.cut(found, lambda row: row["seq"])

    return await asked.page("audit", query)


@router.get("/events/stored")
async def stored_events(
    asked: Asked, page: Paged, search: Searched, since: str | None = None
) -> Response:
    """Give the stored bytes of many events; canonical JSON is UTF-8, so as text."""
    wanted = search.filter(asked.gateway.people, since)

    def query(view: View) -> tuple[list[Row], str | None]:
        found = bodies(
            view.connection,
            wanted,
            after=page.after or 0,
            limit=page.one_more,
            as_of=view.as_of,
        )
        rows = [
            {"seq": row["seq"], "body": bytes(row["body"]).decode()} for row in found
        ]
        return page.cut(rows, lambda row: row["seq"])

    return await asked.page("audit", query)


@router.get("/events/stream")
async def stream_events(
    request: Request,
    asked: Asked,
    search: Searched,
    since: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow the record: everything after `since` or Last-Event-ID, then live."""
    after = since if last_event_id is None else _position(last_event_id)
    told = feed(asked.gateway, search.filter(asked.gateway.people), after=after)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)


@router.get("/events/{seq}")
async def show_event(request: Request, asked: Asked, seq: Number) -> Response:
    """Show one event; as `application/cloudevents+json`: exactly the stored bytes."""

    def query(view: View) -> Row:
        return _event(view, seq)

    found, sequence = await asked.ask("audit", query)
    if STORED in request.headers.get("accept", ""):
        return Response(found["body"], media_type=STORED)
    shown = {name: part for name, part in found.items() if name != "body"}
    return asked.respond(shown, sequence)


def _event(view: View, seq: int) -> dict[str, Any]:
    is_known = view.as_of is None or seq <= view.as_of
    found = event(view.connection, seq) if is_known else None
    if found is None:
        raise not_found("event", seq)
    return found


def _moment(text: str | None, name: str) -> datetime | int | None:
    if text is None:
        return None
    moment = read_moment(text, name=name)
    return moment.instant if moment.sequence is None else moment.sequence


def _position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        message = "a ledger sequence, as the feed's ids are"
        raise invalid([{"pointer": "Last-Event-ID", "message": message}])
    return int(text)
