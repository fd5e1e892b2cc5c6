"""What is an aggregate, as far as its history was read?"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import structlog

from rollbook.codec import Link, read
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.ledger.protocol import Message
from rollbook.proof.validity import Accepted, Chain, check
from rollbook.subjects import Aggregate, subject
from rollbook_services.registrar.deciding import evolve_any
from rollbook_services.registrar.surroundings import State

NOTHING: Final = Link()
BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Folded:
    """The state of an aggregate, and where its history ends."""

    aggregate: Aggregate
    state: State
    link: Link = NOTHING
    """The last accepted event."""
    sequence: int = 0
    """Of the last message on its subject, valid or not: the next guard."""
    last_at: datetime = BEFORE_ALL


def fold(folded: Folded, envelope: Envelope[Event]) -> Folded:
    """Move an aggregate on by one accepted event."""
    return Folded(
        aggregate=folded.aggregate,
        state=evolve_any(folded.state, envelope),
        link=Link(envelope.rev, envelope.leaf),
        sequence=envelope.sequence,
        last_at=max(folded.last_at, envelope.at),
    )


def take(folded: Folded, message: Message, chain: Chain) -> Folded:
    """Move an aggregate on by one stored message; an invalid one changes nothing."""
    own = replace(chain, links={folded.aggregate: folded.link})
    at = subject(folded.aggregate)
    verdict = check(message.body, at, message.sequence, own)
    if not isinstance(verdict, Accepted):
        log.warning(
            "invalid_message_kept_without_effect",
            subject=at,
            seq=message.sequence,
            reason=verdict.reason,
        )
        return replace(folded, sequence=message.sequence)
    return fold(folded, read(verdict.raw, message.body, message.sequence))
