"""How does every no look over HTTP? RFC 9457 documents by `rollbook.problems`."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from rollbook.commands.wire import Problem
from rollbook.errors import RollbookError
from rollbook.problems import CODES, Code
from rollbook_services.gateway.people import People, persons_in

MEDIA_TYPE: Final = "application/problem+json"
_STANDARD: Final = frozenset({"type", "title", "status", "detail", "code", "reason"})
_UNKNOWN: Final = Code(500, 1, "Something went wrong")

log = structlog.stdlib.get_logger(__name__)


class Declined(Exception):
    """The request ends here with this problem; raised and caught in the gateway."""

    def __init__(self, problem: Problem) -> None:
        """Hold the problem."""
        self.problem = problem
        super().__init__(problem.message)


def declined(code: str, message: str, *, reason: str = "", **detail: Any) -> Declined:
    """Make the exception that ends a request."""
    reason = reason or code.replace("-", "_")
    return Declined(Problem(code=code, reason=reason, message=message, detail=detail))


def unauthenticated(message: str) -> Declined:
    """Refuse a caller whom nobody knows."""
    return declined("unauthenticated", message)


def invalid(faults: Sequence[Mapping[str, str]]) -> Declined:
    """Refuse a request that is not well formed; each fault has its place."""
    told = "; ".join(f"{fault['pointer']}: {fault['message']}" for fault in faults)
    return declined("invalid-request", told, reason="invalid", errors=list(faults))


def not_found(what: str, reference: object) -> Declined:
    """Say that there is no such thing."""
    return declined(
        "not-found",
        f"There is no {what} {reference}. Check the name, or look at the list.",
        reason=f"unknown_{what.replace(' ', '_')}",
        reference=str(reference),
    )


def answer(problem: Problem, people: People | None = None) -> Response:
    """Write a problem document, with the names of the people in it."""
    known = CODES.get(problem.code, _UNKNOWN)
    members = {
        name: part for name, part in problem.detail.items() if name not in _STANDARD
    }
    document = {
        "type": f"/problems/{problem.code}",
        "title": known.title,
        "status": known.http,
        "detail": problem.message,
        "code": problem.code,
        "reason": problem.reason,
        **members,
    }
    if people is not None:
        told = orjson.dumps(document, default=str)
        document["people"] = people.names(persons_in(told))
    return Response(
        orjson.dumps(document, default=str),
        status_code=known.http,
        media_type=MEDIA_TYPE,
        headers=_headers(problem, known.http),
    )


def _headers(problem: Problem, status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="rollbook"'}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(problem.detail.get("retry_after", 1))}
    return {}


def install(app: FastAPI) -> None:
    """Make every failure of the app a problem document."""

    @app.exception_handler(Declined)
    async def declined_(_: Request, error: Declined) -> Response:
        return answer(error.problem, app.state.gateway.people)

    @app.exception_handler(RequestValidationError)
    async def parameters(_: Request, error: RequestValidationError) -> Response:
        return answer(invalid(_parameter_faults(error.errors())).problem)

    @app.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        return answer(_of_routing(request, error))

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, _: Exception) -> Response:
        # Nobody reads this; with its command id the caller may ask again.
        log.info("caller_gone", path=request.url.path)
        return Response(status_code=HTTPStatus.BAD_REQUEST)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.url.path, exc_info=error)
        return answer(_of_failure(error))


def _parameter_faults(errors: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [
        {
            "pointer": ".".join(str(part) for part in error["loc"]),
            "message": str(error["msg"]),
        }
        for error in errors
    ]


def _of_routing(request: Request, error: HTTPException) -> Problem:
    path = request.url.path
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "another method")
        return invalid(
            [{"pointer": path, "message": f"{request.method} is not done: {allowed}"}]
        ).problem
    if error.status_code == HTTPStatus.NOT_FOUND:
        return not_found("resource", path).problem
    return declined("invalid-request", str(error.detail)).problem


def _of_failure(error: Exception) -> Problem:
    if isinstance(error, RollbookError):
        return declined("unavailable", str(error)).problem
    return declined(
        "internal-error", "The server failed; its log says how.", reason="internal"
    ).problem
