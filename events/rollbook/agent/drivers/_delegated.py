"""What is alike where somebody else's program makes a target serve?"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rollbook.agent.config import Seconds
from rollbook.agent.driver import AgentContext, Capability, Progress
from rollbook.agent.versions import (
    KEPT_VERSIONS,
    Versions,
    forget_old,
    home_of,
    to_fetch,
    variants_of,
    verified,
)
from rollbook.agent.wanted import Wanted
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.names import Digest


class Delegating(BaseModel):
    """What each such driver can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deadline: Seconds
    fetch: bool
    """Whether the agent fetches and verifies, and gives a path."""
    weights: bool = False
    """Whether several versions can share the traffic."""
    mirror: bool = False
    """Whether a version can get copies of requests."""
    keep: Annotated[int, Field(ge=1)] = KEPT_VERSIONS
    """So many versions stay on the disk, where they are fetched."""

    def capabilities(self, *, has_health: bool) -> frozenset[Capability]:
        """Say what the driver can do; only what is fetched here is verified."""
        can = {
            Capability.WEIGHTS: self.weights,
            Capability.MIRROR: self.mirror,
            Capability.VERIFIES_DIGEST: self.fetch,
            Capability.HEALTH: has_health,
        }
        return frozenset(each for each, is_so in can.items() if is_so)


@dataclass(frozen=True, slots=True)
class Artifacts:
    """The versions that are handed to somebody else by their paths."""

    root: Path
    options: Delegating
    versions: Versions = field(default_factory=Versions)

    def needed(self, wanted: Wanted) -> Iterator[Variant]:
        """List what has to be brought, if anything has."""
        if self.options.fetch:
            yield from variants_of(wanted)

    async def bring(
        self, target: Target, variant: Variant, context: AgentContext
    ) -> Progress:
        """Have a version's verified bytes on the disk."""
        await self.versions.bring(home_of(self.root, target), variant, context)
        return verified(variant)

    def paths(self, wanted: Wanted) -> Mapping[Digest, Path]:
        """Say where each artifact lies; nothing where somebody else fetches."""
        home = home_of(self.root, wanted.target)
        return {
            each.digest: self.versions.folder(home, each.digest)
            for each in self.needed(wanted)
        }

    async def forget_old(self, wanted: Wanted) -> None:
        """Remove what was wanted long ago."""
        await asyncio.to_thread(
            forget_old,
            home_of(self.root, wanted.target),
            keep=self.options.keep,
            served=[*self.paths(wanted).values()],
        )

    def lines(self, wanted: Wanted) -> Iterator[str]:
        """Say what will be fetched."""
        return map(to_fetch, self.needed(wanted))


def shares_of(wanted: Wanted) -> str:
    """Say what is wanted in a few words."""
    shares = (
        f"version {share.variant.version} with {share.weight} %"
        + (f" and copies of {share.mirror} %" if share.mirror else "")
        for share in wanted.shares.values()
    )
    return f"{target_of(wanted.target)}: {', '.join(shares) or 'nothing'}"


def target_of(target: Target) -> str:
    """Name a place for people."""
    return f"{target.model}#{target.stage}/{target.target}"
