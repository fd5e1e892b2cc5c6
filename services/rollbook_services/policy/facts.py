"""What may a gate look at? Values only: a gate asks nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.parts import PromotionKind
from rollbook.names import (
    Digest,
    EventId,
    GateName,
    Principal,
    PromotionId,
    RoleName,
    StageName,
    TargetName,
    Version,
)


class VersionStatus(StrEnum):
    """How a version is advised; quarantine is another matter."""

    ACTIVE = "active"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class LaneStatus(StrEnum):
    """What a lane accepts; derived, never stored (design/promotion.md §1.2)."""

    EMPTY = "empty"
    MOVING = "moving"
    INDETERMINATE = "indeterminate"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Bar:
    """A quarantine: who barred the version, why, and the event that said so."""

    event: EventId
    reason: str
    by: tuple[Principal, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Automation keeps away from a lane; `id` is the event that placed it."""

    id: EventId
    by: Principal
    by_promotion: PromotionId | None
    until: datetime | None
    reason: str

    def holds(self, as_of: datetime) -> bool:
        """Tell whether the hold has not run out."""
        return self.until is None or as_of < self.until


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's yes to a promotion; `id` is the approval's event."""

    id: EventId
    gate: GateName
    who: Principal
    roles: tuple[RoleName, ...]
    """The roles at the vote; at dispatch they are asked for again."""
    binding: Digest
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Registered:
    """The version that is asked for, as it stands."""

    event: EventId
    digest: Digest
    status: VersionStatus
    producer: Principal
    bar: Bar | None
    """What bars it from this stage."""
    proven_in: Mapping[StageName, EventId]
    """Where its latest outcome is a success it was not rolled off since."""


@dataclass(frozen=True, slots=True)
class LaneNow:
    """The lane that would change."""

    status: LaneStatus
    slot: PromotionId | None
    unreported: tuple[TargetName, ...]
    """Declared targets that have not said what they run at the present revision."""
    hold: Hold | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a gate may know when it judges a promotion."""

    kind: PromotionKind
    stage: StageName
    version: Version
    requester: Principal
    automatic: bool
    registered: Registered
    lane: LaneNow
    votes: tuple[Vote, ...]
    bound: Bound
    binding: Digest
    """What a vote must be about to count now."""
    holders: Mapping[Principal, frozenset[RoleName]]
    """The roles that people hold now, by their live credentials."""
