"""What may be said to the driver `symlink`?"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, model_validator

from rollbook.agent.config import Seconds
from rollbook.agent.processes import Command
from rollbook.agent.versions import KEPT_VERSIONS


class SymlinkOptions(BaseModel):
    """The table `[driver]` with `name = "symlink"`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    on_switch: Command | None = None
    """Runs after each switch; what it refuses is taken back."""
    deadline: Seconds = 60.0
    """For `on_switch`, and for the answer of `url`."""
    signal: Literal["HUP", "USR1", "USR2"] | None = None
    """Sent after each switch to the process in `pid_file`, instead of a command."""
    pid_file: Path | None = None
    url: HttpUrl | None = None
    """Asked for health: 2xx is good."""
    routes: bool = False
    """Whether the server reads `routes.json`, and shares the traffic by it."""
    keep: Annotated[int, Field(ge=1)] = KEPT_VERSIONS
    """So many versions stay on the disk."""

    @model_validator(mode="after")
    def _one_way_to_tell(self) -> Self:
        if (self.signal is None) != (self.pid_file is None):
            raise ValueError("signal and pid_file belong together")
        if self.signal is not None and self.on_switch is not None:
            raise ValueError("on_switch and signal exclude each other: keep one")
        return self
