"""How does one container take another's place, so that a kill at any point is mended?

Started beside the old one under the name `….next`, well, switched to, renamed; then
all others are stopped. Each step looks first whether it is done.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Final

from rollbook.agent import processes
from rollbook.agent.driver import Fault, Health, Interrupted, Progress, Unapplied
from rollbook.agent.drivers.docker.container import (
    NEXT,
    VERSION,
    Container,
    Network,
    image_of,
    labels_of,
    name_of,
)
from rollbook.agent.drivers.docker.engine import Engine
from rollbook.agent.drivers.docker.health import health_of
from rollbook.agent.drivers.docker.options import DockerOptions
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target

RESTART: Final = "--restart=unless-stopped"


class Swap:
    """What happens on one target until it runs one version, or none."""

    def __init__(
        self,
        engine: Engine,
        options: DockerOptions,
        target: Target,
        network: Network | None,
        is_stopping: Callable[[], bool],
    ) -> None:
        """Take the engine, the place, and where callers look."""
        self._engine, self._options = engine, options
        self._target, self._network = target, network
        self._is_stopping = is_stopping

    async def to(self, variant: Variant) -> AsyncGenerator[Progress]:
        """Let one version serve; Unapplied leaves or restores what did."""
        found = await self._found()
        new = _running(found, variant)
        if new is None:
            if not await self._engine.has_image(image_of(variant)):
                await self._engine.pull(
                    image_of(variant), seconds=self._options.pull_seconds
                )
                yield Progress("pulled", image_of(variant))
            ended = [each for each in found if each.digest == variant.digest]
            new = await self._start(variant, ended)
            yield Progress("started", f"{new.name}, beside what runs")
        try:
            new = await self._until_well(new)
            yield Progress("healthy", new.name)
            if not new.serves(self._network):
                await self._switch(variant, new, found)
                yield Progress("switched", f"to {name_of(self._target, variant)}")
        except Unapplied:
            if new.is_next:
                with contextlib.suppress(Unapplied):
                    await self._engine.remove(new)
            raise
        others = [each for each in found if each.id != new.id]
        if any(each.serves(self._network) for each in others):
            await asyncio.sleep(self._options.drain_seconds)
        if others:
            yield Progress("stopped", await self._stop(others))

    async def to_nothing(self) -> AsyncGenerator[Progress]:
        """Stop whatever runs here."""
        await self._stop(await self._found())
        yield Progress("stopped", "nothing is served")

    async def _found(self) -> list[Container]:
        return await self._engine.containers(labels_of(self._target))

    async def _start(self, variant: Variant, ended: Iterable[Container]) -> Container:
        """Start a version's container, in place of those that have ended."""
        for each in ended:
            await self._engine.remove(each)
        name = f"{name_of(self._target, variant)}{NEXT}"
        container = await self._engine.run(
            image_of(variant),
            [f"--name={name}", RESTART, *self._about(variant)],
            self._options.command,
        )
        return await self._look(container)

    def _about(self, variant: Variant) -> Iterable[str]:
        labels = {
            **labels_of(self._target),
            VERSION: str(variant.version),
            "rollbook.digest": variant.digest,
        }
        for key, value in labels.items():
            yield f"--label={key}={value}"
        for key, value in self._told(variant.digest, str(variant.version)).items():
            yield f"--env={key}={value}"
        if self._options.container_port is not None:
            yield f"--publish=127.0.0.1::{self._options.container_port}"
        yield from self._options.arguments

    def _told(self, digest: str, version: str) -> dict[str, str]:
        return {
            "ROLLBOOK_STAGE": self._target.stage,
            "ROLLBOOK_TARGET": self._target.target,
            "ROLLBOOK_MODEL": self._target.model,
            "ROLLBOOK_VERSION": version,
            "ROLLBOOK_DIGEST": digest,
        }

    async def _until_well(self, new: Container) -> Container:
        """Wait until a container is well; Unapplied when it ends or is late."""
        now = asyncio.get_running_loop().time
        began, options = now(), self._options
        while True:
            new = await self._look(new.id)
            if not new.is_running or (new.is_next and new.restarts):
                words = await self._engine.last_words(new)
                raise Unapplied(
                    Fault.LOAD_FAILED, f"{new.name} is {new.state}: {words}"
                )
            health = await health_of(new, options)
            is_silent = new.health is None and options.health_url is None
            if health is Health.GOOD or (
                is_silent and now() - began >= options.settle_seconds
            ):
                return new
            if new.health == "unhealthy" or (
                not is_silent and now() - began >= options.health_seconds
            ):
                raise Unapplied(
                    Fault.HEALTH_FAILED, f"{new.name} is not well: {new.said}".strip()
                )
            if self._is_stopping():
                raise Interrupted("stopped while a container was loading")
            await asyncio.sleep(options.poll_seconds)

    async def _switch(
        self, variant: Variant, new: Container, found: Iterable[Container]
    ) -> None:
        """Lead the callers to a container; a name says that it is done."""
        try:
            if self._network is not None:
                await self._engine.connect(new, self._network)
            await self._tell(new)
            if new.is_next:
                name = name_of(self._target, variant)
                await self._engine.rename(new, name)
        except Unapplied:
            with contextlib.suppress(Unapplied):
                for each in found:
                    if each.serves(self._network):
                        await self._tell(each)
            raise

    async def _tell(self, container: Container) -> None:
        """Run the command that switches a proxy."""
        if self._options.switch is None:
            return
        ended = await processes.run(
            self._options.switch,
            environment={
                **self._told(container.digest or "", container.version),
                "ROLLBOOK_CONTAINER": container.id,
                "ROLLBOOK_PORT": str(container.port or ""),
            },
            deadline_seconds=self._options.switch_seconds,
            is_stopping=self._is_stopping,
        )
        if ended.code != 0:
            raise Unapplied(
                Fault.DRIVER_ERROR,
                f"{self._options.switch[0]}: exit {ended.code} {ended.last_words}",
            )

    async def _stop(self, others: Iterable[Container]) -> str:
        """Stop containers; each ends what it has begun, then it is gone from DNS."""
        stopped = []
        for each in others:
            await self._engine.stop(each, seconds=self._options.stop_seconds)
            stopped.append(each.name)
        return ", ".join(stopped)

    async def _look(self, container: str) -> Container:
        found = await self._engine.look(container)
        if not found:
            raise Unapplied(
                Fault.DRIVER_ERROR, f"{container} is gone: somebody removed it"
            )
        return found[0]


def _running(found: Iterable[Container], variant: Variant) -> Container | None:
    return next(
        (each for each in found if each.is_running and each.digest == variant.digest),
        None,
    )
