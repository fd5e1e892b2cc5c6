"""What is an aggregate, as far as its history was read?"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from rollbook.codec import Link
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.subjects import Aggregate
from rollbook_services.registrar.decider import evolve_any
from rollbook_services.registrar.state import State

NOTHING: Final = Link()
BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


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
