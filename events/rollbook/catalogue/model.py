"""What happens to a model as a whole, and the union of all that can happen to it."""

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
)
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked
from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionReadied,
    PromotionRejected,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
)
from rollbook.catalogue.target import (
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.catalogue.version import (
    VersionAmended,
    VersionDeprecated,
    VersionQuarantined,
    VersionRegistered,
    VersionReleased,
    VersionRetired,
)
from rollbook.event import Event
from rollbook.names import Line, ModelName, Prose, Tags


class ModelRegistered(Event, recorded_as="model.registered"):
    """A model has its name, for good."""

    model: ModelName
    owners: tuple[Line, ...]
    task: Line | None
    tier: Line | None
    description: Prose | None
    labels: Tags


ModelEvent = (
    ModelRegistered
    | VersionRegistered
    | VersionAmended
    | VersionDeprecated
    | VersionRetired
    | VersionQuarantined
    | VersionReleased
    | EvidenceRecorded
    | EvidenceRevoked
    | AliasMoved
    | PromotionRequested
    | GateEvaluated
    | PromotionReadied
    | PromotionBlocked
    | PromotionDispatched
    | PromotionSucceeded
    | PromotionFailed
    | PromotionErrored
    | PromotionAborted
    | PromotionCancelled
    | PromotionRejected
    | PromotionSuperseded
    | ApprovalGranted
    | ApprovalRejected
    | ApprovalWithdrawn
    | SlotTaken
    | SlotReleased
    | DesiredSet
    | StableAdvanced
    | LaneHeld
    | LaneReleased
    | TargetAcknowledged
    | TargetApplied
    | TargetFailed
    | TargetErrored
)
