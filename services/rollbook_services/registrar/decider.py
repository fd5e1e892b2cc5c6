"""THE RULES, as a table of contents: who decides each request, who folds each event.

Pure: the same state, context and stamp always give the same events, and replaying a
history gives the same state. `rules/` holds the bodies, by noun.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, assert_never, cast

from rollbook.catalogue.access import AccessEvent, TokenIssued, TokenRevoked
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
from rollbook.catalogue.model import ModelEvent, ModelRegistered
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
from rollbook.commands.access import AccessCommand, IssueToken, RevokeToken
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import Approve, Reject, WithdrawVote
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.model import ModelCommand, RegisterModel
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    RequestPromotion,
    RequestRollback,
)
from rollbook.commands.target import ReportTarget
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    QuarantineVersion,
    RegisterVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Envelope, Stamp
from rollbook.event import Event
from rollbook.refusals import Refusal, unknown_model
from rollbook.subjects import Aggregate, model_name
from rollbook_services.policy.document import BUILT_IN
from rollbook_services.registrar import judging
from rollbook_services.registrar.authorise import may
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import (
    access,
    alias,
    approval,
    dispatch,
    evidence,
    lane,
    model,
    outcome,
    promotion,
    quarantine,
    rollback,
    target,
    version,
)
from rollbook_services.registrar.state import (
    Access,
    Answered,
    Commands,
    Context,
    Mark,
    Model,
    State,
)

_CHANGES_NO_GATE: Final = (ModelRegistered, VersionRegistered, AliasMoved)


def initial(aggregate: Aggregate) -> State:
    """Return the state of an aggregate that nothing happened to."""
    name = model_name(aggregate)
    return Access() if name is None else Model(name)


def decide(
    command: ModelCommand, state: Model, context: Context, stamp: Stamp
) -> Sequence[ModelEvent] | Refusal:
    """Answer a request to a model with what happens now, or with a no."""
    refusal = may(stamp.actor, command)
    if refusal is None and not state.is_registered:
        refusal = _must_exist(command)
    if refusal is not None:
        return refusal
    decision = Decision(state, context, stamp, fold=fold)
    refusal = _decide(command, decision)
    if refusal is not None:
        return refusal
    if not all(isinstance(event, _CHANGES_NO_GATE) for event in decision.events):
        judging.settle(decision, state)
    return decision.events


def _must_exist(command: ModelCommand) -> Refusal | None:
    return None if isinstance(command, RegisterModel) else unknown_model(command.model)


def _decide(  # noqa: C901 - a table of contents
    command: ModelCommand, decision: Decision
) -> Refusal | None:
    match command:
        case RegisterVersion():
            return version.register(command, decision)
        case RecordEvidence():
            return evidence.record(command, decision)
        case ReportTarget():
            return target.report(command, decision)
        case RequestPromotion():
            return promotion.request(command, decision)
        case EvaluatePromotion():
            return promotion.evaluate(command, decision)
        case DispatchPromotion():
            return dispatch.dispatch(command, decision)
        case RequestRollback():
            return rollback.request(command, decision)
        case CancelPromotion():
            return promotion.cancel(command, decision)
        case AbortPromotion():
            return promotion.abort(command, decision)
        case Approve():
            return approval.approve(command, decision)
        case Reject():
            return approval.reject(command, decision)
        case WithdrawVote():
            return approval.withdraw(command, decision)
        case MoveAlias():
            return alias.move(command, decision)
        case RevokeEvidence():
            return evidence.revoke(command, decision)
        case AmendVersion():
            return version.amend(command, decision)
        case DeprecateVersion():
            return version.deprecate(command, decision)
        case RetireVersion():
            return version.retire(command, decision)
        case QuarantineVersion():
            return quarantine.quarantine(command, decision)
        case ReleaseVersion():
            return quarantine.release(command, decision)
        case PlaceHold():
            return lane.hold(command, decision)
        case ReleaseHold():
            return lane.release(command, decision)
        case RegisterModel():
            return model.register(command, decision)
        case _:
            assert_never(command)


def evolve(state: Model, recorded: Envelope[ModelEvent]) -> Model:
    """Move a model on by one recorded event."""
    folded = fold(state, recorded.event, _mark(recorded))
    return replace(folded, commands=_remember(state.commands, recorded))


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
        case ApprovalGranted():
            return approval.granted(state, event, mark)
        case ApprovalWithdrawn():
            return approval.withdrawn(state, event, mark)
        case ApprovalRejected():
            return state  # promotion.rejected, beside it, is what counts
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


def decide_access(
    command: AccessCommand, state: Access, stamp: Stamp
) -> Sequence[AccessEvent] | Refusal:
    """Answer a request about credentials."""
    refusal = may(stamp.actor, command)
    if refusal is not None:
        return refusal
    match command:
        case IssueToken():
            return access.issue(command, state, stamp)
        case RevokeToken():
            return access.revoke(command, state, stamp)
        case _:
            assert_never(command)


def evolve_access(state: Access, recorded: Envelope[AccessEvent]) -> Access:
    """Move the credentials on by one recorded event."""
    mark = _mark(recorded)
    match recorded.event:
        case TokenIssued() as event:
            state = access.issued(state, event, mark)
        case TokenRevoked() as event:
            state = access.revoked(state, event, mark)
        case _:
            assert_never(recorded.event)
    return replace(state, commands=_remember(state.commands, recorded))


def decide_any(
    command: AnyCommand, state: State, known: State, stamp: Stamp
) -> Sequence[Event] | Refusal:
    """Answer any request, under the built-in policy."""
    assert isinstance(known, Access)
    if isinstance(command, IssueToken | RevokeToken):
        return decide_access(command, known, stamp)
    assert isinstance(state, Model)
    return decide(command, state, Context(known, BUILT_IN), stamp)


def evolve_any(state: State, recorded: Envelope[Event]) -> State:
    """Move any aggregate on; validity has checked that the event is in its place."""
    if isinstance(state, Model):
        return evolve(state, cast("Envelope[ModelEvent]", recorded))
    return evolve_access(state, cast("Envelope[AccessEvent]", recorded))


def _mark(recorded: Envelope[Event]) -> Mark:
    return Mark(recorded.id, recorded.at, recorded.actor)


def _remember(known: Commands, recorded: Envelope[Event]) -> Commands:
    """Keep which events answered a command, for a retry at any later time."""
    before: Answered | None = known.get(recorded.command_id)
    answer = Answered(
        first_rev=before.first_rev if before else recorded.rev,
        first_sequence=before.first_sequence if before else recorded.sequence,
        count=before.count + 1 if before else 1,
        digest=recorded.command_digest,
    )
    return known.plus(recorded.command_id, answer)
