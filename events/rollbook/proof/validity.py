"""Is this stream message an event of ours, in its place?

One pure function for registrar, projections, agents and verifiers, so that all of
them accept and refuse the same bytes (design/proof.md §1, "Validity"). An invalid
message keeps its place in the ledger and changes nothing.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rollbook import codec
from rollbook.catalogue.keys import LedgerOpened
from rollbook.codec import Link
from rollbook.event import parse_type
from rollbook.names import KeyId
from rollbook.proof import canonical
from rollbook.subjects import KEYS, PREFIX, is_aggregate

_REQUIRED: Final = {
    "specversion": r"1\.0",
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "source": r"//\S{1,200}",
    "type": r"[a-z0-9._]{1,128}",
    "subject": r"\S{1,300}",
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "datacontenttype": r"application/json",
    "dataschema": r"urn:rollbook:schema:\S{1,128}",
    "commandid": r"[A-Za-z0-9._:/@-]{1,128}",
    "correlationid": r"[^\x00-\x1f]{1,300}",
    "authtype": r"user|service_account|system",
    "authid": r"\S{1,200}",
    "kid": r"ed25519:[0-9a-f]{16}",
    # 64 bytes have one spelling: the last letter's unused bits are zero.
    "sig": r"[A-Za-z0-9+/]{85}[AQgw]==",
}
_OPTIONAL: Final = {
    "prev": r"sha256:[0-9a-f]{64}",
    "causationid": r"[0-9a-f-]{36}",
    "authroles": r"[A-Za-z0-9_,-]{1,1000}",
    "commanddigest": r"sha256:[0-9a-f]{64}",
}
_PATTERNS: Final = {
    name: re.compile(pattern) for name, pattern in (_REQUIRED | _OPTIONAL).items()
}
_ATTRIBUTES: Final = _PATTERNS.keys() | {"rev", "data"}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event of ours, in its place: the chain moves on."""

    raw: Mapping[str, Any]
    link: Link


@dataclass(frozen=True, slots=True)
class Invalid:
    """Not an event of ours, or not in its place; evidence of something."""

    reason: str


Verdict = Accepted | Invalid


@dataclass(slots=True)
class Chain:
    """What validity remembers of a ledger's prefix: chain ends and keys.

    `find` supplies the end of an aggregate's chain that is not in `links` yet.
    """

    origin: str | None = None
    keys: dict[KeyId, Ed25519PublicKey] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    find: Callable[[str], Link] = field(default=lambda aggregate: Link())

    def link(self, aggregate: str) -> Link:
        """Return the last accepted place of an aggregate."""
        known = self.links.get(aggregate)
        if known is None:
            known = self.links[aggregate] = self.find(aggregate)
        return known

    def accept(self, accepted: Accepted) -> None:
        """Move on by one accepted event; genesis brings origin and first key."""
        raw = accepted.raw
        self.links[raw["subject"]] = accepted.link
        if self.origin is None:
            self.origin = raw["source"].removeprefix("//")
            kid, key = _public_key(raw["data"])
            self.keys[kid] = key


def check(body: bytes, subject: str, sequence: int, chain: Chain) -> Verdict:
    """Judge one stream message against the accepted prefix before it.

    The first check that fails is the reason: size, utf8, json, depth, number,
    not-canonical, misfiled, attributes, source, subject, key, signature, rev, prev.
    """
    try:
        raw = canonical.read(body)
        if subject != f"{PREFIX}{raw.get('subject')}":
            return Invalid("misfiled")
        _attributes(raw)
        key = _key(raw, chain)
        _signature(body, raw["sig"], key)
        link = chain.link(raw["subject"])
        if raw["rev"] != link.rev + 1:
            return Invalid("rev")
        if raw.get("prev") != link.leaf:
            return Invalid("prev")
    except (canonical.NotCanonical, _Refused) as refused:
        return Invalid(refused.reason)
    return Accepted(raw, Link(raw["rev"], codec.leaf_hash(body)))


class _Refused(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


def _attributes(raw: Mapping[str, Any]) -> None:
    if raw.keys() - _ATTRIBUTES or not raw.keys() >= _REQUIRED.keys():
        raise _Refused("attributes")
    for name, value in raw.items():
        pattern = _PATTERNS.get(name)
        if pattern and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise _Refused("attributes")
    rev = raw.get("rev")
    if type(rev) is not int or rev < 1 or not isinstance(raw.get("data"), dict):
        raise _Refused("attributes")
    if raw["dataschema"] != f"urn:rollbook:schema:{raw['type']}":
        raise _Refused("attributes")
    if parse_type(raw["type"]) is None or ("prev" in raw) == (rev == 1):
        raise _Refused("attributes")
    try:
        datetime.fromisoformat(raw["time"])
    except ValueError as error:  # no such day or hour
        raise _Refused("attributes") from error


def _key(raw: Mapping[str, Any], chain: Chain) -> Ed25519PublicKey:
    if chain.origin is None:
        return _genesis_key(raw)
    if raw["source"] != f"//{chain.origin}":
        raise _Refused("source")
    if not is_aggregate(raw["subject"]):
        raise _Refused("subject")
    key = chain.keys.get(raw["kid"])
    if key is None:
        raise _Refused("key")
    return key


def _genesis_key(raw: Mapping[str, Any]) -> Ed25519PublicKey:
    parsed = parse_type(raw["type"])
    is_genesis = parsed and parsed[0] == LedgerOpened.recorded_as
    if raw["subject"] != KEYS or not is_genesis:
        raise _Refused("source")
    if raw["source"] != f"//{raw['data'].get('origin')}":
        raise _Refused("source")
    kid, key = _public_key(raw["data"])
    if kid != raw["kid"]:
        raise _Refused("key")
    return key


def _public_key(data: Mapping[str, Any]) -> tuple[KeyId, Ed25519PublicKey]:
    try:
        kid, public = data["event_key"]["kid"], data["event_key"]["public"]
        raw = base64.b64decode(public, validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _Refused("key") from error
    if key_id(raw) != kid:
        raise _Refused("key")
    return kid, key


def _signature(body: bytes, sig: str, key: Ed25519PublicKey) -> None:
    # Without its signature a canonical object stays canonical, so cut instead of
    # writing it anew. From the right: after the event's own `sig` come only strings,
    # and inside a string a quotation mark is escaped.
    before, _, after = body.rpartition(b'"sig":"%s",' % sig.encode())
    message = codec.SIGNATURE_LABEL + before + after
    if not _is_signed(key.public_bytes_raw(), message, sig):
        raise _Refused("signature")


@lru_cache(maxsize=256)
def _is_signed(public: bytes, message: bytes, sig: str) -> bool:
    """Verify, once where several readers in one process judge the same event."""
    try:
        _loaded(public).verify(base64.b64decode(sig), message)
    except InvalidSignature:
        return False
    return True


_loaded = lru_cache(maxsize=64)(Ed25519PublicKey.from_public_bytes)


def key_id(public: bytes) -> KeyId:
    """Name a key: `ed25519:` and the first 16 hex digits of its SHA-256."""
    return KeyId(f"ed25519:{hashlib.sha256(public).hexdigest()[:16]}")
