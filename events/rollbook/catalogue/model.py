"""What happens to a model as a whole, and the union of all that can happen to it."""

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRejected,
    ApprovalWithdrawn,
    ChangesRequested,
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
    AnalysisRecorded,
    GateEvaluated,
    PromotionAborted,
    PromotionBlocked,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionExpired,
    PromotionFailed,
    PromotionPaused,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionRequested,
    PromotionResumed,
    PromotionSucceeded,
    PromotionSuperseded,
    PromotionVerifying,
    RollbackTriggered,
    StepCompleted,
    StepStarted,
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
from rollbook.catalogue.waiver import (
    GateWaived,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
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
    | PromotionRebound
    | PromotionRebased
    | PromotionExpired
    | PromotionPaused
    | PromotionResumed
    | PromotionVerifying
    | StepStarted
    | StepCompleted
    | AnalysisRecorded
    | RollbackTriggered
    | WaiverRequested
    | GateWaived
    | ReviewOpened
    | ReviewClosed
    | ApprovalGranted
    | ApprovalRejected
    | ApprovalWithdrawn
    | ChangesRequested
    | ApprovalRefused
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
