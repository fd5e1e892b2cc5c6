"""What happens to several models that are released as one."""

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import (
    BundleId,
    Line,
    ModelName,
    PromotionId,
    Reason,
    StageName,
    Version,
)


class Member(Part):
    """One model's part in a bundle."""

    model: ModelName
    version: Version
    promotion: PromotionId


class BundleRequested(Event, recorded_as="bundle.requested"):
    """Somebody asks for several versions in one stage: all lanes change, or none."""

    bundle: BundleId
    stage: StageName
    members: tuple[Member, ...]
    reason: Reason


class BundleDispatched(Event, recorded_as="bundle.dispatched"):
    """Every member's gates were open; all slots were taken in one append."""

    bundle: BundleId


class BundleSucceeded(Event, recorded_as="bundle.succeeded"):
    """Every member is live."""

    bundle: BundleId


class BundleFailed(Event, recorded_as="bundle.failed"):
    """A member ended badly after dispatch: the others are taken back."""

    bundle: BundleId
    because_of: ModelName
    reason_code: Line
    taken_back: tuple[Member, ...]
    """The promotions that were aborted, or the rollbacks that were begun."""


class BundleCancelled(Event, recorded_as="bundle.cancelled"):
    """It ended before any lane changed: somebody withdrew it, or a member ended."""

    bundle: BundleId
    because_of: ModelName | None
    reason: Reason


class BundleRolledBack(Event, recorded_as="bundle.rolled_back"):
    """Every lane goes back to what it ran before the bundle."""

    bundle: BundleId
    rollbacks: tuple[Member, ...]
    reason: Reason


BundlesEvent = (
    BundleRequested
    | BundleDispatched
    | BundleSucceeded
    | BundleFailed
    | BundleCancelled
    | BundleRolledBack
)
