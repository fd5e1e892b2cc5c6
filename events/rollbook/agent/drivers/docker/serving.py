"""How do containers come to serve what is wanted, and how do they do?"""

import contextlib
from collections.abc import AsyncGenerator
from typing import ClassVar, Final

from rollbook.agent.driver import (
    AgentContext,
    Capability,
    Health,
    Observed,
    Plan,
    Progress,
    Setup,
    driver,
    refuse_split,
)
from rollbook.agent.drivers._template import for_place
from rollbook.agent.drivers.docker.container import (
    Container,
    Network,
    image_of,
    labels_of,
)
from rollbook.agent.drivers.docker.engine import Engine
from rollbook.agent.drivers.docker.health import health_of
from rollbook.agent.drivers.docker.options import DockerOptions
from rollbook.agent.drivers.docker.swap import Swap
from rollbook.agent.wanted import WHOLE, Wanted
from rollbook.commands.desired import Target

JOINER: Final = "-"


@driver
class DockerDriver:
    """Serves whole versions, one container after the other."""

    name: ClassVar[str] = "docker"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.VERIFIES_DIGEST, Capability.HEALTH}
    )

    def __init__(self, setup: Setup) -> None:
        """Read the options; Misconfigured says what is wrong with them."""
        self._options = setup.read(DockerOptions)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Plan to start one container and to stop the others."""
        refuse_split(self, wanted)
        image = None if wanted.whole is None else image_of(wanted.whole)
        if observed.equals(wanted):
            return Plan(wanted, observed)
        stop = "stop what runs"
        if image is None:
            return Plan(wanted, observed, (stop,))
        steps = (f"start {image} beside it", "switch to it when it is well", stop)
        return Plan(wanted, observed, steps)

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Start beside, wait until it is well, switch, stop the others."""
        swap = Swap(
            Engine(self._options.program, context.is_stopping),
            self._options,
            plan.target,
            self._network(plan.target),
            context.is_stopping,
        )
        variant = plan.wanted.whole
        steps = swap.to_nothing() if variant is None else swap.to(variant)
        async with contextlib.aclosing(steps):
            async for step in steps:
                yield step

    async def observe(self, target: Target) -> Observed:
        """Read the digests that the serving containers were made from.

        Where a kill left several, each may get as much as the others.
        """
        serving = await self._serving(target)
        share = WHOLE // max(len(serving), 1)
        return Observed({each.digest: share for each in serving if each.digest})

    async def health(self, target: Target) -> Health:
        """Ask the container's health check, and the address."""
        serving = await self._serving(target)
        if not serving:
            return Health.UNKNOWN
        found = [await health_of(each, self._options) for each in serving]
        for state in (Health.BAD, Health.UNKNOWN):
            if state in found:
                return state
        return Health.GOOD

    async def _serving(self, target: Target) -> list[Container]:
        engine = Engine(self._options.program, lambda: False)
        network = self._network(target)
        found = await engine.containers(labels_of(target))
        return [each for each in found if each.serves(network)]

    def _network(self, target: Target) -> Network | None:
        options = self._options
        if options.network is None or options.network_alias is None:
            return None
        alias = for_place(options.network_alias, target, joiner=JOINER)
        return Network(options.network, alias)
