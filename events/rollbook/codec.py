"""How does an envelope become canonical CloudEvents bytes, and how is it read back?

The bytes are RFC 8785; `sig` is Ed25519 over a label and the event without `sig`
(design/proof.md §1). What is verified is always what was read: stored bytes are
never encoded again.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

import orjson

from rollbook import canonical
from rollbook.envelope import Actor, ActorKind, Envelope, Stamp, written
from rollbook.errors import UnreadableEvent
from rollbook.event import Data, Event, revive, upcast
from rollbook.names import (
    LARGEST,
    Digest,
    KeyId,
    Principal,
    RoleName,
)
from rollbook.subjects import Aggregate, is_at_home

SIGNATURE_LABEL: Final = b"rollbook/event/v1\x00"
T = TypeVar("T")

# A number of 16 digits or more, found in 1 µs (a pattern takes 7 to 14): digits look
# alike, and so do the bytes that may stand before a number. A text that looks the same
# only takes the slower way.
_ALIKE: Final = bytes.maketrans(b"123456789-[,", b"000000000:::")
_LONG_NUMBER: Final = b":" + b"0" * 16

CREDENTIAL: Final = "credential"  # reserved in `data`: how the actor was authenticated


def leaf_hash(body: bytes) -> Digest:
    """Hash an entry as a leaf of the transparency log (RFC 6962 §2.1)."""
    return Digest("sha256:" + hashlib.sha256(b"\x00" + body).hexdigest())


@dataclass(frozen=True, slots=True)
class Link:
    """The end of an aggregate's chain: its last accepted event."""

    rev: int = 0
    leaf: Digest | None = None


def unsigned(
    event: Event,
    stamp: Stamp,
    *,
    index: int,
    aggregate: Aggregate,
    origin: str,
    link: Link,
    kid: KeyId,
) -> dict[str, Any]:
    """Make the CloudEvents object of one event of a decision, without `sig`."""
    data = event.model_dump(mode="json")
    if stamp.actor.credential:
        data[CREDENTIAL] = dict(stamp.actor.credential)
    type_ = event.type_name()
    fields = {
        "specversion": "1.0",
        "id": stamp.event_id(index),
        "source": f"//{origin}",
        "type": type_,
        "subject": aggregate,
        "time": written(stamp.at),
        "datacontenttype": "application/json",
        "dataschema": f"urn:rollbook:schema:{type_}",
        "data": data,
        "rev": link.rev + 1,
        "prev": link.leaf,
        "commandid": stamp.command_id,
        "commanddigest": stamp.command_digest,
        "correlationid": stamp.correlation_id or stamp.command_id,
        "causationid": stamp.causation_id,
        "authtype": stamp.actor.kind.value,
        "authid": stamp.actor.id,
        "authroles": ",".join(sorted(stamp.actor.roles)) or None,
        "kid": kid,
    }
    return {name: value for name, value in fields.items() if value is not None}


def message_to_sign(fields: Mapping[str, Any]) -> bytes:
    """Label and canonical bytes of an event without its signature."""
    return SIGNATURE_LABEL + canonical.dumps(dict(fields))


def signed(fields: Mapping[str, Any], signature: bytes) -> bytes:
    """Write the canonical bytes that the ledger keeps."""
    return with_signature(message_to_sign(fields), signature)


def with_signature(message: bytes, signature: bytes) -> bytes:
    """Turn the message that was signed into the canonical bytes with `sig`.

    `sig` comes before `source`; after that come only texts, in which a quotation
    mark is escaped, so the last `"source":` is the event's own.
    """
    unsigned = message.removeprefix(SIGNATURE_LABEL)
    before, name, after = unsigned.rpartition(b'"source":')
    return b'%b"sig":"%b",%b%b' % (before, base64.b64encode(signature), name, after)


def read(raw: Mapping[str, Any], body: bytes, sequence: int) -> Envelope[Event]:
    """Read an accepted event.

    UnreadableEvent when this release does not know it, or not on this aggregate.
    """
    event = revive(raw["type"], data_of(raw))
    _check_home(type(event), raw)
    return _enclose(event, raw, leaf_hash(body), sequence)


def enclose(
    event: Event, raw: Mapping[str, Any], leaf: Digest, sequence: int
) -> Envelope[Event]:
    """Put an event that was just recorded into the envelope that `read` would."""
    return _enclose(event, raw, leaf, sequence)


def read_data(raw: Mapping[str, Any], leaf: Digest, sequence: int) -> Envelope[Data]:
    """Read an accepted event with its data as a mapping, lifted to today's shape.

    For bulk work: validity has checked the bytes, so the types are not checked again.
    """
    event, data = upcast(raw["type"], data_of(raw))
    _check_home(event, raw)
    return _enclose(data, raw, leaf, sequence)


def data_of(raw: Mapping[str, Any]) -> Data:
    """Return an event's own data, without the registrar's stamp."""
    data: Data = raw["data"]
    if CREDENTIAL in data:
        return {name: value for name, value in data.items() if name != CREDENTIAL}
    return data


def parse(body: bytes) -> dict[str, Any]:
    """Read bytes that were accepted before; only for those.

    The same values come out as from validity, which reads an integer outside
    ±(2^53 - 1) as the double that it is.
    """
    if _LONG_NUMBER in body.translate(_ALIKE):
        fields: dict[str, Any] = json.loads(body, parse_int=integer)
        return fields
    return orjson.loads(body)  # type: ignore[no-any-return]


def integer(text: str) -> int | float:
    """Read an integer of RFC 8785, which writes 2^53 and more for doubles."""
    double = float(text)  # first: int() refuses thousands of digits
    return int(text) if abs(double) < LARGEST + 1 else double


def _check_home(event: type[Event], raw: Mapping[str, Any]) -> None:
    # No part of validity: an older release, which does not know the type, must agree
    # on the chain.
    if not is_at_home(event.recorded_as, raw["subject"]):
        why = f"it is recorded on {raw['subject']}, where it does not belong"
        raise UnreadableEvent(raw["type"], why=why)


def _enclose(
    event: T, raw: Mapping[str, Any], leaf: Digest, sequence: int
) -> Envelope[T]:
    # Its members are of these types already: validity has checked them.
    return Envelope(
        event=event,
        id=raw["id"],
        type=raw["type"],
        aggregate=raw["subject"],
        at=datetime.fromisoformat(raw["time"]),
        rev=raw["rev"],
        actor=_actor(raw["authid"], raw["authtype"], raw.get("authroles", "")),
        command_id=raw["commandid"],
        command_digest=raw.get("commanddigest", ""),
        correlation_id=raw["correlationid"],
        causation_id=raw.get("causationid"),
        kid=raw["kid"],
        leaf=leaf,
        sequence=sequence,
        raw=raw,
    )


@lru_cache(maxsize=4096)
def _actor(id_: str, kind: str, roles: str) -> Actor:
    return Actor(
        Principal(id_),
        ActorKind(kind),
        tuple(RoleName(role) for role in roles.split(",") if role),
    )
