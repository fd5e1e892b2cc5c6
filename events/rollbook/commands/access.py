"""What may be asked about credentials."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from rollbook.catalogue.access import Place
from rollbook.commands.command import Command
from rollbook.names import Instant, Principal, Reason, RoleName, TokenId


class IssueToken(Command):
    """Let a secret speak for a principal; only its hash travels."""

    command: Literal["IssueToken"] = "IssueToken"
    token: TokenId
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    principal: Principal
    roles: Annotated[tuple[RoleName, ...], Field(min_length=1)]
    place: Place | None = None
    until: Instant


class RevokeToken(Command):
    """Make a token open nothing any more."""

    command: Literal["RevokeToken"] = "RevokeToken"
    token: TokenId
    reason: Reason


class LinkIdentity(Command):
    """Say that these principals are one person."""

    command: Literal["LinkIdentity"] = "LinkIdentity"
    principals: Annotated[tuple[Principal, ...], Field(min_length=2, max_length=20)]
    reason: Reason


AccessCommand = Annotated[
    IssueToken | RevokeToken | LinkIdentity, Field(discriminator="command")
]
