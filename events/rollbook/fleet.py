"""How is a request about agents, or about what drifted on a target, refused?"""

from collections.abc import Sequence

from rollbook.refusals import Reason, Refusal, nearest

TOLD = 12
"""Agents that the message names; the detail holds every one."""


def unknown_agent(agent: str, agents: Sequence[str]) -> Refusal:
    """No agent of that name may speak for anything."""
    told = ", ".join(agents[:TOLD]) + (", …" if len(agents) > TOLD else "")
    there = f"there are {told}" if agents else "none is enrolled yet"
    return Refusal(
        Reason.UNKNOWN_AGENT,
        f"there is no agent {agent}{nearest(agent, agents)}; {there}: check the name, "
        "or enrol it first (`rollbook agent enrol`)",
        {"agent": agent, "agents": list(agents)},
    )


def agent_was_revoked(agent: str, *, place: str) -> Refusal:
    """It spoke for a target, and may not any more."""
    return Refusal(
        Reason.UNKNOWN_AGENT,
        f"agent {agent} of {place} was revoked; enrol it again for that target first "
        "(`rollbook agent enrol`)",
        {"agent": agent, "place": place},
    )


def agent_exists(agent: str, *, place: str) -> Refusal:
    """The name stands for an agent, for good."""
    return Refusal(
        Reason.ALREADY_EXISTS,
        f"agent {agent} speaks for {place} already; use it as it is, revoke it first "
        "to give it another key, or choose another name",
        {"agent": agent, "place": place},
    )


def agent_was_elsewhere(agent: str, *, place: str) -> Refusal:
    """What the name said in the past, it said of another target."""
    return Refusal(
        Reason.ALREADY_EXISTS,
        f"agent {agent} spoke for {place} until it was revoked; choose another name, "
        "or enrol it for that target again",
        {"agent": agent, "place": place},
    )


def target_taken(place: str, *, agent: str) -> Refusal:
    """Another agent speaks for the target; two would undo each other's work."""
    return Refusal(
        Reason.TARGET_TAKEN,
        f"agent {agent} speaks for {place} already, and one target has one agent; "
        f"revoke it first (`rollbook agent revoke {agent}`), or use it",
        {"place": place, "agent": agent},
    )


def key_taken(agent: str) -> Refusal:
    """Whoever holds the key could speak for either."""
    return Refusal(
        Reason.TARGET_TAKEN,
        f"agent {agent} has that very key already; make a key for each agent",
        {"agent": agent},
    )


def already_drained(agent: str) -> Refusal:
    """No change waits for its target as it is."""
    return Refusal(
        Reason.ALREADY_DRAINED,
        f"agent {agent} is drained already; nothing is left to do: undrain it to let "
        "it take part again",
        {"agent": agent},
    )


def not_drained(agent: str) -> Refusal:
    """It takes part as it is."""
    return Refusal(
        Reason.NOT_DRAINED,
        f"agent {agent} is not drained: it takes part as it is; nothing is left to do",
        {"agent": agent},
    )


def no_drift(stage: str, target: str, drifted: Sequence[str]) -> Refusal:
    """The target runs what is desired, as far as anybody knows."""
    there = f"there is one on {', '.join(drifted)}" if drifted else "nothing drifted"
    return Refusal(
        Reason.NO_DRIFT,
        f"no drift is known of {target} in {stage}, {there}; look at the targets "
        "again (`rollbook status --targets`)",
        {"stage": stage, "target": target, "drifted": list(drifted)},
    )


def already_accepted(target: str, *, drift: str) -> Refusal:
    """The lane moves on in spite of it as it is."""
    return Refusal(
        Reason.ALREADY_ACCEPTED,
        f"the drift {drift} of {target} is accepted already; nothing is left to do",
        {"target": target, "drift": drift},
    )
