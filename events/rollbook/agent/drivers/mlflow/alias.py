"""How does an alias in MLflow come to name what Rollbook wants served?

Whoever loads `models:/<name>@<alias>` is served. MLflow knows no digests: the tag
`rollbook.digest` on its versions says which bytes they are, and nobody compares them.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

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
from rollbook.agent.drivers._template import PlaceTemplate, for_place
from rollbook.agent.drivers.mlflow.registry import (
    Access,
    ModelVersion,
    Registry,
    connected,
    read_token,
)
from rollbook.agent.wanted import WHOLE, Wanted
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest

JOINER: Final = "."  # no slash may be in MLflow's names, and no dot in Rollbook's
DIGEST_TAG: Final = "rollbook.digest"
VERSION_TAG: Final = "rollbook.version"
PROMOTION_TAG: Final = "rollbook.promotion"
_BY_VERSION: Final = "models:/"
_BY_RUN: Final = "runs:/"
_DIGEST: Final = TypeAdapter[Digest](Digest)


class MlflowOptions(BaseModel):
    """The table `[driver]` for `mlflow`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tracking_uri: Annotated[str, Field(pattern=r"^https?://")]
    alias: PlaceTemplate = "champion"
    model_name: PlaceTemplate = "{model}"
    """The registered model; a slash in `{model}` is spelled as a dot."""
    version_from: Literal["tag", "uri"] = "tag"
    """Find the MLflow version by its tag `rollbook.digest`, or else
    `rollbook.version`; or by the artifact's address."""
    token_file: Path | None = None
    token_env: str = "MLFLOW_TRACKING_TOKEN"
    username: str | None = None
    """With it the token is a password."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """For each answer of MLflow."""


@driver
class MlflowDriver:
    """Moves an alias; whole versions only, and unverified."""

    name: ClassVar[str] = "mlflow"
    capabilities: ClassVar[frozenset[Capability]] = frozenset()

    def __init__(self, setup: Setup) -> None:
        """Read the options; Misconfigured says what is wrong with them."""
        self._options = setup.read(MlflowOptions)

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Plan to move the alias, or to take it away."""
        refuse_split(self, wanted)
        if observed.equals(wanted):
            return Plan(wanted, observed)
        model, alias = self._named(wanted.target)
        if wanted.whole is None:
            return Plan(wanted, observed, (f"take {model}@{alias} away",))
        moved = f"let {model}@{alias} name the version that is {wanted.whole.digest}"
        return Plan(wanted, observed, (moved,))

    async def apply(
        self, plan: Plan, context: AgentContext
    ) -> AsyncGenerator[Progress]:
        """Find the version, tag it, then move the alias: callers see one step."""
        model, alias = self._named(plan.target)
        variant = plan.wanted.whole
        async with self._connected() as registry:
            if variant is None:
                await registry.unpoint(model, alias)
                yield Progress("removed", f"{model}@{alias} is gone, nothing is served")
                return
            found = await self._find(registry, model, variant)
            yield Progress("found", f"{variant.digest} is {model} {found.number}")
            for key, value in _tags(plan, variant).items():
                await registry.tag(model, found.number, key, value)
            await registry.point(model, alias, found.number)
        yield Progress("switched", f"{model}@{alias} -> version {found.number}")

    async def observe(self, target: Target) -> Observed:
        """Read the alias, and the digest that its version is tagged with.

        A version without the tag could be anything: nothing is reported as running.
        """
        model, alias = self._named(target)
        async with self._connected() as registry:
            number = await registry.aliased(model, alias)
            found = await registry.version(model, number) if number else None
        digest = _digest(found) if found else None
        return Observed({digest: WHOLE} if digest else {})

    async def health(self, target: Target) -> Health:
        """Say unknown: MLflow does not know who has loaded what."""
        return Health.UNKNOWN

    def _named(self, target: Target) -> tuple[str, str]:
        """Spell the registered model and the alias of a place."""
        options = self._options
        return (
            for_place(options.model_name, target, joiner=JOINER),
            for_place(options.alias, target, joiner="-"),
        )

    def _connected(self) -> AbstractAsyncContextManager[Registry]:
        options = self._options
        token = read_token(options.token_file, os.environ.get(options.token_env))
        return connected(
            Access(
                options.tracking_uri, token, options.username, options.timeout_seconds
            )
        )

    async def _find(
        self, registry: Registry, model: str, variant: Variant
    ) -> ModelVersion:
        """Find what MLflow calls this version; Unapplied: it has none, or another."""
        if self._options.version_from == "uri":
            found = await _by_uri(registry, model, variant.uri)
        else:
            found = await _by_tag(registry, model, variant)
        digest = _digest(found)
        if digest not in (None, variant.digest):
            raise Unapplied(
                Fault.DIGEST_MISMATCH, f"{model} {found.number} is tagged {digest}"
            )
        return found


async def _by_tag(registry: Registry, model: str, variant: Variant) -> ModelVersion:
    """Prefer the digest; a number is believed where no digest is written."""
    for found in await registry.search(model, f"tags.`{DIGEST_TAG}`", variant.digest):
        return found
    number = str(variant.version)
    for found in await registry.search(model, f"tags.`{VERSION_TAG}`", number):
        if DIGEST_TAG not in found.tags:
            return found
    raise Unapplied(
        Fault.ARTIFACT_UNREACHABLE,
        f"no version of {model} in MLflow is tagged {DIGEST_TAG} = {variant.digest}: "
        'tag it where it is registered, or set version_from = "uri"',
    )


async def _by_uri(registry: Registry, model: str, uri: str) -> ModelVersion:
    name, _, number = uri.removeprefix(_BY_VERSION).rpartition("/")
    if uri.startswith(_BY_VERSION) and number.isdigit():
        if name != model:
            raise Unapplied(
                Fault.DRIVER_ERROR,
                f"{uri} is not a version of {model}: look at model_name",
            )
        one = await registry.version(model, number)
        found = [one] if one else []
    elif uri.startswith(_BY_RUN):
        run = uri.removeprefix(_BY_RUN).partition("/")[0]
        found = await registry.search(model, "run_id", run)
    else:
        found = await registry.search(model, "source_path", uri)
    if len(found) != 1:
        raise Unapplied(
            Fault.ARTIFACT_UNREACHABLE,
            f"{len(found)} versions of {model} in MLflow come from {uri}, not one",
        )
    return found[0]


def _tags(plan: Plan, variant: Variant) -> dict[str, str]:
    event = plan.wanted.event
    return {
        DIGEST_TAG: variant.digest,
        VERSION_TAG: str(variant.version),
        PROMOTION_TAG: f"{plan.target.model}:{event.promotion}",
    }


def _digest(found: ModelVersion) -> Digest | None:
    try:
        return _DIGEST.validate_python(found.tags.get(DIGEST_TAG))
    except ValidationError:
        return None
