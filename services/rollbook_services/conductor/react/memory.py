"""What is known of the ledger when the conductor asks what is due?

By level, not by event: what holds now. Of things that were looked at before, only
what is new since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rollbook.names import BundleId, EventId, ModelName, PromotionId, StageName


@dataclass(frozen=True, slots=True)
class Trigger:
    """The event that made something due."""

    event: EventId
    sequence: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A promotion whose gates are open."""

    model: ModelName
    stage: StageName
    promotion: PromotionId
    readied: Trigger
    correlation: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane without a slot holder, and the promotions that wait for it."""

    waiting: Sequence[Waiting]
    freed: Trigger | None = None
    """What freed the slot; None: nobody ever held it."""


class Alarm(StrEnum):
    """What a timer of a promotion is about; a gate's is `gate/<name>`."""

    EXPIRE = "expire"
    GATE = "gate/"
    ACKNOWLEDGE = "acknowledge"
    STEP = "step"
    END = "end"
    WAKE = "wake"
    BAKE = "bake"
    EXPERIMENT = "experiment"


@dataclass(frozen=True, slots=True)
class Timer:
    """An instant, past by now, at which time alone may have changed a promotion."""

    model: ModelName
    promotion: PromotionId
    name: str
    """An `Alarm`."""
    at: str
    event: EventId
    """Which event said so."""
    correlation: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Automation was kept away from a lane until an instant, past by now."""

    model: ModelName
    event: EventId
    at: str


@dataclass(frozen=True, slots=True)
class Open:
    """A promotion that has not ended."""

    model: ModelName
    stage: StageName
    promotion: PromotionId
    is_running: bool
    requested: int
    """The sequence of its request."""
    requested_at: str
    correlation: str


class Kind(StrEnum):
    """Where something happened that may concern many promotions."""

    ACCESS = "access"
    POLICY = "policy"
    FREEZE = "freeze"
    FLEET = "fleet"


@dataclass(frozen=True, slots=True)
class Stir:
    """Something that may concern many promotions: an event, or an instant it named."""

    kind: Kind
    event: EventId
    sequence: int
    at: str
    """When it happened."""
    is_edge: bool = False
    """It happened at an instant that the event named, not with the event."""
    models: tuple[str, ...] = ()
    """Names and patterns; none means every model."""
    stages: tuple[str, ...] = ()
    """None means every stage."""


@dataclass(frozen=True, slots=True)
class Member:
    """One model's part in a bundle, as it stands."""

    model: ModelName
    readied: Trigger | None = None
    """What opened its last gate; None: one is closed, or it went or ended already."""
    is_lane_free: bool = True
    freed: Trigger | None = None
    ended: Trigger | None = None
    has_succeeded: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """Promotions that change their lanes together, and have not all ended."""

    bundle: BundleId
    is_dispatched: bool
    members: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Policy:
    """An active policy, as far as automation goes."""

    models: tuple[str, ...]
    is_automatic: bool
    """Whether one of its stages chooses versions by itself."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A model, and the last event that may change what automation would choose."""

    model: ModelName
    cause: Trigger | None


@dataclass(frozen=True, slots=True)
class Memory:
    """One consistent moment of what is known."""

    position: int = 0
    lanes: Sequence[Lane] = ()
    bundles: Sequence[Bundle] = ()
    timers: Sequence[Timer] = ()
    holds: Sequence[Hold] = ()
    stirs: Sequence[Stir] = ()
    open: Sequence[Open] = ()
    """Every promotion that has not ended, where there are stirs."""
    changed: Sequence[Changed] = ()
    """Every model where a policy was stirred, else those with news."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    next_at: str | None = None
    """The next instant at which something will be due."""
