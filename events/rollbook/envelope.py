"""What does the ledger add to a fact: who, when, which command, which place?"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from rollbook.names import CommandId, Digest, EventId, KeyId, Principal, RoleName
from rollbook.subjects import Aggregate


class ActorKind(StrEnum):
    """What stands behind a credential; the values are CloudEvents `authtype`s."""

    PERSON = "user"
    WORKLOAD = "service_account"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked, as the registrar read it from the credential."""

    id: Principal
    kind: ActorKind
    roles: tuple[RoleName, ...]
    credential: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who, when and which command: all that a decision may know of the outside.

    `entropy` (16 random bytes) makes the ids of the events of one try.
    """

    at: datetime
    actor: Actor
    command_id: CommandId
    command_digest: Digest
    correlation_id: str | None = None
    causation_id: EventId | None = None
    entropy: bytes = bytes(16)

    def event_id(self, index: int) -> EventId:
        """Make the id of the event at this place of the decision (UUIDv7, RFC 9562)."""
        chance = hashlib.sha256(self.entropy + index.to_bytes(4)).digest()[:10]
        return uuid7(self.at, chance)


def uuid7(at: datetime, chance: bytes) -> EventId:
    """Make a UUIDv7 from an instant and ten random bytes (RFC 9562 §5.7)."""
    milliseconds = int(at.timestamp() * 1000)
    raw = bytearray(milliseconds.to_bytes(6) + chance)
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    text = raw.hex()
    return EventId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:32]}")


def written(at: datetime) -> str:
    """Write an instant as the ledger does: UTC, three decimals, Z."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


E = TypeVar("E", covariant=True)


@dataclass(frozen=True, slots=True)
class Envelope(Generic[E]):
    """One recorded event with all that the ledger knows of it."""

    event: E
    id: EventId
    type: str
    aggregate: Aggregate
    at: datetime
    rev: int
    actor: Actor
    command_id: CommandId
    command_digest: Digest
    correlation_id: str
    causation_id: EventId | None
    kid: KeyId
    leaf: Digest
    """`sha256:` and the RFC 6962 leaf hash of the stored bytes."""
    sequence: int
    raw: Mapping[str, Any] = field(repr=False, compare=False)
    """The CloudEvents object as it was read."""
