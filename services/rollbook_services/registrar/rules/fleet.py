"""Which agent speaks for which target, which of them answer, and which stand aside?"""

from dataclasses import replace

from rollbook.catalogue.access import Place
from rollbook.catalogue.fleet import (
    AgentDrained,
    AgentEnrolled,
    AgentLost,
    AgentRecovered,
    AgentRevoked,
    AgentUndrained,
)
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    MarkAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.fleet import (
    agent_exists,
    agent_was_elsewhere,
    agent_was_revoked,
    already_drained,
    key_taken,
    not_drained,
    target_taken,
    unknown_agent,
)
from rollbook.names import AgentName
from rollbook.refusals import Refusal
from rollbook.standing import already_revoked
from rollbook_services.registrar.state import Mark
from rollbook_services.registrar.surroundings import Agent, Fleet


def enrol(command: EnrolAgent, fleet: Fleet) -> list[AgentEnrolled] | Refusal:
    """Let an agent speak for a target that has none; a revoked one may come back."""
    refusal = _is_known(command, fleet) or _is_anothers(command, fleet)
    if refusal is not None:
        return refusal
    return [
        AgentEnrolled(
            agent=command.agent,
            place=command.place,
            public_key=command.public_key,
            token=command.token,
        )
    ]


def _is_known(command: EnrolAgent, fleet: Fleet) -> Refusal | None:
    known = fleet.agents.get(command.agent)
    if known is None:
        return None
    if not known.is_revoked:
        return agent_exists(command.agent, place=_written(known.place))
    if known.place != command.place:
        return agent_was_elsewhere(command.agent, place=_written(known.place))
    return None


def _is_anothers(command: EnrolAgent, fleet: Fleet) -> Refusal | None:
    """Refuse a second agent for one target, and one that has another's key."""
    for name, agent in fleet.agents.items():
        if agent.is_revoked:
            continue
        if agent.place == command.place:
            return target_taken(_written(command.place), agent=name)
        if command.public_key is not None and agent.public_key == command.public_key:
            return key_taken(name)
    return None


def revoke(command: RevokeAgent, fleet: Fleet) -> list[AgentRevoked] | Refusal:
    """Let an agent speak for nothing; its target may get another one."""
    known = fleet.agents.get(command.agent)
    if known is not None and known.is_revoked:
        return already_revoked("agent", command.agent)
    if known is None:
        return _unknown(command.agent, fleet)
    return [AgentRevoked(agent=command.agent, reason=command.reason)]


def drain(command: DrainAgent, fleet: Fleet) -> list[AgentDrained] | Refusal:
    """Let a target keep what it serves, and no change wait for it."""
    known = _live(command.agent, fleet)
    if isinstance(known, Refusal):
        return known
    if known.is_drained:
        return already_drained(command.agent)
    return [AgentDrained(agent=command.agent, reason=command.reason)]


def undrain(command: UndrainAgent, fleet: Fleet) -> list[AgentUndrained] | Refusal:
    """Let a drained target take part again."""
    known = _live(command.agent, fleet)
    if isinstance(known, Refusal):
        return known
    if not known.is_drained:
        return not_drained(command.agent)
    return [AgentUndrained(agent=command.agent, reason=command.reason)]


def mark(
    command: MarkAgent, fleet: Fleet
) -> list[AgentLost] | list[AgentRecovered] | Refusal:
    """Record that an agent came or went; what is known already says nothing.

    Another session of one that never went is a restart between two renewals.
    """
    known = _live(command.agent, fleet)
    if isinstance(known, Refusal):
        return known
    if command.is_present is bool(known.is_present):
        return []
    if command.is_present:
        return [AgentRecovered(agent=command.agent, session=command.session)]
    return [
        AgentLost(
            agent=command.agent,
            session=command.session,
            last_heard_at=command.last_heard_at,
        )
    ]


def _live(name: AgentName, fleet: Fleet) -> Agent | Refusal:
    """Find an agent that may speak."""
    known = fleet.agents.get(name)
    if known is None:
        return _unknown(name, fleet)
    if known.is_revoked:
        return agent_was_revoked(name, place=_written(known.place))
    return known


def _unknown(name: AgentName, fleet: Fleet) -> Refusal:
    live = [name for name, agent in fleet.agents.items() if not agent.is_revoked]
    return unknown_agent(name, sorted(live))


def _written(place: Place) -> str:
    return f"{place.stage}/{place.target}"


def enrolled(fleet: Fleet, event: AgentEnrolled, mark: Mark) -> Fleet:
    """Remember an agent; of one that comes back nothing else is known."""
    agent = Agent(event.place, event.public_key, event.token)
    return _changed(fleet, event.agent, agent)


def revoked(fleet: Fleet, event: AgentRevoked, mark: Mark) -> Fleet:
    """Remember whose name it was: what it said stays in the record."""
    known = fleet.agents[event.agent]
    return _changed(fleet, event.agent, replace(known, is_revoked=True))


def drained(fleet: Fleet, event: AgentDrained, mark: Mark) -> Fleet:
    """Remember that it stands aside."""
    known = fleet.agents[event.agent]
    return _changed(fleet, event.agent, replace(known, is_drained=True))


def undrained(fleet: Fleet, event: AgentUndrained, mark: Mark) -> Fleet:
    """Remember that it takes part."""
    known = fleet.agents[event.agent]
    return _changed(fleet, event.agent, replace(known, is_drained=False))


def lost(fleet: Fleet, event: AgentLost, mark: Mark) -> Fleet:
    """Remember that nobody hears it."""
    known = fleet.agents[event.agent]
    return _changed(fleet, event.agent, replace(known, is_present=False))


def recovered(fleet: Fleet, event: AgentRecovered, mark: Mark) -> Fleet:
    """Remember which of its processes answers."""
    known = fleet.agents[event.agent]
    known = replace(known, is_present=True, session=event.session)
    return _changed(fleet, event.agent, known)


def _changed(fleet: Fleet, name: AgentName, agent: Agent) -> Fleet:
    return replace(fleet, agents={**fleet.agents, name: agent})
