"""How does a container do?"""

import httpx2

from rollbook.agent.driver import Health
from rollbook.agent.drivers.docker.container import Container
from rollbook.agent.drivers.docker.options import PORT, DockerOptions

ANSWER_SECONDS = 5.0
_OF_DOCKER = {"healthy": Health.GOOD, "unhealthy": Health.BAD}


async def health_of(container: Container, options: DockerOptions) -> Health:
    """Ask the image's health check and the address; unknown where there is neither."""
    if not container.is_running:
        return Health.BAD
    if container.health is not None:
        said = _OF_DOCKER.get(container.health, Health.UNKNOWN)
        if said is not Health.GOOD or options.health_url is None:
            return said
    if options.health_url is None:
        return Health.UNKNOWN
    url = options.health_url.replace(PORT, str(container.port))
    return Health.GOOD if await _answers(url) else Health.BAD


async def _answers(url: str) -> bool:
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False) as client:
        try:
            return (await client.get(url)).is_success
        except httpx2.HTTPError:
            return False
