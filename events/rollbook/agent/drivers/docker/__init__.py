"""The driver `docker`: containers on one machine serve the versions, blue and green."""

from rollbook.agent.drivers.docker.serving import DockerDriver

__all__ = ["DockerDriver"]
