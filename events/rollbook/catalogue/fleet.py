"""Which agents are there, and which of them answer?"""

from rollbook.catalogue.access import Place
from rollbook.event import Event
from rollbook.names import AgentName, Instant, Line, Reason, TokenId


class AgentEnrolled(Event, recorded_as="agent.enrolled"):
    """An agent may speak for one target."""

    agent: AgentName
    """Its NATS user; it speaks as `svc:<agent>`."""
    place: Place
    public_key: Line | None
    """Its NATS user key; None: the site's operator keeps it in NATS's configuration."""
    token: TokenId | None


class AgentRevoked(Event, recorded_as="agent.revoked"):
    """An agent speaks for nothing any more."""

    agent: AgentName
    reason: Reason


class AgentDrained(Event, recorded_as="agent.drained"):
    """An agent keeps what it serves, and no change waits for it."""

    agent: AgentName
    reason: Reason


class AgentUndrained(Event, recorded_as="agent.undrained"):
    """An agent takes part again, and catches up."""

    agent: AgentName
    reason: Reason


class AgentLost(Event, recorded_as="agent.lost"):
    """An agent's lease ran out: nobody knows what its target does."""

    agent: AgentName
    session: Line
    last_heard_at: Instant | None


class AgentRecovered(Event, recorded_as="agent.recovered"):
    """An agent holds its lease, for the first time or again."""

    agent: AgentName
    session: Line


FleetEvent = (
    AgentEnrolled
    | AgentRevoked
    | AgentDrained
    | AgentUndrained
    | AgentLost
    | AgentRecovered
)
