"""How is one InferenceService led from what it serves to what is wanted?

Each change is tried by the API first and written against the version it was read at.
Where the new artifact does not come up, what was served before is asked for again.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Final

from rollbook.agent.driver import Fault, Interrupted, Progress, Unapplied
from rollbook.agent.drivers.kserve.cluster import Cluster, Conflict
from rollbook.agent.drivers.kserve.service import Goal, Service
from rollbook.agent.drivers.kserve.steps import (
    INVALID,
    Write,
    back,
    first,
    following,
    is_reached,
)

BLOCKED: Final = "BlockedByFailedLoad"
FAILURES_IN_A_ROW: Final = 3  # one may be left over from the artifact before
TRIES_TO_GO_BACK: Final = 5


class Attempt:
    """One way to what is wanted, until it is there, refused or late."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        is_stopping: Callable[[], bool],
        *,
        model_format: str | None,
        deadline_seconds: float,
        poll_seconds: float,
    ) -> None:
        """Take the service's name, and how long all of it may last."""
        self._cluster, self._name = cluster, name
        self._is_stopping, self._model_format = is_stopping, model_format
        self._poll_seconds = poll_seconds
        self._ends = asyncio.get_running_loop().time() + deadline_seconds
        self._says, self._failures = "", 0

    async def roll_out(self, goal: Goal) -> AsyncGenerator[Progress]:
        """Write and wait until a goal is reached; where it is not, go back."""
        before = service = await self._cluster.read(self._name)
        try:
            while service is None or not is_reached(service, goal):
                if step := await self._step(service, goal):
                    yield step
                await self._pause()
                service = await self._cluster.read(self._name)
        except Unapplied:
            await self._go_back(before)
            raise
        yield Progress("switched", f"{self._name} serves {goal.newest.uri}")

    async def remove(self) -> AsyncGenerator[Progress]:
        """Delete the service and wait until it is gone."""
        await self._cluster.delete(self._name)
        while service := await self._cluster.read(self._name):
            self._says = service.says
            await self._pause()
        yield Progress("removed", f"{self._name} is gone, nothing is served")

    async def _step(self, service: Service | None, goal: Goal) -> Progress | None:
        """Write what is due, or look at what is awaited; None: nothing is new."""
        if service is None:
            return await self._write(None, first(goal))
        if service.is_raw and goal.canary is not None:
            raise Unapplied(
                Fault.UNSUPPORTED,
                f"{self._name} has no Knative, which alone shares the traffic",
            )
        write = None if service.is_leaving else following(service, goal)
        if write is not None:
            return await self._write(service, write)
        self._refuse_failed(service)
        if service.says == self._says:
            return None
        self._says = service.says
        return Progress("waiting", service.says)

    async def _write(self, service: Service | None, write: Write) -> Progress | None:
        """Write; None: somebody else did, and all is to be looked at again."""
        patch = write.patch(self._model_format)
        try:
            if service is not None:
                await self._cluster.patch(self._name, patch, service)
            elif self._model_format is not None:
                await self._cluster.create(self._name, patch)
            else:
                raise Unapplied(
                    Fault.DRIVER_ERROR,
                    f"there is no InferenceService {self._name}: make it, "
                    "or set model_format",
                )
        except Conflict:
            return None
        self._failures = 0
        share = "all" if write.percent is None else f"{write.percent} %"
        return Progress("written", f"{write.artifact.uri} shall get {share}")

    def _refuse_failed(self, service: Service) -> None:
        """Raise Unapplied where KServe says so, and again."""
        is_blocked = service.is_taken_up and service.transition == BLOCKED
        if not is_blocked and service.transition != INVALID:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise Unapplied(
                Fault.LOAD_FAILED if is_blocked else Fault.DRIVER_ERROR,
                f"KServe says {service.transition}: {service.failure or service.says}",
            )

    async def _pause(self) -> None:
        if self._is_stopping():
            raise Interrupted("stopped while a version was being loaded")
        if asyncio.get_running_loop().time() > self._ends:
            raise Unapplied(Fault.DRIVER_TIMEOUT, f"not done in time: {self._says}")
        await asyncio.sleep(self._poll_seconds)

    async def _go_back(self, before: Service | None) -> None:
        """Ask again for what was served; that it was is not waited for."""
        for _ in range(TRIES_TO_GO_BACK):
            with contextlib.suppress(Unapplied, Conflict):
                await self._ask_again(before)
                return

    async def _ask_again(self, before: Service | None) -> None:
        now = await self._cluster.read(self._name)
        if before is None:
            await self._cluster.delete(self._name)
        elif now is not None and before.serves is not None:
            write = back(now, before.serves)
            if write is not None:
                await self._cluster.patch(
                    self._name, write.patch(self._model_format), now
                )
