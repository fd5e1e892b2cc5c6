"""How is a question answered: who asks, as of when, and has the view caught up?"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import orjson
from fastapi import Depends, Header, Query, params
from fastapi.dependencies.utils import get_flat_params
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from rollbook.envelope import written
from rollbook.errors import Unavailable
from rollbook.names import LARGEST
from rollbook_projections.audit.queries import has_passed, instant_of, resolve_as_of
from rollbook_projections.checkpoint import place
from rollbook_projections.view import View
from rollbook_services.gateway.credentials import Reader, authenticate
from rollbook_services.gateway.gateway import Gateway, Source, ViewName
from rollbook_services.gateway.moments import read_moment
from rollbook_services.gateway.people import persons_in
from rollbook_services.gateway.problems import declined, invalid

WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 30.0
_PREFER_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reading:
    """One question that a known reader asks of the views."""

    gateway: Gateway
    reader: Reader
    as_of: int | None
    """The sequence asked for; None: now."""
    at: str | None
    """The instant of that moment, where one was asked for or is known."""
    min_seq: int
    wait_seconds: float

    @property
    def instant(self) -> datetime:
        """Return when the question is about: its moment's instant, or now."""
        return (
            self.gateway.now() if self.at is None else datetime.fromisoformat(self.at)
        )

    async def answer(
        self, view: ViewName, query: Callable[[View], Any], *, at_least: int = 0
    ) -> Response:
        """Answer with what the query finds in one consistent moment of a view.

        The view has then applied `at_least` this sequence, and what was asked for.
        """
        data, sequence = await self.ask(view, query, at_least=at_least)
        return self.respond(data, sequence)

    async def page(
        self, view: ViewName, query: Callable[[View], tuple[list[Any], str | None]]
    ) -> Response:
        """Answer with one page of a list and the name of the next."""
        (rows, following), sequence = await self.ask(view, query)
        return self.respond(rows, sequence, following)

    async def ask(
        self, view: ViewName, query: Callable[[View], T], *, at_least: int = 0
    ) -> tuple[T, int]:
        """Return what the query finds and the view's position at that moment."""
        source = self.gateway.sources[view]
        wanted = max(at_least, self.min_seq, self.as_of or 0)
        if wanted:
            await caught_up(source, wanted, self.wait_seconds)

        def look(connection: Connection) -> tuple[T, int]:
            found = place(connection)
            return query(View(connection, self.as_of)), (found[1] if found else 0)

        return await source.database.read(look)

    def respond(
        self, data: Any, sequence: int, following: str | None = None
    ) -> Response:
        """Write the answer, with the names of the people in it."""
        # Names of columns are a kind of str of their own.
        body = orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
        persons = persons_in(body)
        rest = {
            "seq": sequence,
            "as_of": {"seq": sequence if self.as_of is None else self.as_of}
            | {"at": self.at},
            "people": self.gateway.people.names(persons) if persons else {},
            "next": following,
        }
        return Response(
            b'{"data":' + body + b"," + orjson.dumps(rest)[1:],
            media_type="application/json",
            headers={"Rollbook-Seq": str(sequence)},
        )


async def caught_up(source: Source, sequence: int, seconds: float) -> None:
    """Wait until a view has applied a sequence; raises Declined when it has not."""
    try:
        await source.projector.wait_for(sequence, timeout_seconds=seconds)
    except Unavailable as late:
        position = source.projector.position
        raise declined(
            "projection-behind",
            f"The view {source.projection.name} is at {position}, not yet at "
            f"{sequence}: ask again, with `Prefer: wait=30` to be more patient, "
            "or see `rollbook doctor`.",
            position=position,
        ) from late


def gateway_of(request: Request) -> Gateway:
    """Return what the routes of this app stand on."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def _reading(
    request: Request,
    as_of: Annotated[
        str | None, Query(description="a sequence, an instant with zone, or a date")
    ] = None,
    min_seq: Annotated[
        int, Query(ge=0, le=LARGEST, description="wait until this is seen")
    ] = 0,
    prefer: Annotated[str | None, Header()] = None,
    authorization: Annotated[str | None, Header()] = None,
) -> Reading:
    gateway = gateway_of(request)
    reader = await authenticate(gateway, authorization)
    reader.must_read()
    _refuse_unknown(request)
    waiting = _PREFER_WAIT.search(prefer or "")
    seconds = float(waiting[1]) if waiting else WAIT_SECONDS
    seconds = min(seconds, LONGEST_WAIT_SECONDS)
    sequence, at = await moment_of(gateway, as_of, seconds)
    return Reading(gateway, reader, sequence, at, min_seq, seconds)


async def moment_of(
    gateway: Gateway,
    text: str | None,
    seconds: float = WAIT_SECONDS,
    *,
    name: str = "as_of",
) -> tuple[int | None, str | None]:
    """Settle a moment on a sequence; only the audit view knows which had passed when.

    Raises Declined for a moment that the ledger does not reach.
    """
    if text is None:
        return None, None
    asked = read_moment(text, name=name)
    if asked.sequence is not None:
        return asked.sequence, await _time_of(gateway, asked.sequence, name)
    assert asked.span is not None
    first, last = asked.span
    now = gateway.now()
    if first > now:
        message = f"It is {written(now)}, and {written(first)} is still to come"
        raise _out_of_range(message, name)
    instant = min(last, now)
    return await _sequence_at(gateway, instant, seconds, name), written(instant)


async def _sequence_at(
    gateway: Gateway, instant: datetime, seconds: float, name: str
) -> int:
    source = gateway.sources["audit"]
    if not await source.database.read(has_passed, instant):
        # What the view has yet to apply may have happened by then too.
        await caught_up(source, await gateway.head(), seconds)
    found = await source.database.read(resolve_as_of, instant)
    if not found:
        raise _out_of_range(f"The ledger begins after {written(instant)}", name)
    return found


async def _time_of(gateway: Gateway, sequence: int, name: str) -> str | None:
    head = await gateway.head()
    if not 1 <= sequence <= head:
        raise _out_of_range(f"The ledger holds 1 to {head}, not {sequence}", name)
    source = gateway.sources["audit"]
    await caught_up(source, sequence, WAIT_SECONDS)
    return await source.database.read(instant_of, sequence)


def _out_of_range(message: str, name: str) -> Exception:
    fault = {"pointer": f"query.{name}", "message": message}
    return declined(
        "as-of-out-of-range", f"{message}: choose another moment.", errors=[fault]
    )


def _refuse_unknown(request: Request) -> None:
    """A misspelt filter would answer another question than the one asked."""
    known = _parameters(request)
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        hint = f"unknown; known are {', '.join(sorted(known))}"
        raise invalid(
            [{"pointer": f"query.{name}", "message": hint} for name in unknown]
        )


def _parameters(request: Request) -> frozenset[str]:
    route = request.scope["route"]
    known: dict[str, frozenset[str]] = request.app.state.parameters
    if route.path not in known:
        known[route.path] = frozenset(
            field.alias
            for field in get_flat_params(route.dependant)
            if isinstance(field.field_info, params.Query)
        )
    return known[route.path]


Asked = Annotated[Reading, Depends(_reading)]
