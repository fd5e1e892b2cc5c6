"""What is sent to a server, and what does its answer come to?

The parts that the blocking and the asynchronous transport share; none of them waits.
"""

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from rollbook.client.errors import ProblemError, Unavailable, from_problem

FEED: Final = "/v1/events/stream"
BYE: Final = "rollbook.bye"
RETRIES: Final = 3
FEED_RETRIES: Final = 8  # about 20 s: long enough for a restart
FIRST_WAIT_SECONDS: Final = 0.1
LONGEST_WAIT_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 15.0
# The server says something, if only a comment, every 15 s.
SILENCE_SECONDS: Final = 40.0
WORTH_A_RETRY: Final = frozenset({429, 503})

Params = Mapping[str, Any]
REHEARSED: Final[Params] = {"dry_run": "true"}
Json = dict[str, Any]
Outcome = httpx2.Response | httpx2.TransportError


@dataclass(frozen=True, slots=True)
class Fed:
    """One event of the feed; `event` is the CloudEvents object."""

    sequence: int
    type: str
    event: Mapping[str, Any]
    text: str
    """The stored bytes, as text."""


def document_of(response: httpx2.Response) -> Json:
    """Read an answer; what is no JSON object does not come from Rollbook."""
    try:
        document = response.json()
    except ValueError as error:
        raise _foreign(response) from error
    if not isinstance(document, dict):
        raise _foreign(response)
    return document


def fed_by(told: httpx2.ServerSentEvent) -> Fed:
    """Read one event of the feed."""
    return Fed(int(told.id), told.event, json.loads(told.data), told.data)


def written(body: Params, key: str | None) -> Json:
    """Spell a command as what a request takes; makes its id where there is none."""
    return {
        "content": json.dumps(dict(body)).encode(),
        "headers": {
            "Content-Type": "application/json",
            "Idempotency-Key": key or str(uuid.uuid4()),
        },
    }


def settled(outcome: Outcome, request: httpx2.Request, url: str) -> httpx2.Response:
    """Return the answer of the last try; raises what else it came to."""
    if isinstance(outcome, httpx2.TransportError):
        key = request.headers.get("Idempotency-Key")
        raise unreachable(url, outcome, key) from outcome
    if outcome.is_error:
        raise problem(outcome)
    return outcome


def unreachable(url: str, error: Exception, key: str | None = None) -> Unavailable:
    """Say that nobody answers, and whether the command may have been kept."""
    is_unsent = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
    is_known = key is None or is_unsent
    return Unavailable(
        f"{url} does not answer ({error}): "
        "is the server running there, and is this its address?",
        code="unavailable" if is_known else "outcome-unknown",
        detail={"idempotency_key": key} if key else None,
    )


def _foreign(response: httpx2.Response) -> ProblemError:
    return ProblemError(
        f"{response.url} answered with something that is not Rollbook's: "
        "check the address",
        code="foreign-answer",
    )


def problem(response: httpx2.Response) -> ProblemError:
    """Make the error of an answer that says no."""
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


def given(params: Params) -> Json:
    """Leave out the parameters that are None."""
    return {name: value for name, value in params.items() if value is not None}


def _seconds(text: str | None) -> float | None:
    """Read a Retry-After in seconds; its other form, a date, is not used here."""
    try:
        return None if text is None else max(0.0, float(text))
    except ValueError:
        return None


def is_passing(outcome: Outcome) -> bool:
    """Tell whether the same request may fare better soon.

    A server that took the request and is silent is not asked again at once.
    """
    if isinstance(outcome, httpx2.TransportError):
        return not isinstance(outcome, httpx2.ReadTimeout)
    return outcome.status_code in WORTH_A_RETRY


def wait_seconds(attempt: int, outcome: object = None) -> float:
    """Wait twice as long each time, give or take half, so that retries spread."""
    asked = None
    if isinstance(outcome, httpx2.Response):
        asked = _seconds(outcome.headers.get("Retry-After"))
    doubled: float = FIRST_WAIT_SECONDS * 2**attempt
    return min(max(doubled, asked or 0), LONGEST_WAIT_SECONDS) * random.uniform(
        0.5, 1.5
    )
