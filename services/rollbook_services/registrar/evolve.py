"""What does each recorded event change in a model? A table of contents.

Pure: replaying a history gives the same state. `rules/` holds the bodies, by noun.
"""

from dataclasses import replace
from typing import assert_never

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
from rollbook.catalogue.model import ModelEvent, ModelRegistered
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
from rollbook.envelope import Envelope
from rollbook_services.registrar.remembered import mark_of, remember
from rollbook_services.registrar.rules import (
    alias,
    analysis,
    dispatch,
    drift,
    evidence,
    experiment,
    lane,
    model,
    outcome,
    promotion,
    quarantine,
    review,
    target,
    underway,
    version,
    votes,
    waiver,
)
from rollbook_services.registrar.state import Mark, Model


def evolve(state: Model, recorded: Envelope[ModelEvent]) -> Model:
    """Move a model on by one recorded event."""
    folded = fold(state, recorded.event, mark_of(recorded))
    return replace(folded, commands=remember(state.commands, recorded))


def fold(  # noqa: C901, PLR0915 - a table of contents
    state: Model, event: ModelEvent, mark: Mark
) -> Model:
    """Apply what one event says."""
    match event:
        case VersionRegistered():
            return version.registered(state, event, mark)
        case EvidenceRecorded():
            return evidence.recorded(state, event, mark)
        case GateEvaluated():
            return promotion.evaluated(state, event, mark)
        case PromotionRequested():
            return promotion.requested(state, event, mark)
        case PromotionReadied():
            return promotion.readied(state, event, mark)
        case PromotionBlocked():
            return promotion.blocked(state, event, mark)
        case PromotionDispatched():
            return dispatch.dispatched(state, event, mark)
        case PromotionSucceeded():
            return outcome.succeeded(state, event, mark)
        case PromotionFailed():
            return outcome.failed(state, event, mark)
        case PromotionErrored():
            return outcome.errored(state, event, mark)
        case PromotionAborted():
            return outcome.aborted(state, event, mark)
        case PromotionCancelled():
            return promotion.cancelled(state, event, mark)
        case PromotionRejected():
            return promotion.rejected(state, event, mark)
        case PromotionSuperseded():
            return promotion.superseded(state, event, mark)
        case PromotionExpired():
            return promotion.expired(state, event, mark)
        case PromotionRebound():
            return promotion.rebound(state, event, mark)
        case PromotionRebased():
            return promotion.rebased(state, event, mark)
        case StepStarted():
            return underway.started(state, event, mark)
        case StepApplied():
            return underway.applied(state, event, mark)
        case StepCompleted():
            return underway.completed(state, event, mark)
        case PromotionVerifying():
            return underway.verifying(state, event, mark)
        case PromotionPaused():
            return underway.paused(state, event, mark)
        case PromotionResumed():
            return underway.resumed(state, event, mark)
        case AnalysisRecorded():
            return analysis.recorded(state, event, mark)
        case RollbackTriggered():
            return promotion.triggered(state, event, mark)
        case WaiverRequested():
            return waiver.requested(state, event, mark)
        case GateWaived():
            return waiver.waived(state, event, mark)
        case ReviewOpened():
            return review.opened(state, event, mark)
        case ReviewClosed():
            return review.closed(state, event, mark)
        case ApprovalGranted():
            return votes.granted(state, event, mark)
        case ApprovalWithdrawn():
            return votes.withdrawn(state, event, mark)
        case ApprovalRejected():
            return votes.rejected(state, event, mark)
        case ChangesRequested():
            return votes.asked_for_more(state, event, mark)
        case ApprovalRefused():
            return votes.refused(state, event, mark)
        case SlotTaken():
            return lane.slot_taken(state, event, mark)
        case SlotReleased():
            return lane.slot_released(state, event, mark)
        case DesiredSet():
            return lane.desired_set(state, event, mark)
        case StableAdvanced():
            return lane.stable_advanced(state, event, mark)
        case LaneHeld():
            return lane.held(state, event, mark)
        case LaneReleased():
            return lane.released(state, event, mark)
        case TargetAcknowledged():
            return target.acknowledged(state, event, mark)
        case TargetApplied():
            return target.applied(state, event, mark)
        case TargetFailed():
            return target.failed(state, event, mark)
        case TargetErrored():
            return target.errored(state, event, mark)
        case DriftDetected():
            return drift.detected(state, event, mark)
        case DriftCorrected():
            return drift.corrected(state, event, mark)
        case DriftAccepted():
            return drift.accepted(state, event, mark)
        case ExperimentStarted():
            return experiment.started(state, event, mark)
        case ExperimentConcluded():
            return experiment.concluded(state, event, mark)
        case ExperimentInvalidated():
            return experiment.invalidated(state, event, mark)
        case AliasMoved():
            return alias.moved(state, event, mark)
        case EvidenceRevoked():
            return evidence.revoked(state, event, mark)
        case VersionAmended():
            return version.amended(state, event, mark)
        case VersionDeprecated():
            return version.deprecated(state, event, mark)
        case VersionRetired():
            return version.retired(state, event, mark)
        case VersionQuarantined():
            return quarantine.quarantined(state, event, mark)
        case VersionReleased():
            return quarantine.released(state, event, mark)
        case ModelRegistered():
            return model.registered(state, event, mark)
        case _:
            assert_never(event)
