"""Is this stream message an event of ours, in its place?

One pure function for registrar, projections, agents and verifiers, so that all of
them accept and refuse the same bytes (design/proof.md §1, "Validity"). An invalid
message keeps its place in the ledger and changes nothing.
"""

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rollbook import codec
from rollbook.catalogue.keys import LedgerOpened
from rollbook.codec import Link
from rollbook.event import parse_type
from rollbook.names import KeyId
from rollbook.subjects import KEYS, PREFIX, is_aggregate

LARGEST_ENTRY: Final = 32_768
DEEPEST: Final = 16

_REQUIRED: Final = {
    "specversion": r"1\.0",
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "source": r"//\S{1,200}",
    "type": r"[a-z0-9._]{1,128}",
    "subject": r"\S{1,300}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "datacontenttype": r"application/json",
    "dataschema": r"urn:rollbook:schema:\S{1,128}",
    "commandid": r"[A-Za-z0-9._:/@-]{1,128}",
    "correlationid": r"[^\x00-\x1f]{1,300}",
    "authtype": r"user|service_account|system",
    "authid": r"\S{1,200}",
    "kid": r"ed25519:[0-9a-f]{16}",
    "sig": r"[A-Za-z0-9+/]{86}==",
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
        if raw["subject"] == KEYS and raw["type"] == LedgerOpened.type_name():
            self.origin = raw["source"].removeprefix("//")
            kid, key = _public_key(raw["data"])
            self.keys[kid] = key


def check(body: bytes, subject: str, sequence: int, chain: Chain) -> Verdict:
    """Judge one stream message against the accepted prefix before it.

    The first check that fails is the reason: size, utf8, json, depth, number,
    not-canonical, misfiled, attributes, source, subject, key, signature, rev, prev.
    """
    try:
        raw = _canonical(body)
        _attributes(raw)
        if PREFIX + raw["subject"] != subject:
            return Invalid("misfiled")
        key = _key(raw, sequence, chain)
        _signature(raw, key)
        link = chain.link(raw["subject"])
        if raw["rev"] != link.rev + 1:
            return Invalid("rev")
        if raw.get("prev") != link.leaf:
            return Invalid("prev")
    except _Refused as refused:
        return Invalid(refused.reason)
    return Accepted(raw, Link(raw["rev"], codec.leaf_hash(body)))


class _Refused(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


def _canonical(body: bytes) -> dict[str, Any]:
    if not 1 <= len(body) <= LARGEST_ENTRY:
        raise _Refused("size")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _Refused("utf8") from error
    raw = _json(text)
    try:
        canonical = rfc8785.dumps(raw)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise _Refused("number") from error
    if canonical != body:
        raise _Refused("not-canonical")
    return raw


def _json(text: str) -> dict[str, Any]:
    try:
        raw = json.loads(
            text,
            parse_constant=_no_constant,
            parse_int=_integer,
            object_pairs_hook=_no_doubles,
        )
    except _Refused:
        raise
    except (ValueError, RecursionError) as error:
        raise _Refused("json") from error
    if not isinstance(raw, dict):
        raise _Refused("json")
    if _depth(raw) > DEEPEST:
        raise _Refused("depth")
    return raw


def _no_constant(text: str) -> float:
    raise _Refused("number")


def _integer(text: str) -> int | float:
    # RFC 8785 writes a double of 2^53 or more without exponent: read it as a double.
    if len(text) > 400:
        raise _Refused("number")
    value = int(text)
    return value if abs(value) < 2**53 else float(text)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _Refused("json")
    return fields


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        depth += 1
        if any(isinstance(each, float) and not math.isfinite(each) for each in level):
            raise _Refused("number")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


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


def _key(raw: Mapping[str, Any], sequence: int, chain: Chain) -> Ed25519PublicKey:
    if not is_aggregate(raw["subject"]):
        raise _Refused("subject")
    if chain.origin is None:
        return _genesis_key(raw, sequence)
    if raw["source"] != f"//{chain.origin}":
        raise _Refused("source")
    key = chain.keys.get(raw["kid"])
    if key is None:
        raise _Refused("key")
    return key


def _genesis_key(raw: Mapping[str, Any], sequence: int) -> Ed25519PublicKey:
    if raw["subject"] != KEYS or raw["type"] != LedgerOpened.type_name():
        raise _Refused("source")
    kid, key = _public_key(raw["data"])
    if kid != raw["kid"]:
        raise _Refused("key")
    return key


def _public_key(data: Mapping[str, Any]) -> tuple[KeyId, Ed25519PublicKey]:
    try:
        named = data["event_key"]
        public = base64.b64decode(named["public"], validate=True)
        key = Ed25519PublicKey.from_public_bytes(public)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise _Refused("key") from error
    if key_id(public) != named["kid"]:
        raise _Refused("key")
    return named["kid"], key


def _signature(raw: Mapping[str, Any], key: Ed25519PublicKey) -> None:
    fields = {name: value for name, value in raw.items() if name != "sig"}
    try:
        key.verify(base64.b64decode(raw["sig"]), codec.message_to_sign(fields))
    except InvalidSignature as error:
        raise _Refused("signature") from error


def key_id(public: bytes) -> KeyId:
    """Name a key: `ed25519:` and the first 16 hex digits of its SHA-256."""
    return KeyId(f"ed25519:{hashlib.sha256(public).hexdigest()[:16]}")
