"""How are the buckets of desired documents and of leases read and written?

A plain publish under a guard and a direct get, because the helpers of nats-py need
rights on the stream that nobody here has (design/proof.md §5), and know no
time-to-live.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from rollbook.errors import AppendConflict, Unavailable
from rollbook.ledger.asking import request
from rollbook.ledger.streams import CORE_PREFIX, EDGE_PREFIX

TIMEOUT_SECONDS: Final = 5.0
# Of 1,024 last messages that nats-server gives for one question.
KEYS_AT_ONCE: Final = 500
_GUARD: Final = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
_NOT_FOUND: Final = "404"
_END: Final = "204"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a bucket holds under a key; the sequence is the next write's guard."""

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
        subject = self._direct_get + _desired(key)
        return _entry(await _ask(self._client, subject, b""))

    async def put(self, key: str, value: bytes, *, expected: int) -> int:
        """Write one key if its last sequence is still the expected one.

        Raises AppendConflict when another conductor was first; sending again after
        Unavailable is safe, because then the guard tells whose write was kept.
        """
        headers = {_GUARD: str(expected)}
        return await _put(self._client, _desired(key), value, headers)

    async def wake(self, subject: str, body: bytes) -> None:
        """Publish a hint that something changed; Unavailable when NATS is away."""
        try:
            await self._client.publish(subject, body)
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"nobody could be woken ({error!r})") from error


class LeaseBucket:
    """Who holds which lease: what nobody renews is gone after its time-to-live."""

    def __init__(self, client: Client) -> None:
        """Take the connection of a conductor."""
        self._client = client
        self._direct_get = f"{CORE_PREFIX}.DIRECT.GET.KV_LEASES"

    async def get(self, key: str) -> Entry:
        """Read one lease; NOTHING where nobody holds it now."""
        body = json.dumps({"last_by_subj": _lease(key)}).encode()
        return _entry(await _ask(self._client, self._direct_get, body))

    async def renew(
        self, key: str, value: bytes, *, expected: int, ttl_seconds: int
    ) -> int:
        """Hold a lease for so long if its last sequence is still the expected one.

        0 is expected where nobody holds it. Raises AppendConflict when somebody else
        was first, Unavailable when NATS is away.
        """
        headers = {_GUARD: str(expected), "Nats-TTL": f"{ttl_seconds}s"}
        return await _put(self._client, _lease(key), value, headers)

    async def read(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Read many leases; those that nobody holds are left out."""
        held: dict[str, Entry] = {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            subjects = [_lease(key) for key in keys[start : start + KEYS_AT_ONCE]]
            for message in await self._last_of(subjects):
                subject = (message.headers or {})["Nats-Subject"]
                held[subject.removeprefix(_lease(""))] = _entry(message)
        return held

    async def _last_of(self, subjects: Sequence[str]) -> list[Msg]:
        """Ask one question that many messages answer, and an end mark."""
        inbox, body = self._client.new_inbox(), json.dumps({"multi_last": subjects})
        found: list[Msg] = []
        ended = asyncio.Event()

        async def take(message: Msg) -> None:
            found.append(message)
            if _status(message) is not None:
                ended.set()

        try:
            answers = await self._client.subscribe(inbox, cb=take)
            try:
                await self._client.publish(self._direct_get, body.encode(), reply=inbox)
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    await ended.wait()
            finally:
                await answers.unsubscribe()
        except (nats.errors.Error, OSError) as error:  # a TimeoutError is an OSError
            raise Unavailable(f"leases cannot be read ({error!r})") from error
        end = found.pop()
        if _status(end) not in (_END, _NOT_FOUND):
            raise Unavailable(f"leases cannot be read ({end.headers})")
        return found


def _status(message: Msg) -> str | None:
    return (message.headers or {}).get("Status")


def _entry(answer: Msg) -> Entry:
    headers = answer.headers or {}
    if _status(answer) == _NOT_FOUND:
        return NOTHING
    sequence = headers.get("Nats-Sequence")
    if sequence is None:
        raise Unavailable(f"the bucket cannot be read ({headers})")
    is_deleted = headers.get("KV-Operation") in ("DEL", "PURGE")
    return Entry(None if is_deleted else answer.data, int(sequence))


async def _put(
    client: Client, subject: str, value: bytes, headers: dict[str, str]
) -> int:
    answer = await _ask(client, subject, value, headers=headers)
    said: dict[str, Any] = json.loads(answer.data)
    error = said.get("error")
    if error is None:
        return int(said["seq"])
    if error.get("err_code") in _WRONG_LAST_SEQUENCE:
        raise AppendConflict(subject, expected=int(headers[_GUARD]), actual=-1)
    raise Unavailable(f"the bucket refuses {subject} ({error.get('description')})")


async def _ask(
    client: Client, subject: str, body: bytes, *, headers: dict[str, Any] | None = None
) -> Msg:
    try:
        return await request(
            client, subject, body, timeout_seconds=TIMEOUT_SECONDS, headers=headers
        )
    except (nats.errors.Error, OSError) as error:
        raise Unavailable(f"no answer to {subject} ({error!r})") from error


def _desired(key: str) -> str:
    return f"$KV.DESIRED.{key}"


def _lease(key: str) -> str:
    return f"$KV.LEASES.{key}"
