"""Which events answered a command, so that a retry at any later time gets them too?"""

from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook_services.registrar.state import Answered, Commands, Mark


def mark_of(recorded: Envelope[Event]) -> Mark:
    """Return what the rules need to know of a recorded event besides what it says."""
    return Mark(recorded.id, recorded.at, recorded.actor)


def remember(known: Commands, recorded: Envelope[Event]) -> Commands:
    """Add one event to the answer of its command."""
    before: Answered | None = known.get(recorded.command_id)
    answer = Answered(
        first_rev=before.first_rev if before else recorded.rev,
        first_sequence=before.first_sequence if before else recorded.sequence,
        count=before.count + 1 if before else 1,
        digest=recorded.command_digest,
    )
    return known.plus(recorded.command_id, answer)
