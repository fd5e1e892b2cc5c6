"""Who may ask for a version in a stage, and how does a waiting promotion end?"""

from dataclasses import replace

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionCancelled,
    PromotionReadied,
    PromotionRejected,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    EvaluatePromotion,
    RequestPromotion,
)
from rollbook.envelope import ActorKind
from rollbook.names import PromotionId
from rollbook.refusals import Refusal, invalid_field
from rollbook.standing import (
    already_dispatched,
    already_there,
    duplicate_request,
    incumbent_changed,
    lane_held,
    not_dispatched,
    not_open,
    version_quarantined,
    version_retired,
)
from rollbook_services.policy.document import stage_digest
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.registrar import judging
from rollbook_services.registrar.authorise import CONDUCTOR, has_grant, refused
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import outcome
from rollbook_services.registrar.rules.kept import changed, ended, moved
from rollbook_services.registrar.rules.known import (
    promotion_named,
    stage_named,
    version_named,
)
from rollbook_services.registrar.state import KnownVersion, Mark, Model, Promotion
from rollbook_services.registrar.transitions import (
    ENDED,
    RUNNING,
    WAITING,
    Input,
    accepts,
)

ABORTED = "aborted"


def request(command: RequestPromotion, decision: Decision) -> Refusal | None:
    """Accept a promotion; its gates are judged in the same decision."""
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    known = version_named(decision, command.version)
    if isinstance(known, Refusal):
        return known
    refusal = (
        _cannot_go(command, known)
        or _is_asked(command, decision.model)
        or _moved_on(command, decision.model)
        or _is_held(command, decision)
        or _retries_nothing(command, decision)
    )
    if refusal is not None:
        return refusal
    decision.record(
        PromotionRequested(
            promotion=next_id(decision.model),
            kind=command.kind,
            stage=command.stage,
            version=command.version,
            digest=known.digest,
            incumbent=judging.incumbent_of(decision.model, command.stage).version,
            automatic=decision.actor.kind is ActorKind.SYSTEM,
            policy=decision.policy.name,
            policy_digest=stage_digest(stage),
            expires_at=None,
            retry_of=command.retry_of,
            walked_over=(),
            reason=command.reason,
            incident=None,
        )
    )
    return None


def next_id(model: Model) -> PromotionId:
    """Count promotions from 1, without a gap."""
    return PromotionId(len(model.promotions) + 1)


def _cannot_go(command: RequestPromotion, known: KnownVersion) -> Refusal | None:
    if known.status is VersionStatus.RETIRED:
        return version_retired(command.version)
    bar = known.bar(command.stage)
    if bar is not None:
        return version_quarantined(
            command.version, command.stage, by=bar.by, reason=bar.reason
        )
    return None


def _is_asked(command: RequestPromotion, model: Model) -> Refusal | None:
    wanted = (command.stage, command.version, command.kind)
    for id_ in model.open:
        other = model.promotions[id_]
        is_waiting = other.state in WAITING
        if is_waiting and (other.stage, other.version, other.kind) == wanted:
            return duplicate_request(model.name, id_)
    return None


def _moved_on(command: RequestPromotion, model: Model) -> Refusal | None:
    """Compare and set; a redeploy says by its version what it expects."""
    now = judging.incumbent_of(model, command.stage)
    expected = command.expected_incumbent
    if command.kind is PromotionKind.FORWARD and now.version == command.version:
        return already_there(model.name, command.version, command.stage)
    if command.kind is PromotionKind.REDEPLOY and now.version != command.version:
        expected = command.version
    if expected == "any" or expected == now.version:
        return None
    return incumbent_changed(
        command.stage,
        expected=expected,
        actual=now.version,
        promotion=now.promotion,
        by=model.promotions[now.promotion].requester if now.promotion else None,
        at=now.at,
    )


def _is_held(command: RequestPromotion, decision: Decision) -> Refusal | None:
    """An automatic promotion may wait at its gate; others must know of the hold."""
    hold = decision.model.lane(command.stage).hold
    if hold is None or not hold.holds(decision.at):
        return None
    is_automatic = decision.actor.kind is ActorKind.SYSTEM
    if is_automatic or command.acknowledge_hold == hold.id:
        return None
    return lane_held(command.stage, hold.id, by=hold.by, reason=hold.reason)


def _retries_nothing(command: RequestPromotion, decision: Decision) -> Refusal | None:
    if command.retry_of is None:
        return None
    earlier = promotion_named(decision, command.retry_of)
    if isinstance(earlier, Refusal):
        return earlier
    same = (earlier.stage, earlier.version) == (command.stage, command.version)
    if earlier.state in ENDED and same:
        return None
    return invalid_field(
        "retry_of", "must be an ended promotion of this version to this stage"
    )


def evaluate(command: EvaluatePromotion, decision: Decision) -> Refusal | None:
    """Judge every gate again: for the conductor, or its requester as a nudge."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if decision.actor.id not in (CONDUCTOR, promotion.requester):
        return refused(decision.actor, EvaluatePromotion)
    if not accepts(promotion.state, Input.EVALUATE):
        return not_open(promotion.id, promotion.state)
    judging.reconsider(decision, promotion.id)
    return None


def cancel(command: CancelPromotion, decision: Decision) -> Refusal | None:
    """Withdraw what waits: by its requester, or a release-manager."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    is_own = decision.actor.id == promotion.requester
    if not is_own and not has_grant(decision.actor, CancelPromotion):
        return refused(decision.actor, CancelPromotion)
    if promotion.state in RUNNING:
        return already_dispatched(promotion.id, promotion.state)
    if not accepts(promotion.state, Input.CANCEL):
        return not_open(promotion.id, promotion.state)
    decision.record(PromotionCancelled(promotion=promotion.id, reason=command.reason))
    return None


def abort(command: AbortPromotion, decision: Decision) -> Refusal | None:
    """Stop what is under way: by its requester, or who answers for the lane."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    is_own = decision.actor.id == promotion.requester
    if not is_own and not has_grant(decision.actor, AbortPromotion):
        return refused(decision.actor, AbortPromotion)
    if not accepts(promotion.state, Input.ABORT):
        waiting = promotion.state in WAITING
        return not_dispatched(promotion.id, promotion.state, waiting=waiting)
    outcome.abort(decision, promotion, ABORTED, reason=command.reason)
    return None


def requested(model: Model, event: PromotionRequested, mark: Mark) -> Model:
    """Remember who wants what."""
    promotion = Promotion(
        id=event.promotion,
        kind=event.kind,
        stage=event.stage,
        version=event.version,
        digest=event.digest,
        incumbent=event.incumbent,
        requester=mark.actor.id,
        automatic=event.automatic,
        policy_digest=event.policy_digest,
        requested_at=mark.at,
    )
    model = replace(model, open=(*model.open, promotion.id))
    return changed(model, promotion)


def evaluated(model: Model, event: GateEvaluated, mark: Mark) -> Model:
    """Remember a gate's last word, so that only changes are recorded."""
    promotion, result = model.promotions[event.promotion], event.result
    gates = {**promotion.gates, result.gate: (result.status, result.inputs)}
    return changed(model, replace(promotion, gates=gates))


def readied(model: Model, event: PromotionReadied, mark: Mark) -> Model:
    """Every gate is open."""
    return moved(model, event.promotion, Input.OPENED)


def blocked(model: Model, event: PromotionBlocked, mark: Mark) -> Model:
    """A gate closed again."""
    return moved(model, event.promotion, Input.CLOSED)


def cancelled(model: Model, event: PromotionCancelled, mark: Mark) -> Model:
    """It was withdrawn."""
    return ended(model, event.promotion, Input.CANCEL, mark)


def rejected(model: Model, event: PromotionRejected, mark: Mark) -> Model:
    """Somebody said no."""
    return ended(model, event.promotion, Input.REJECT, mark)


def superseded(model: Model, event: PromotionSuperseded, mark: Mark) -> Model:
    """Another one was first."""
    return ended(model, event.promotion, Input.SUPERSEDE, mark)
