"""What must a driver be able to do, and how is one declared?

A driver is constructed from `DriverOptions` and registered by name under `@driver`.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

from rollbook.agent.desired import Desired
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.errors import Misconfigured, RollbookError
from rollbook.names import Digest, Version


class Fault(StrEnum):
    """Why a document is not applied; the registrar decides whose fault it is."""

    DIGEST_MISMATCH = "digest_mismatch"
    ARTIFACT_UNREACHABLE = "artifact_unreachable"
    PERMISSION_DENIED = "permission_denied"
    NO_CAPACITY = "no_capacity"
    LOAD_FAILED = "load_failed"
    HEALTH_FAILED = "health_failed"
    DRIVER_ERROR = "driver_error"


class Unapplied(RollbookError):
    """The document could not be applied; what was served before still is."""

    def __init__(self, fault: Fault, detail: str) -> None:
        """Hold the reason code and what happened."""
        self.fault, self.detail = fault, detail
        super().__init__(f"{fault}: {detail}")


class Interrupted(RollbookError):
    """The agent is asked to stop; the same document is applied after its restart."""


class Health(StrEnum):
    """How a target does."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Observed:
    """What really runs; no digest: nothing is served."""

    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a driver is about to do, as `--dry-run` would show it."""

    target: Target
    variant: Variant | None
    """What to serve; None: nothing."""
    previous: Observed
    revision: int

    @property
    def version(self) -> Version | None:
        """Name the version to serve."""
        return self.variant.version if self.variant else None


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished step: a word, and a line for people."""

    word: str
    line: str


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What a driver may ask of the agent that runs it."""

    is_stopping: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class DriverOptions:
    """What a driver is set up with."""

    root: Path
    on_switch: str | None = None
    """A command to run after each switch, so that the new version is loaded."""


class Driver(Protocol):
    """A way to make one target serve one version."""

    name: ClassVar[str]

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        """Say what is to be done; Unapplied when this driver cannot do it."""

    def apply(self, plan: Plan, context: AgentContext) -> AsyncGenerator[Progress]:
        """Do it; idempotent by digest and safe after a kill at any point.

        Raises Unapplied, having left or restored what was served before.
        """

    async def observe(self, target: Target) -> Observed:
        """Look at what runs, not at what was asked."""

    async def health(self, target: Target) -> Health:
        """Say how what runs does."""


_declared: Final[dict[str, Callable[[DriverOptions], Driver]]] = {}
D = TypeVar("D", bound=Driver)


def driver(declared: Callable[[DriverOptions], D]) -> Callable[[DriverOptions], D]:
    """Declare a driver under its name."""
    name: str = declared.name  # type: ignore[attr-defined]
    if name in _declared:
        raise TypeError(f"driver {name} is declared twice")
    _declared[name] = declared
    return declared


def make(name: str, options: DriverOptions) -> Driver:
    """Make a declared driver by its name."""
    if name not in _declared:
        known = ", ".join(sorted(_declared))
        raise Misconfigured(f"driver {name}", f"it is unknown: take one of {known}")
    return _declared[name](options)
