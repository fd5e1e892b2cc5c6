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
from rollbook.catalogue.experiment import (
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
)
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
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
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
from rollbook.event import Data, Event, upcasts
from rollbook.names import Line, ModelName, Prose, Tags


class ModelRegistered(Event, recorded_as="model.registered", schema_version=2):
    """A model has its name, for good."""

    model: ModelName
    owners: tuple[Line, ...]
    task: Line | None
    tier: Line | None
    description: Prose | None
    labels: Tags
    side_effect_free: bool
    """Whether a shadow of it may be asked: its answers change nothing."""


@upcasts(ModelRegistered, from_version=1)
def _nobody_said_so(data: Data) -> Data:
    """v1 did not ask."""
    return {**data, "side_effect_free": False}


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
    | StepApplied
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
    | DriftDetected
    | DriftCorrected
    | DriftAccepted
    | ExperimentStarted
    | ExperimentConcluded
    | ExperimentInvalidated
)
