"""What may be asked about agents."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rollbook.catalogue.access import Place
from rollbook.commands.command import Command
from rollbook.names import AgentName, Instant, Line, Reason, TokenId


class EnrolAgent(Command):
    """Let an agent speak for one target; its token is issued beside."""

    command: Literal["EnrolAgent"] = "EnrolAgent"
    agent: AgentName
    place: Place
    public_key: Annotated[str, StringConstraints(pattern=r"^U[A-Z2-7]{55}$")] | None = (
        None
    )
    token: TokenId | None = None


class RevokeAgent(Command):
    """Let an agent speak for nothing any more; its token is revoked beside."""

    command: Literal["RevokeAgent"] = "RevokeAgent"
    agent: AgentName
    reason: Reason


class DrainAgent(Command):
    """Let a target keep what it serves, and let no change wait for it."""

    command: Literal["DrainAgent"] = "DrainAgent"
    agent: AgentName
    reason: Reason


class UndrainAgent(Command):
    """Let a drained target take part again."""

    command: Literal["UndrainAgent"] = "UndrainAgent"
    agent: AgentName
    reason: Reason


class MarkAgent(Command):
    """Say whether an agent holds its lease: for the conductor."""

    command: Literal["MarkAgent"] = "MarkAgent"
    agent: AgentName
    is_present: bool
    session: Line
    last_heard_at: Instant | None = None


FleetCommand = Annotated[
    EnrolAgent | RevokeAgent | DrainAgent | UndrainAgent | MarkAgent,
    Field(discriminator="command"),
]
