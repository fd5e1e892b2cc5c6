"""What must a driver be able to do, and how is one declared?

A driver is made from a `Setup` and registered by name under `@driver`; those of other
distributions are found by the entry points `rollbook.drivers`.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from rollbook.agent.wanted import Wanted
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.errors import Misconfigured, RollbookError
from rollbook.names import Digest

Options = TypeVar("Options", bound=BaseModel)


class Fault(StrEnum):
    """Why a document is not applied; the registrar decides whose fault it is."""

    DIGEST_MISMATCH = "digest_mismatch"
    ARTIFACT_UNREACHABLE = "artifact_unreachable"
    PERMISSION_DENIED = "permission_denied"
    NO_CAPACITY = "no_capacity"
    LOAD_FAILED = "load_failed"
    HEALTH_FAILED = "health_failed"
    DRIVER_ERROR = "driver_error"
    DRIVER_TIMEOUT = "driver_timeout"
    UNSUPPORTED = "unsupported_strategy"
    UNREADABLE = "unreadable_document"


class Unapplied(RollbookError):
    """The document could not be applied; what was served before still is."""

    def __init__(self, fault: Fault, detail: str, *, is_passing: bool = False) -> None:
        """Hold the reason code, what happened, and whether another try may help."""
        self.fault, self.detail, self.is_passing = fault, detail, is_passing
        super().__init__(f"{fault}: {detail}")


class Interrupted(RollbookError):
    """The agent is asked to stop; the same document is applied after its restart."""


class Health(StrEnum):
    """How a target does."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


class Capability(StrEnum):
    """What not every driver can do."""

    WEIGHTS = "weights"
    """Several versions share the traffic."""
    MIRROR = "mirror"
    """A version gets copies of the requests."""
    VERIFIES_DIGEST = "verifies_digest"
    """The bytes that are loaded were hashed and compared."""
    HEALTH = "health"
    """It knows how what runs does."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What really runs: each artifact with its weight, None where nobody can tell."""

    runs: Mapping[Digest, int | None] = field(default_factory=dict)

    def equals(self, wanted: Wanted) -> bool:
        """Tell whether exactly this is wanted, as far as can be told."""
        digests = wanted.digests()
        return self.runs.keys() == digests.keys() and all(
            weight is None or weight == digests[digest]
            for digest, weight in self.runs.items()
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What a driver is about to do."""

    wanted: Wanted
    previous: Observed
    lines: tuple[str, ...] = ()
    """Each step in words, as `--dry-run` shows it; none: nothing is to be done."""

    @property
    def target(self) -> Target:
        """Name the place."""
        return self.wanted.target


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished step: a word, and a line for people."""

    word: str
    line: str


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What a driver may ask of the agent that runs it."""

    is_stopping: Callable[[], bool]
    fetch: Callable[[Variant], Awaitable[Path]]
    """Bring an artifact here: returns a folder with its verified bytes, kept in the
    agent's cache and never to be changed. A lone file keeps its name in it. Raises
    Unapplied, or Interrupted between two pieces."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a driver is made from."""

    stage: str
    target: str
    root: Path
    """Where it may keep what it serves."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The table `[driver]` of the agent's configuration."""

    def read(self, options: type[Options]) -> Options:
        """Read the driver's own options; Misconfigured names what is wrong."""
        try:
            return options.model_validate(dict(self.options))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, ("driver", *first["loc"])))
            raise Misconfigured(place, first["msg"]) from error


class Driver(Protocol):
    """A way to make one target serve what is wanted."""

    name: ClassVar[str]

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Say what it can do that not every driver can; its options may matter."""

    def plan(self, wanted: Wanted, observed: Observed) -> Plan:
        """Say what is to be done; Unapplied when this driver cannot do it. Pure."""

    def apply(self, plan: Plan, context: AgentContext) -> AsyncGenerator[Progress]:
        """Do it; idempotent by digest and safe after a kill at any point.

        Raises Unapplied, having left or restored what was served before.
        """

    async def observe(self, target: Target) -> Observed:
        """Look at what runs, not at what was asked. Unapplied where nobody can tell."""

    async def health(self, target: Target) -> Health:
        """Say how what runs does."""


_declared: Final[dict[str, Callable[[Setup], Driver]]] = {}
D = TypeVar("D", bound=Driver)


def driver(declared: Callable[[Setup], D]) -> Callable[[Setup], D]:
    """Declare a driver under its name."""
    name: str = declared.name  # type: ignore[attr-defined]
    if name in _declared:
        raise TypeError(f"driver {name} is declared twice")
    _declared[name] = declared
    return declared


def make(name: str, setup: Setup) -> Driver:
    """Make a declared driver by its name."""
    if name not in _declared:
        known = ", ".join(sorted(_declared))
        raise Misconfigured(f"driver {name}", f"it is unknown: take one of {known}")
    return _declared[name](setup)


def refuse_split(driver: Driver, wanted: Wanted) -> None:
    """Raise Unapplied where a driver cannot share or copy the traffic as wanted."""
    has_mirror = any(share.mirror for share in wanted.shares.values())
    if has_mirror and Capability.MIRROR not in driver.capabilities:
        raise Unapplied(Fault.UNSUPPORTED, f"{driver.name} cannot copy requests")
    weights = [share.weight for share in wanted.shares.values() if share.weight]
    if len(weights) > 1 and Capability.WEIGHTS not in driver.capabilities:
        raise Unapplied(Fault.UNSUPPORTED, f"{driver.name} cannot share the traffic")
