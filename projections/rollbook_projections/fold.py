"""What becomes of each message: judged, handed to its handler, accounted for.

Synchronous, and the same for live messages, replay and rebuild. A fold belongs to
one generation of a view's tables; after a transaction that failed it is thrown away.
"""

import base64
import hashlib
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, Table

from rollbook import catalogue, codec
from rollbook.codec import Link
from rollbook.errors import InvalidLedger, RollbookError, UnreadableEvent
from rollbook.event import declared, parse_type
from rollbook.ledger.protocol import Message
from rollbook.names import Digest, KeyId
from rollbook.proof.validity import Accepted, Chain, Invalid, check
from rollbook.subjects import KEYS
from rollbook_projections import checkpoint
from rollbook_projections.checkpoint import Anomaly, Halt, Seen, Standing
from rollbook_projections.projection import Handler, Projection
from rollbook_projections.rows import Rows

CHAINS_KEPT: Final = 100_000  # chain ends in memory; about 350 bytes each
_ACCEPTED: Final = b"\x01"
_INVALID: Final = b"\x00"
_NUL: Final = b"\\u0000"


class HandlerFailed(RollbookError):
    """A view cannot take an event: its position stays before it."""

    def __init__(self, projection: str, sequence: int, type_: str, cause: str) -> None:
        """Hold the view, the event and what went wrong."""
        self.projection, self.sequence, self.type = projection, sequence, type_
        self.cause = cause
        super().__init__(
            f"view {projection} stopped before event {sequence} ({type_}): {cause}; "
            "the ledger is unharmed: report this, and upgrade Rollbook when it is fixed"
        )


class Fold:
    """Folds messages, in order and without gaps, into one generation of tables."""

    def __init__(
        self,
        projection: Projection,
        tables: Mapping[str, Table],
        connection: Connection,
        *,
        generation: int = 0,
    ) -> None:
        """Go on where these tables stand; `generation` counts if they are empty."""
        catalogue.load()
        self._projection = projection
        self._tables = tables
        self._connection: Connection | None = connection
        begun = checkpoint.standing(connection, tables["checkpoint"])
        now = begun or Standing(projection.name, projection.version, generation)
        self.generation, self.position = now.generation, now.position
        self.leaf, self._digest = now.leaf, now.digest
        self._chain = Chain(now.origin, _keys(now.keys or {}), find=self._find_link)
        self._are_links_known = begun is None
        self._is_chain_behind = False
        self._halted = {
            each.aggregate for each in checkpoint.halted(connection, tables["halted"])
        }
        self._rows = Rows(
            {name: tables[name] for name in projection.metadata.tables},
            is_empty=begun is None,
        )
        self._rows.at_max = now.at_max
        self._routes: dict[str, Handler | UnreadableEvent | None] = {}
        self._forget_batch()

    @property
    def digest(self) -> bytes:
        """Running SHA-256 over every verdict and message so far."""
        return self._digest

    def read_from(self, connection: Connection) -> None:
        """Work inside this transaction from now on."""
        self._connection = connection
        self._rows.read_from(connection)

    def take(self, message: Message) -> None:
        """Judge the next message in full, and fold it if it is valid."""
        if self._is_chain_behind:
            self._link()
            self._is_chain_behind = False
        verdict = check(message.body, message.subject, message.sequence, self._chain)
        match verdict:
            case Accepted(raw, link):
                self._chain.accept(verdict)
                self._accept(message, raw, link.leaf or Digest(""))
            case Invalid(reason):
                self._refuse(message, reason)

    def take_vouched(self, message: Message, *, invalid: str | None) -> None:
        """Fold the next message under a verdict that was reached before.

        Only with a digest at hand that will tell whether these are the same messages.
        """
        if invalid is not None:
            self._refuse(message, invalid)
            return
        self._is_chain_behind = True
        leaf = codec.leaf_hash(message.body)
        try:
            raw = codec.parse(message.body)
            rev, aggregate = raw["rev"], raw["subject"]
        except (LookupError, TypeError, ValueError) as error:
            raise InvalidLedger(
                f"message {message.sequence} is no event, but view "
                f"{self._projection.name} has taken it for one: its anomalies were "
                "changed; run `rollbook projection rebuild --full`"
            ) from error
        if aggregate == KEYS:
            self._chain.accept(Accepted(raw, Link(rev, leaf)))
        self._accept(message, raw, leaf)

    def write(self, connection: Connection) -> None:
        """Write rows, position and what was seen, in the transaction in hand."""
        self._rows.write(connection)
        now = Standing(
            name=self._projection.name,
            version=self._projection.version,
            generation=self.generation,
            position=self.position,
            digest=self._digest,
            leaf=self.leaf,
            at_max=self._rows.at_max,
            origin=self._chain.origin,
            keys=_written(self._chain.keys),
        )
        self._link()
        links = {
            aggregate: (self._chain.links[aggregate], sequence)
            for aggregate, (sequence, _, _) in self._moved.items()
        }
        seen = Seen(links, self._anomalies, self._halts)
        checkpoint.record(connection, self._tables, now, seen)
        self._forget_batch()

    def _accept(self, message: Message, raw: Mapping[str, Any], leaf: Digest) -> None:
        if _NUL in message.body:
            raw = without_nul(raw)
        self._moved[raw["subject"]] = (message.sequence, raw["rev"], leaf)
        rows = self._rows
        rows.sequence = message.sequence
        rows.at_max = max(rows.at_max, raw["time"])
        if self._projection.every is not None:
            self._projection.every(rows, message, raw, leaf)
        if raw["subject"] not in self._halted:
            self._hand_over(raw, leaf)
        self._step(message, leaf, _ACCEPTED)

    def _refuse(self, message: Message, reason: str) -> None:
        subject = without_nul(message.subject)
        self._anomalies.append(Anomaly(message.sequence, subject, reason))
        self._step(message, codec.leaf_hash(message.body), _INVALID)

    def _step(self, message: Message, leaf: Digest, verdict: bytes) -> None:
        self._digest = hashlib.sha256(self._digest + verdict + leaf.encode()).digest()
        self.position, self.leaf = message.sequence, leaf

    def _hand_over(self, raw: Mapping[str, Any], leaf: Digest) -> None:
        type_, sequence = raw["type"], self._rows.sequence
        try:
            route = self._routes[type_]
        except KeyError:
            route = self._routes[type_] = self._route(type_)
        if route is None:
            return
        try:
            if isinstance(route, UnreadableEvent):
                raise route
            route(self._rows, codec.read_data(raw, leaf, sequence))
        except UnreadableEvent as error:
            if not self._projection.skips_unknown:
                self._halt(raw["subject"], error, is_newer=route is error)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise HandlerFailed(
                self._projection.name, sequence, type_, repr(error)
            ) from error

    def _halt(self, aggregate: str, error: UnreadableEvent, *, is_newer: bool) -> None:
        sequence = self._rows.sequence
        self._halted.add(aggregate)
        self._halts.append(Halt(aggregate, sequence, error.type, error.why, is_newer))

    def _route(self, type_: str) -> Handler | UnreadableEvent | None:
        name, _ = parse_type(type_) or ("", 0)
        return unreadable(type_) or self._projection.handlers.get(name)

    def _link(self) -> None:
        """Tell the chain what was taken without it."""
        for aggregate, (_, rev, leaf) in self._moved.items():
            self._chain.links[aggregate] = Link(rev, leaf)

    def _find_link(self, aggregate: str) -> Link:
        if self._are_links_known or self._connection is None:
            return Link()
        return checkpoint.link(self._connection, aggregate, self._tables["links"])

    def _forget_batch(self) -> None:
        self._moved: dict[str, tuple[int, int, Digest]] = {}
        self._anomalies: list[Anomaly] = []
        self._halts: list[Halt] = []
        links = self._chain.links
        if len(links) > CHAINS_KEPT:
            self._are_links_known = False
            for aggregate in list(islice(links, len(links) // 2)):
                del links[aggregate]


def without_nul(value: Any) -> Any:
    """Replace U+0000 in every text: PostgreSQL has none; the bytes keep it."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [without_nul(each) for each in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(each) for key, each in value.items()}
    return value


def unreadable(type_: str) -> UnreadableEvent | None:
    """Say why this release cannot read a type of event; None: it can."""
    name, version = parse_type(type_) or ("", 0)
    event = declared().get(name)
    if event is None:
        return UnreadableEvent(type_, why="this release does not know the type")
    if version > event.schema_version:
        return UnreadableEvent(type_, why=f"this release reads {event.type_name()}")
    return None


def _keys(written: Mapping[str, str]) -> dict[KeyId, Ed25519PublicKey]:
    return {
        KeyId(kid): Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
        for kid, public in written.items()
    }


def _written(keys: Mapping[KeyId, Ed25519PublicKey]) -> dict[str, str]:
    return {
        kid: base64.b64encode(key.public_bytes_raw()).decode()
        for kid, key in keys.items()
    }
