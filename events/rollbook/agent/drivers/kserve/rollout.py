"""How does an InferenceService come to serve what is wanted, and how does it do?"""

import contextlib
import re
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from rollbook.agent.driver import (
    AgentContext,
    Capability,
    Fault,
    Health,
    Observed,
    Plan,
    Progress,
    Setup,
    Unapplied,
    driver,
    refuse_split,
)
from rollbook.agent.drivers._template import (
    PlaceTemplate,
    VersionTemplate,
    for_place,
    for_version,
)
from rollbook.agent.drivers.kserve.attempt import Attempt
from rollbook.agent.drivers.kserve.cluster import Cluster, connected, read_config
from rollbook.agent.drivers.kserve.service import Artifact, Goal
from rollbook.agent.wanted import STABLE, Wanted
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target

JOINER: Final = "-"
_NAME: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_HEALTH: Final = {True: Health.GOOD, False: Health.BAD, None: Health.UNKNOWN}


class KserveOptions(BaseModel):
    """The table `[driver]` for `kserve`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: PlaceTemplate | None = None
    """None: that of the pod's account, or of the kubeconfig's context."""
    service: PlaceTemplate = "{model}"
    """Of the InferenceService; lower case, with `-` for a slash and for `_`."""
    storage_uri: VersionTemplate = "{uri}"
    """Where KServe finds a version's artifact."""
    model_format: str | None = None
    """`sklearn`, `onnx` …: needed to make a service that is not there yet."""
    kubeconfig: Path | None = None
    context: str | None = None
    deadline_seconds: Annotated[float, Field(gt=0)] = 540.0
    """For a version to be loaded and routed to."""
    poll_seconds: Annotated[float, Field(gt=0)] = 2.0
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """For each answer of the API."""


@driver
class KserveDriver:
    """Serves whole versions, or a canary beside the stable one; unverified."""

    name: ClassVar[str] = "kserve"
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.WEIGHTS, Capability.HEALTH}
    )

    def __init__(self, setup: Setup) -> None:
        """Read the options and the cluster's address; Misconfigured if they are bad."""
        self._options = setup.read(KserveOptions)
        self._config = read_config(self._options.kubeconfig, self._options.context)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Plan the one change that people see; how it is got to shows on the way."""
        refuse_split(self, wanted)
        goal, name = self._goal(wanted), self._name(wanted.target)
        if not _NAME.fullmatch(name):
            raise Unapplied(
                Fault.UNSUPPORTED, f"{name} is no InferenceService's name: set service"
            )
        if observed.equals(wanted):
            return Plan(wanted, observed)
        service = f"{self._namespace(wanted.target)}/{name}"
        if goal is None:
            return Plan(wanted, observed, (f"delete InferenceService {service}",))
        share = "all" if goal.canary is None else f"{goal.percent} %"
        return Plan(
            wanted,
            observed,
            (f"give {goal.newest.uri} {share} of InferenceService {service}",),
        )

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Write, wait until it is loaded and routed to, or go back."""
        name, goal = self._name(plan.target), self._goal(plan.wanted)
        async with self._connected(plan.target) as cluster:
            attempt = Attempt(
                cluster,
                name,
                context.is_stopping,
                model_format=self._options.model_format,
                deadline_seconds=self._options.deadline_seconds,
                poll_seconds=self._options.poll_seconds,
            )
            steps = attempt.remove() if goal is None else attempt.roll_out(goal)
            async with contextlib.aclosing(steps):
                async for step in steps:
                    yield step

    async def observe(self, target: Target) -> Observed:
        """Read the routes, and the digests noted for what they lead to.

        What somebody else made the service load is left out: nobody knows what it is.
        """
        async with self._connected(target) as cluster:
            service = await cluster.read(self._name(target))
        return Observed(service.runs if service else {})

    async def health(self, target: Target) -> Health:
        """Say what the condition `Ready` says."""
        async with self._connected(target) as cluster:
            service = await cluster.read(self._name(target))
        return _HEALTH[service.is_ready] if service else Health.UNKNOWN

    def _connected(self, target: Target) -> AbstractAsyncContextManager[Cluster]:
        return connected(
            self._config, self._namespace(target), self._options.timeout_seconds
        )

    def _name(self, target: Target) -> str:
        name = for_place(self._options.service, target, joiner=JOINER)
        return name.lower().replace("_", "-")

    def _namespace(self, target: Target) -> str:
        given = self._options.namespace
        if given is None:
            return self._config.namespace
        return for_place(given, target, joiner=JOINER)

    def _goal(self, wanted: Wanted) -> Goal | None:
        """Tell the stable version from the canary; Unapplied where there are more."""
        artifacts = {
            name: self._artifact(wanted.target, share.variant)
            for name, share in wanted.shares.items()
        }
        [*different] = set(artifacts.values())
        if len(different) <= 1:
            return Goal(different[0]) if different else None
        stable = artifacts.pop(STABLE, None)
        if stable is None or len(artifacts) != 1:
            raise Unapplied(
                Fault.UNSUPPORTED,
                f"an InferenceService serves `{STABLE}` and one version beside it",
            )
        [(name, canary)] = artifacts.items()
        return Goal(stable, canary, wanted.shares[name].weight)

    def _artifact(self, target: Target, variant: Variant) -> Artifact:
        template = self._options.storage_uri
        uri = for_version(template, target, variant, joiner=JOINER)
        return Artifact(uri, variant.digest)
