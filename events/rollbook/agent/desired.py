"""What does a desired document look like, and may this agent act on it?

The bucket needs no trust: the document wraps the signed event, and the event is
checked like any reader checks one, but alone (design/promotion.md §5.2, §5.3).
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from rollbook import codec, subjects
from rollbook.catalogue.lane import DesiredSet
from rollbook.codec import Link
from rollbook.commands.desired import Document, Target, key_of
from rollbook.errors import UnreadableEvent
from rollbook.event import parse_type
from rollbook.names import Count, PromotionId, StageName, TargetName
from rollbook.proof.validity import Accepted, Chain, Verdict, check, key_id


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
class Heading:
    """Which document it is: what a report of it has to name."""

    key: str
    target: Target
    """The agent's own place, also where the lane runs beside another's."""
    lane: StageName
    revision: int
    token: int
    promotion: PromotionId

    @property
    def mark(self) -> Mark:
        """Say how far this document brings its key."""
        return Mark(self.revision, self.token)


@dataclass(frozen=True, slots=True)
class Desired:
    """One document: what should run on one target, as one lane says it."""

    key: str
    target: Target
    """The agent's own place, also where the lane runs beside another's."""
    event: DesiredSet
    sequence: int

    @property
    def weights(self) -> Mapping[str, int]:
        """Say how the target's traffic is shared; empty: serve nothing."""
        return self.event.targets[self.target.target]

    @property
    def heading(self) -> Heading:
        """Say which document it is."""
        event = self.event
        return Heading(
            self.key,
            self.target,
            event.stage,
            event.revision,
            event.token,
            event.promotion,
        )


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
    heading: Heading | None = None
    """Where it is genuine, not old, and written by a newer release."""


class _Named(BaseModel):
    """What every version of the event says, and will."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: StageName
    revision: Count
    token: Count
    promotion: PromotionId


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
    own = Target(StageName(stage), TargetName(target), document.model)
    try:
        event = codec.read(verdict.raw, body, document.sequence).event
    except UnreadableEvent as error:
        return _unreadable(verdict.raw, str(error), key=key, own=own, mark=mark)
    if not isinstance(event, DesiredSet):
        return Refused("unreadable_document", f"{verdict.raw['type']} is no desire")
    is_own = stage == (event.beside or event.stage) and target in event.targets
    if not is_own or key_of(own, event.stage) != key:
        return Refused("foreign_target", f"written for {document.written_for}")
    desired = Desired(key, own, event, document.sequence)
    return _older(desired.heading, mark) or desired


def _unreadable(
    raw: Mapping[str, Any], why: str, *, key: str, own: Target, mark: Mark
) -> Refused:
    """Say which document a newer release wrote, so that it can be reported."""
    parsed = parse_type(raw["type"])
    unnamed = Refused("unreadable_document", why)
    if parsed is None or parsed[0] != DesiredSet.recorded_as:
        return unnamed
    try:
        said = _Named.model_validate(raw["data"])
    except ValidationError:
        return unnamed
    if key_of(own, said.stage) != key:
        return unnamed
    heading = Heading(key, own, said.stage, said.revision, said.token, said.promotion)
    return _older(heading, mark) or Refused("unreadable_document", why, heading)


def _older(heading: Heading, mark: Mark) -> Refused | None:
    if heading.revision < mark.revision:
        detail = f"revision {heading.revision}, seen {mark.revision}"
        return Refused("old_revision", detail)
    if heading.token < mark.token:
        return Refused("old_token", f"token {heading.token}, seen {mark.token}")
    return None


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
    except (ValidationError, ValueError, KeyError, TypeError, OverflowError):
        return 0
