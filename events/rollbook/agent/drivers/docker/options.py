"""What may be set for the driver `docker`?"""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rollbook.agent.drivers._template import PlaceTemplate
from rollbook.agent.processes import Command

PORT = "{port}"
Seconds = Annotated[float, Field(ge=0)]


class DockerOptions(BaseModel):
    """The table `[driver]` for `docker`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program: str = "docker"
    arguments: tuple[str, ...] = ()
    """More options for `docker run`: `["--env=THREADS=4", "--gpus=all"]`."""
    command: tuple[str, ...] = ()
    """What the container runs, instead of what its image says."""
    network: str | None = None
    network_alias: PlaceTemplate | None = None
    """Where callers look: the alias leads to the version that is served."""
    switch: Command | None = None
    """What makes a proxy lead to the new container, as its `ROLLBOOK_PORT` says."""
    switch_seconds: Seconds = 60.0
    container_port: Annotated[int, Field(gt=0, lt=65536)] | None = None
    """Published at a free port of this machine's loopback."""
    health_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """Answers 2xx when the version is loaded; `{port}` is the published one."""
    health_seconds: Seconds = 60.0
    """How long a version may take to be well."""
    settle_seconds: Seconds = 5.0
    """How long it has to run where nothing else tells that it is well."""
    pull_seconds: Seconds = 480.0
    drain_seconds: Seconds = 5.0
    """How long the old container goes on after the switch: callers remember names."""
    stop_seconds: Annotated[int, Field(ge=0)] = 10
    """How long the old container may take to end its requests."""
    poll_seconds: Annotated[float, Field(gt=0)] = 0.5

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.network is None) != (self.network_alias is None):
            raise ValueError("set network and network_alias, or neither")
        if PORT in (self.health_url or "") and self.container_port is None:
            raise ValueError("health_url names {port}: set container_port")
        return self
