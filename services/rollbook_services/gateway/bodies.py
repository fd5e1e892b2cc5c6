"""How does an HTTP body become a command, and how is each fault in it named?"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request

from rollbook.commands.command import Command
from rollbook.names import CommandId
from rollbook.refusals import remedy_of
from rollbook_services.gateway.problems import declined, invalid

LARGEST_BODY: Final = 64 * 1024  # bytes; what is larger goes as URI and digest
_STAMPED: Final = frozenset(
    {"actor", "at", "time", "authid", "authroles", "authtype", "commandid"}
)
_command_id: Final[TypeAdapter[str]] = TypeAdapter(CommandId)

Faults = list[dict[str, str]]


async def read_object(request: Request) -> dict[str, Any]:
    """Read a JSON object of bounded size; raises Declined for anything else."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise declined(
                "payload-too-large",
                f"A body has at most {LARGEST_BODY} bytes: keep the large part "
                "elsewhere and record its URI and digest.",
                reason="too_large",
                limit=LARGEST_BODY,
            )
    try:
        parsed = json.loads(bytes(body) or b"{}", object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise invalid([{"pointer": "/", "message": f"not JSON: {error}"}]) from error
    if not isinstance(parsed, dict):
        raise invalid([{"pointer": "/", "message": "the body is a JSON object"}])
    return parsed


def _without_doubles(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that says one thing twice: readers would disagree on it."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def to_command(
    kind: type[Command], body: Mapping[str, Any], path: Mapping[str, Any]
) -> Command:
    """Make the command from body and path; raises Declined with every fault."""
    taken = {"command", *path}
    faults = [
        {"pointer": f"/{name}", "message": "the path says it: leave it out"}
        for name in body
        if name in taken
    ]
    said = {name: part for name, part in body.items() if name not in taken}
    fields = {**said, **path}
    try:
        command = kind.model_validate(fields)
    except ValidationError as error:
        raise invalid(faults + faults_of(error, fields)) from error
    if faults:
        raise invalid(faults)
    return command


def command_id(request: Request) -> CommandId:
    """Return the caller's command id, or make one; Declined when it is malformed."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return CommandId(str(uuid.uuid4()))
    try:
        return CommandId(_command_id.validate_python(given))
    except ValidationError as error:
        message = "1 to 128 of A-Z a-z 0-9 . _ : / @ -"
        fault = {"pointer": "Idempotency-Key", "message": message}
        raise invalid([fault]) from error


def faults_of(error: ValidationError, fields: Mapping[str, Any]) -> Faults:
    """List each fault once, with the place in the body it stands at."""
    messages: dict[str, list[str]] = {}
    for found in error.errors(include_url=False, include_context=False):
        pointer = _pointer(found["loc"], fields, is_absent=found["type"] == "missing")
        heard = messages.setdefault(pointer, [])
        message = _said(found)
        if message not in heard:
            heard.append(message)
    return [
        {"pointer": pointer, "message": " or ".join(heard)}
        for pointer, heard in messages.items()
    ]


def _pointer(
    location: Iterable[str | int], fields: Mapping[str, Any], *, is_absent: bool
) -> str:
    """Write the place as a JSON pointer (RFC 6901).

    pydantic also names the branch of a union it tried; the body has no such member.
    """
    pointer, here = "", cast(Any, fields)
    for part in location:
        try:
            here = here[part]
        except (LookupError, TypeError):
            if not (is_absent and isinstance(here, Mapping)):
                break
        pointer += "/" + str(part).replace("~", "~0").replace("/", "~1")
    return pointer or "/"


def _said(fault: Mapping[str, Any]) -> str:
    location = fault["loc"]
    if fault["type"] != "extra_forbidden":
        return remedy_of(fault)
    if len(location) == 1 and location[0] in _STAMPED:
        return "the server says who and when, from the credential: leave it out"
    return "there is no such field: check its name"
