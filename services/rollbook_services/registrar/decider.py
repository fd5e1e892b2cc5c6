"""THE RULES, as a table of contents: who decides each request to a model?

Pure: the same state, context and stamp always give the same events. `rules/` holds
the bodies, by noun; `evolve.py` folds what they decided.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from rollbook.catalogue.alias import AliasMoved
from rollbook.catalogue.model import ModelEvent, ModelRegistered
from rollbook.catalogue.version import VersionRegistered
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import (
    Approve,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from rollbook.commands.evidence import RecordEvidence, RevokeEvidence
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.model import ModelCommand, RegisterModel
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    PausePromotion,
    RecordAnalysis,
    RequestCandidates,
    RequestPromotion,
    RequestRollback,
    ResumePromotion,
)
from rollbook.commands.target import AcceptDrift, ReportTarget
from rollbook.commands.version import (
    AmendVersion,
    DeprecateVersion,
    QuarantineVersion,
    RegisterVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.envelope import Stamp
from rollbook.refusals import Refusal, unknown_model
from rollbook_services.registrar import judging
from rollbook_services.registrar.authorise import may
from rollbook_services.registrar.decision import Decision, Refused
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.rules import (
    alias,
    approval,
    candidate,
    dispatch,
    drift,
    evidence,
    holding,
    lane,
    model,
    promotion,
    quarantine,
    request,
    review,
    rollback,
    target,
    underway,
    version,
    waiver,
)
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.surroundings import Context

_CHANGES_NO_GATE: Final = (ModelRegistered, VersionRegistered, AliasMoved)


def decide(
    command: ModelCommand, state: Model, context: Context, stamp: Stamp
) -> Sequence[ModelEvent] | Refusal | Refused:
    """Answer a request to a model with what happens now, or with a no."""
    refusal = may(stamp.actor, command)
    if refusal is None and not state.is_registered:
        refusal = _must_exist(command)
    if refusal is not None:
        return refusal
    decision = Decision(state, context, stamp, fold=fold)
    refusal = _decide(command, decision)
    if refusal is not None and not decision.is_refusal_kept:
        return refusal
    conclude(decision, state)
    return decision.events if refusal is None else Refused(refusal, decision.events)


def conclude(decision: Decision, before: Model) -> None:
    """Let everything follow that a decision touched."""
    if all(isinstance(event, _CHANGES_NO_GATE) for event in decision.events):
        return
    for stage in decision.policy.spec.aliases.follow.values():
        alias.follow(decision, stage)
    judging.settle(decision, before)
    settled = decision.model
    while holding.lift_orphans(decision, before):
        before = settled
        judging.settle(decision, before)
        settled = decision.model


def _must_exist(command: ModelCommand) -> Refusal | None:
    return None if isinstance(command, RegisterModel) else unknown_model(command.model)


def _decide(  # noqa: C901, PLR0915 - a table of contents
    command: ModelCommand, decision: Decision
) -> Refusal | None:
    match command:
        case RegisterVersion():
            return version.register(command, decision)
        case RecordEvidence():
            return evidence.record(command, decision)
        case ReportTarget():
            return target.report(command, decision)
        case AcceptDrift():
            return drift.accept(command, decision)
        case RequestPromotion():
            return request.request(command, decision)
        case EvaluatePromotion():
            return promotion.evaluate(command, decision)
        case DispatchPromotion():
            return dispatch.dispatch(command, decision)
        case RequestRollback():
            return rollback.request(command, decision)
        case ExpirePromotion():
            return promotion.expire(command, decision)
        case AdvancePromotion():
            return underway.advance(command, decision)
        case PausePromotion():
            return underway.pause(command, decision)
        case ResumePromotion():
            return underway.resume(command, decision)
        case RecordAnalysis():
            return underway.analyse(command, decision)
        case RequestCandidates():
            return candidate.ask(command, decision)
        case WaiveGates():
            return waiver.waive(command, decision)
        case ConfirmWaiver():
            return waiver.confirm(command, decision)
        case CloseReview():
            return review.close(command, decision)
        case CancelPromotion():
            return promotion.cancel(command, decision)
        case AbortPromotion():
            return promotion.abort(command, decision)
        case Approve():
            return approval.approve(command, decision)
        case Reject():
            return approval.reject(command, decision)
        case RequestChanges():
            return approval.request_changes(command, decision)
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
