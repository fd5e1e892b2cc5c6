"""How do a command and its answer look between two processes?

A request carries one `Request` as JSON on `rollbook.command.<zone>.<user>.<name>`
and its credential in a header; every request is answered, also with a no.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from rollbook.commands.access import IssueToken, LinkIdentity, RevokeToken
from rollbook.commands.bundle import (
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
)
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.explain import Explain
from rollbook.commands.fleet import (
    DrainAgent,
    EnrolAgent,
    MarkAgent,
    RevokeAgent,
    UndrainAgent,
)
from rollbook.commands.model import ModelCommand
from rollbook.commands.policy import (
    ActivatePolicy,
    EndorsePolicy,
    ProposePolicy,
    RetirePolicy,
)
from rollbook.names import CommandId, EventId, Line

CREDENTIAL_HEADER: Final = "Rollbook-Credential"
COMMANDS: Final = "rollbook.command.>"

AnyCommand = Annotated[
    ModelCommand
    | IssueToken
    | RevokeToken
    | LinkIdentity
    | ProposePolicy
    | EndorsePolicy
    | ActivatePolicy
    | RetirePolicy
    | DeclareFreeze
    | LiftFreeze
    | RequestBundle
    | DispatchBundle
    | SettleBundle
    | CancelBundle
    | RollBackBundle
    | EnrolAgent
    | RevokeAgent
    | DrainAgent
    | UndrainAgent
    | MarkAgent
    | Explain,
    Field(discriminator="command"),
]


class Request(BaseModel):
    """One command with its id, made before the first try and kept for each retry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: CommandId
    correlation_id: Line | None = None
    causation_id: EventId | None = None
    dry_run: bool = False
    """Decide and answer as if it were meant, but record nothing."""
    command: AnyCommand


class Done(BaseModel):
    """The command is recorded; `events` are the stored CloudEvents objects."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["done"] = "done"
    sequence: int
    """Of the last event; 0 where the command changed nothing."""
    rev: int
    replayed: bool = False
    """Whether an earlier try had recorded it."""
    events: tuple[Mapping[str, Any], ...]


class Told(BaseModel):
    """The answer to a question; nothing was recorded."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["told"] = "told"
    sequence: int
    """Up to which place in the ledger the answer knows."""
    answer: Mapping[str, Any]


class Problem(BaseModel):
    """The command is refused, or nobody could answer; nothing new is recorded."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    status: Literal["problem"] = "problem"
    code: str
    """One of `rollbook.problems`."""
    reason: str
    message: str
    detail: Mapping[str, Any] = Field(default_factory=dict)


def write_reply(reply: Done | Told | Problem) -> bytes:
    """Write an answer; one with events is JSON all through, which orjson does best."""
    if isinstance(reply, Done | Told):
        return orjson.dumps(vars(reply))
    return reply.model_dump_json().encode()


Reply = Annotated[Done | Told | Problem, Field(discriminator="status")]
