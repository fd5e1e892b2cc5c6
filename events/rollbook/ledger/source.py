"""How is one stream asked for what it holds, with an answer or an error in time?"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from rollbook.errors import Unavailable
from rollbook.ledger import pauses
from rollbook.ledger.asking import request
from rollbook.ledger.protocol import Message

_NOT_FOUND: Final = 10037
_MSG_ID: Final = b"nats-msg-id"


@dataclass(frozen=True, slots=True)
class Source:
    """One stream behind one connection and API prefix, and our patience with it."""

    client: Client
    stream: str
    prefix: str
    deadline_seconds: float
    """For everything one call of ours tries."""
    try_seconds: float
    """For one answer."""

    async def stored(
        self, query: Mapping[str, object], *, within_seconds: float | None = None
    ) -> Message | None:
        """Read one message through the leader, or None where there is none.

        Not by direct get: a follower may lag behind what was acknowledged.
        """
        answer = await self.ask(
            f"STREAM.MSG.GET.{self.stream}", query, within_seconds=within_seconds
        )
        if answer.get("error", {}).get("err_code") == _NOT_FOUND:
            return None
        if "message" not in answer:
            raise Unavailable(f"stream {self.stream} cannot be read ({answer})")
        return _message(answer["message"])

    async def head(self) -> int:
        """Read the sequence of the last message; 0 when there is none."""
        answer = await self.ask(f"STREAM.INFO.{self.stream}", {})
        if "state" not in answer:
            raise Unavailable(f"there is no stream {self.stream}")
        return int(answer["state"]["last_seq"])

    async def ask(
        self,
        what: str,
        query: Mapping[str, object],
        *,
        within_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Ask until there is an answer; Unavailable when the deadline passes."""
        waiting = pauses.until(
            self.deadline_seconds if within_seconds is None else within_seconds
        )
        while True:
            answer, cause = await self._ask_once(what, query)
            if answer is not None:
                return answer
            if waiting.is_over or self.client.is_closed:
                raise Unavailable(f"stream {self.stream} does not answer ({cause})")
            await waiting.take()

    async def _ask_once(
        self, what: str, query: Mapping[str, object]
    ) -> tuple[dict[str, Any] | None, str]:
        body = orjson.dumps(query) if query else b""
        try:
            message = await request(
                self.client,
                f"{self.prefix}.{what}",
                body,
                timeout_seconds=self.try_seconds,
            )
        except nats.errors.Error as error:
            return None, repr(error)
        answer: dict[str, Any] = orjson.loads(message.data)
        problem = answer.get("error", {})
        # 5xx: no leader at the moment, and the like.
        if problem.get("code", 0) >= 500:
            return None, str(problem)
        return answer, ""


def _message(stored: Mapping[str, Any]) -> Message:
    headers = base64.b64decode(stored.get("hdrs", ""))
    return Message(
        stored["seq"],
        stored["subject"],
        base64.b64decode(stored.get("data", "")),
        _message_id(headers),
    )


def _message_id(headers: bytes) -> str | None:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == _MSG_ID:
            return value.strip().decode(errors="replace")
    return None
