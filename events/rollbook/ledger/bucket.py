"""How is the bucket of desired documents read and written?

A plain publish under a guard and a direct get, because the helpers of nats-py need
rights on the stream that nobody here has (design/proof.md §5).
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.errors import AppendConflict, Unavailable
from rollbook.ledger.asking import request
from rollbook.ledger.streams import CORE_PREFIX, EDGE_PREFIX

TIMEOUT_SECONDS: Final = 5.0
_GUARD: Final = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
_NOT_FOUND: Final = "404"


@dataclass(frozen=True, slots=True)
class Entry:
    """What the bucket holds under a key; the sequence is the next write's guard."""

    value: bytes | None
    """None where the key was deleted."""
    sequence: int


NOTHING: Final = Entry(value=None, sequence=0)


class DesiredBucket:
    """The desired documents, as one connection may see them."""

    def __init__(self, client: Client, *, stream: str, prefix: str) -> None:
        """Take the connection, and the stream's name and prefix as it knows them."""
        self._client = client
        self._direct_get = f"{prefix}.DIRECT.GET.{stream}."

    @classmethod
    def in_core(cls, client: Client) -> "DesiredBucket":
        """Open the bucket itself, as the conductor does."""
        return cls(client, stream="KV_DESIRED", prefix=CORE_PREFIX)

    @classmethod
    def in_edge(cls, client: Client) -> "DesiredBucket":
        """Open its mirror, as an agent does; it lags some milliseconds."""
        return cls(client, stream="DESIRED", prefix=EDGE_PREFIX)

    async def get(self, key: str) -> Entry:
        """Read one key; NOTHING where it was never written."""
        answer = await self._ask(self._direct_get + _subject(key), b"")
        headers = answer.headers or {}
        if headers.get("Status") == _NOT_FOUND:
            return NOTHING
        sequence = headers.get("Nats-Sequence")
        if sequence is None:
            raise Unavailable(f"the bucket cannot be read ({headers})")
        is_deleted = headers.get("KV-Operation") in ("DEL", "PURGE")
        return Entry(None if is_deleted else answer.data, int(sequence))

    async def put(self, key: str, value: bytes, *, expected: int) -> int:
        """Write one key if its last sequence is still the expected one.

        Raises AppendConflict when another conductor was first; sending again after
        Unavailable is safe, because then the guard tells whose write was kept.
        """
        answer = await self._ask(_subject(key), value, headers={_GUARD: str(expected)})
        said: dict[str, Any] = json.loads(answer.data)
        error = said.get("error")
        if error is None:
            return int(said["seq"])
        if error.get("err_code") in _WRONG_LAST_SEQUENCE:
            raise AppendConflict(_subject(key), expected=expected, actual=-1)
        raise Unavailable(f"the bucket refuses {key} ({error.get('description')})")

    async def wake(self, subject: str, body: bytes) -> None:
        """Publish a hint that something changed; Unavailable when NATS is away."""
        try:
            await self._client.publish(subject, body)
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"nobody could be woken ({error!r})") from error

    async def _ask(
        self, subject: str, body: bytes, *, headers: dict[str, Any] | None = None
    ) -> Msg:
        try:
            return await request(
                self._client,
                subject,
                body,
                timeout_seconds=TIMEOUT_SECONDS,
                headers=headers,
            )
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"no answer to {subject} ({error!r})") from error


def _subject(key: str) -> str:
    return f"$KV.DESIRED.{key}"
