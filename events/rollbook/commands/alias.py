"""What may be asked about an alias."""

from typing import Literal

from rollbook.commands.command import ModelScoped
from rollbook.names import AliasName, Reason, Version


class MoveAlias(ModelScoped):
    """Point an alias at a version, or at nothing to remove it."""

    command: Literal["MoveAlias"] = "MoveAlias"
    alias: AliasName
    version: Version | None
    expected_previous: Version | None
    """What the caller saw there; another value now is refused."""
    reason: Reason | None = None
