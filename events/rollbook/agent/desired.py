"""What does a desired document look like, and may this agent act on it?

The bucket needs no trust: the document wraps the signed event, and the event is
checked like any reader checks one, but alone (design/promotion.md §5.2, §5.3).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from rollbook import codec, subjects
from rollbook.catalogue.lane import DesiredSet, Variant
from rollbook.codec import Link
from rollbook.commands.desired import Document, Target, key_of
from rollbook.errors import UnreadableEvent
from rollbook.names import StageName, TargetName
from rollbook.proof.validity import Accepted, Chain, Verdict, check, key_id

ALL_OF_IT: Final = 100


@dataclass(frozen=True, slots=True)
class Trusted:
    """The ledger's name and its event key, pinned when the agent was set up."""

    origin: str
    event_key: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a key has come: nothing older is ever accepted."""

    revision: int = 0
    token: int = 0


@dataclass(frozen=True, slots=True)
class Desired:
    """What should run on one target."""

    key: str
    target: Target
    event: DesiredSet
    sequence: int

    @property
    def weights(self) -> Mapping[str, int]:
        """Say how the target's traffic is shared; empty: serve nothing."""
        return self.event.targets[self.target.target]

    @property
    def served(self) -> tuple[str, Variant] | None:
        """Name the variant that gets all the traffic, or None: serve nothing.

        Raises ValueError when the traffic is shared or the variant is not described.
        """
        shares = {name: share for name, share in self.weights.items() if share}
        if not shares:
            return None
        [name, *others] = shares
        variant = self.event.variants.get(name)
        if others or shares[name] != ALL_OF_IT or variant is None:
            raise ValueError(f"weights {dict(self.weights)} need one whole variant")
        return name, variant


@dataclass(frozen=True, slots=True)
class Refused:
    """A document this agent must not act on: it keeps serving what it serves."""

    reason: Literal[
        "unreadable_document",
        "unsigned",
        "foreign_target",
        "old_revision",
        "old_token",
    ]
    detail: str


def read(
    value: bytes, *, key: str, stage: str, target: str, trusted: Trusted, mark: Mark
) -> Desired | Refused:
    """Read a document, if it is genuine, this target's own and not an old one."""
    try:
        document = Document.model_validate_json(value)
        body = base64.b64decode(document.event, validate=True)
        raw = codec.parse(body)
    except (ValidationError, binascii.Error, ValueError) as error:
        return Refused("unreadable_document", str(error).splitlines()[0])
    verdict = _check_alone(body, raw, document, trusted)
    if not isinstance(verdict, Accepted):
        return Refused("unsigned", f"the event is not valid: {verdict.reason}")
    try:
        event = codec.read(verdict.raw, body, document.sequence).event
    except UnreadableEvent as error:
        return Refused("unreadable_document", str(error))
    if not isinstance(event, DesiredSet):
        return Refused("unreadable_document", f"{verdict.raw['type']} is no desire")
    own = Target(StageName(stage), TargetName(target), document.model)
    if event.stage != stage or target not in event.targets or key_of(own) != key:
        return Refused("foreign_target", f"written for {document.written_for}")
    return _not_older(Desired(key, own, event, document.sequence), mark)


def _not_older(desired: Desired, mark: Mark) -> Desired | Refused:
    event = desired.event
    if event.revision < mark.revision:
        return Refused(
            "old_revision", f"revision {event.revision}, seen {mark.revision}"
        )
    if event.token < mark.token:
        return Refused("old_token", f"token {event.token}, seen {mark.token}")
    return desired


def _check_alone(
    body: bytes, raw: object, document: Document, trusted: Trusted
) -> Verdict:
    """Judge one event without its history: an agent sees no chain."""
    before = raw if isinstance(raw, dict) else {}
    rev = before.get("rev")
    link = Link(rev - 1 if isinstance(rev, int) else 0, before.get("prev"))
    chain = Chain(
        origin=trusted.origin,
        keys={
            key_id(trusted.event_key): Ed25519PublicKey.from_public_bytes(
                trusted.event_key
            )
        },
        find=lambda aggregate: link,
    )
    subject = subjects.subject(subjects.model(document.model))
    return check(body, subject, document.sequence, chain)


def peek_revision(value: bytes) -> int:
    """Read the revision without believing it: enough to see that a mirror lags."""
    try:
        body = base64.b64decode(Document.model_validate_json(value).event)
        return int(codec.parse(body)["data"]["revision"])
    except (ValidationError, ValueError, KeyError, TypeError):
        return 0
