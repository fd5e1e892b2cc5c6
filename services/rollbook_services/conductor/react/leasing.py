"""Which agents hold their leases, and which ones came or went unnoticed?"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from rollbook.commands.fleet import MarkAgent
from rollbook.names import AgentName, EventId, Line, StageName, TargetName
from rollbook_services.conductor.react.due import Due, named


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent as the ledger knows it."""

    agent: AgentName
    stage: StageName
    target: TargetName
    is_present: bool
    session: str | None
    event: EventId
    """What said last whether it is there: its enrolment, or that it came or went."""
    public_key: str | None = None
    is_revoked: bool = False
    is_drained: bool = False

    @property
    def key(self) -> str:
        """Name its lease."""
        return key_of(self.stage, self.target, self.agent)


class Lease(BaseModel):
    """What the bucket holds while a process of an agent is there."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: Line
    at: AwareDatetime
    """When it was renewed, by the conductor's clock."""


def key_of(stage: str, target: str, agent: str) -> str:
    """Name the lease of an agent; none of the names holds a dot."""
    return f"{stage}.{target}.{agent}"


def marks(
    agents: Iterable[Agent],
    held: Mapping[str, Lease],
    *,
    heard_at: Mapping[str, datetime],
    is_sure: bool,
) -> Iterator[Due]:
    """Say of each agent whether it is there, where the ledger thinks otherwise.

    `is_sure`: whether nobody was kept from renewing for a whole time-to-live, so that
    a lease that is gone means its agent is. `heard_at`: what was seen of leases that
    are gone, by key.
    """
    for agent in agents:
        if agent.is_revoked:
            continue
        lease = held.get(agent.key)
        if lease is not None and not agent.is_present:
            yield _mark(agent, "recovered", is_present=True, session=lease.session)
        elif lease is None and agent.is_present and is_sure:
            last = heard_at.get(agent.key)
            yield _mark(agent, "lost", is_present=False, last_heard_at=last)


def _mark(
    agent: Agent,
    verb: str,
    *,
    is_present: bool,
    session: str | None = None,
    last_heard_at: datetime | None = None,
) -> Due:
    command = MarkAgent(
        agent=agent.agent,
        is_present=is_present,
        session=session or agent.session or "-",
        last_heard_at=last_heard_at,
    )
    return Due(named(agent.event, verb, agent.agent), command, agent.event)
