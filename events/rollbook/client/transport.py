"""How are questions and commands carried to a server over HTTP, as plain dicts?

All that the command line needs, so this file imports neither pydantic nor NATS.
Retries (connection errors, 429, 503) always carry the same command id, so that
nothing is recorded twice.
"""

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from rollbook.client.errors import ProblemError, Unavailable, from_problem

RETRIES: Final = 3
FEED_RETRIES: Final = 8  # about 20 s: long enough for a restart
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 15.0
# The server says something, if only a comment, every 15 s.
SILENCE_SECONDS: Final = 40.0
WORTH_A_RETRY: Final = frozenset({429, 503})

Params = Mapping[str, Any]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fed:
    """One event of the feed; `event` is the CloudEvents object."""

    sequence: int
    type: str
    event: Mapping[str, Any]
    text: str
    """The stored bytes, as text."""


class Transport:
    """A connection to one server; reads what it wrote itself (`seen`)."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        retries: int = RETRIES,
        connection: httpx2.BaseTransport | None = None,
    ) -> None:
        """Take the server's origin and a token; both stay together for good."""
        self.url = url.rstrip("/")
        self.seen = 0
        """The highest ledger sequence an answer named; reads wait for it."""
        self._retries = retries
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(
            base_url=self.url,
            headers=headers,
            timeout=timeout_seconds,
            follow_redirects=False,  # a token goes to the origin it was given for
            transport=connection,
        )

    def __enter__(self) -> Self:
        """Return the transport itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Json:
        """Read one resource; parameters that are None are left out."""
        return self._document(self._ask("GET", path, params=self._reading(params)))

    def get_bytes(self, path: str, *, accept: str, **params: Any) -> bytes:
        """Read one resource in another form, such as an event's stored bytes."""
        asked = self._reading(params)
        return self._ask("GET", path, params=asked, headers={"Accept": accept}).content

    def post(
        self, path: str, body: Mapping[str, Any], *, key: str | None = None
    ) -> Json:
        """Record something; `key` is the command id, made here where it is None."""
        content = json.dumps(dict(body)).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key or str(uuid.uuid4()),
        }
        answer = self._document(
            self._ask("POST", path, content=content, headers=headers)
        )
        self.seen = max(self.seen, int(answer.get("seq") or 0))
        return answer

    def follow(self, *, since: int = 0, **filters: Any) -> Iterator[Fed]:
        """Read the feed for ever, from the event after `since`; each event once."""
        position, failures = since, 0
        while True:
            try:
                for fed in self._feed(position, filters):
                    position, failures = fed.sequence, 0
                    yield fed
            except httpx2.TransportError as error:
                failures += 1
                if failures > FEED_RETRIES:
                    raise self._unreachable(error, None) from error
            time.sleep(_wait_seconds(failures))

    def _feed(self, position: int, filters: Params) -> Iterator[Fed]:
        with self._http.sse(
            "/v1/events/stream",
            params=_given(filters),
            headers={"Last-Event-ID": str(position)},
            timeout=httpx2.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS),
        ) as source:
            if source.response.status_code != httpx2.codes.OK:
                source.response.read()
                raise _problem(source.response)
            for told in source:
                if told.event == "rollbook.bye":
                    return
                event = json.loads(told.data)
                yield Fed(int(told.id), told.event, event, told.data)

    def _reading(self, params: Params) -> Json:
        return _given({"min_seq": self.seen or None, **params})

    def _ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        request = self._http.build_request(
            method, path, params=params, content=content, headers=headers
        )
        for attempt in range(self._retries):
            outcome = self._try(request)
            if not _is_passing(outcome):
                return self._settled(outcome, request)
            time.sleep(_wait_seconds(attempt, outcome))
        return self._settled(self._try(request), request)

    def _try(self, request: httpx2.Request) -> httpx2.Response | httpx2.TransportError:
        try:
            return self._http.send(request)
        except httpx2.TransportError as error:
            return error

    def _settled(
        self, outcome: httpx2.Response | httpx2.TransportError, request: httpx2.Request
    ) -> httpx2.Response:
        if isinstance(outcome, httpx2.TransportError):
            key = request.headers.get("Idempotency-Key")
            raise self._unreachable(outcome, key) from outcome
        if outcome.is_error:
            raise _problem(outcome)
        return outcome

    def _document(self, response: httpx2.Response) -> Json:
        try:
            document = response.json()
        except ValueError as error:
            raise self._foreign(response) from error
        if not isinstance(document, dict):
            raise self._foreign(response)
        return document

    def _unreachable(self, error: Exception, key: str | None) -> Unavailable:
        is_unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        is_known = key is None or is_unsent
        return Unavailable(
            f"{self.url} does not answer ({error}): "
            "is the server running there, and is this its address?",
            code="unavailable" if is_known else "outcome-unknown",
            detail={"idempotency_key": key} if key else None,
        )

    def _foreign(self, response: httpx2.Response) -> ProblemError:
        return ProblemError(
            f"{response.url} answered with something that is not Rollbook's: "
            "check the address",
            code="foreign-answer",
        )


def _problem(response: httpx2.Response) -> ProblemError:
    try:
        document = response.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    wait = response.headers.get("Retry-After")
    if wait is not None:
        document.setdefault("retry_after", _seconds(wait))
    return from_problem(response.status_code, document)


def _given(params: Params) -> Json:
    return {name: value for name, value in params.items() if value is not None}


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After in seconds; its other form, a date, is not used here."""
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None


def _is_passing(outcome: httpx2.Response | httpx2.TransportError) -> bool:
    """Tell whether the same request may fare better soon.

    A server that took the request and is silent is not asked again at once.
    """
    if isinstance(outcome, httpx2.TransportError):
        return not isinstance(outcome, httpx2.ReadTimeout)
    return outcome.status_code in WORTH_A_RETRY


def _wait_seconds(attempt: int, outcome: object = None) -> float:
    """Wait twice as long each time, give or take half, so that retries spread."""
    asked = None
    if isinstance(outcome, httpx2.Response):
        asked = _seconds(outcome.headers.get("Retry-After"))
    doubled: float = FIRST_WAIT_SECONDS * 2**attempt
    return min(max(doubled, asked or 0), LONGEST_WAIT_SECONDS) * random.uniform(
        0.5, 1.5
    )
