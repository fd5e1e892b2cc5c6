"""How does a command reach the registrar over NATS, and what if no answer comes?

A reply is never trusted blindly: it must be well formed, and the events in it must
carry the id of our command.
"""

from typing import Final

import nats.errors
from nats.aio.client import Client
from pydantic import TypeAdapter, ValidationError

from rollbook.commands.explain import Explain
from rollbook.commands.wire import (
    CREDENTIAL_HEADER,
    Done,
    Problem,
    Reply,
    Request,
    Told,
)
from rollbook.ledger import asking

SUBJECT_PREFIX: Final = "rollbook.command"
TIMEOUT_SECONDS: Final = 10.0
_RETRY: Final = "send the same command with the same id again"

_reply: Final[TypeAdapter[Done | Told | Problem]] = TypeAdapter(Reply)


class CommandSender:
    """Sends commands in the name of one NATS user; safe to share between tasks."""

    def __init__(
        self,
        client: Client,
        *,
        user: str,
        zone: str = "core",
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Take the connection and the user and zone (`core`, `edge`) it speaks as."""
        self._client = client
        self._prefix = f"{SUBJECT_PREFIX}.{zone}.{user}"
        self._timeout_seconds = timeout_seconds

    @property
    def is_connected(self) -> bool:
        """Tell whether a command could be sent now."""
        return self._client.is_connected

    async def send(self, request: Request, *, credential: str) -> Done | Problem:
        """Ask the registrar; every outcome is an answer, also that none came.

        `unavailable`: nothing was sent or nobody listened. `outcome-unknown`: it may
        be recorded; sending the same request again tells.
        """
        reply = await self._ask(request, credential)
        if isinstance(reply, Told):
            return _unknown(request, "foreign_answer", "the answer is to a question")
        return reply

    async def ask(self, request: Request, *, credential: str) -> Told | Problem:
        """Ask a question (`Explain`); nothing is recorded, whatever comes back."""
        reply = await self._ask(request, credential)
        if isinstance(reply, Done):
            return _unknown(request, "foreign_answer", "the answer is to a command")
        return reply

    async def _ask(self, request: Request, credential: str) -> Done | Told | Problem:
        if not self._client.is_connected:
            return _unavailable(request, "nats_away", "NATS is not connected")
        subject = f"{self._prefix}.{request.command.command}"
        try:
            answer = await asking.request(
                self._client,
                subject,
                request.model_dump_json().encode(),
                timeout_seconds=self._timeout_seconds,
                headers={CREDENTIAL_HEADER: credential},
            )
        except nats.errors.NoRespondersError:
            return _unavailable(request, "no_registrar", "no registrar is running")
        except nats.errors.MaxPayloadError:
            return Problem(
                code="payload-too-large",
                reason="too_large",
                message="The command is too large for a message: "
                "keep the large part elsewhere and record its URI and digest.",
            )
        except (nats.errors.Error, OSError) as error:
            return _unknown(request, "no_answer", f"no answer came ({error!r})")
        return _read(answer.data, request)


def _read(body: bytes, request: Request) -> Done | Told | Problem:
    try:
        reply = _reply.validate_json(body)
    except ValidationError:
        return _unknown(request, "unreadable_answer", "the answer is not readable")
    if isinstance(reply, Done) and any(
        event.get("commandid") != request.id for event in reply.events
    ):
        return _unknown(request, "foreign_answer", "the answer is to another command")
    return reply


def _unavailable(request: Request, reason: str, what: str) -> Problem:
    return Problem(
        code="unavailable",
        reason=reason,
        message=f"{what[:1].upper()}{what[1:]}, so nothing was recorded; {_RETRY}.",
        detail={"idempotency_key": request.id},
    )


def _unknown(request: Request, reason: str, what: str) -> Problem:
    if request.dry_run or isinstance(request.command, Explain):
        return _unavailable(request, reason, what)  # it records nothing, ever
    return Problem(
        code="outcome-unknown",
        reason=reason,
        message=f"Kept or lost, nobody knows: {what}; {_RETRY}.",
        detail={"idempotency_key": request.id},
    )
