"""Who may ask for a version in a stage, and how does a waiting promotion end?"""

from dataclasses import replace

from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionCancelled,
    PromotionExpired,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionRequested,
    PromotionSuperseded,
    RollbackTriggered,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    EvaluatePromotion,
    ExpirePromotion,
)
from rollbook.refusals import Refusal
from rollbook.standing import (
    already_dispatched,
    not_dispatched,
    not_open,
)
from rollbook.underway import bundle_member, not_due
from rollbook_services.registrar import judging
from rollbook_services.registrar.authorise import CONDUCTOR, has_grant, refused
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import outcome, progress
from rollbook_services.registrar.rules.kept import (
    changed,
    ended,
    moved,
    without_waivers,
)
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.state import Mark, Model, Promotion
from rollbook_services.registrar.transitions import RUNNING, WAITING, Input, accepts

ABORTED = "aborted"


def evaluate(command: EvaluatePromotion, decision: Decision) -> Refusal | None:
    """Judge every gate again: for the conductor, or its requester as a nudge."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if decision.actor.id not in (CONDUCTOR, promotion.requester):
        return refused(decision.actor, EvaluatePromotion)
    if not accepts(promotion.state, Input.EVALUATE):
        return not_open(promotion.id, promotion.state)
    if promotion.state in RUNNING:
        progress.look(decision, promotion.id)
    else:
        judging.reconsider(decision, promotion.id)
    return None


def expire(command: ExpirePromotion, decision: Decision) -> Refusal | None:
    """End it once its time is over; silence never approves."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if not accepts(promotion.state, Input.EXPIRE):
        return not_open(promotion.id, promotion.state)
    until = promotion.expires_at
    if until is None or decision.at < until:
        return not_due(promotion.id, at=until)
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
    if promotion.bundle is not None:
        return bundle_member(promotion.id, promotion.bundle)
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
        # Whose report or request it was that set it off did not ask for it.
        requester=CONDUCTOR if event.automatic else mark.actor.id,
        automatic=event.automatic,
        policy_digest=event.policy_digest,
        requested_at=mark.at,
        policy=event.policy,
        expires_at=event.expires_at,
        bundle=event.bundle,
        retry_of=event.retry_of,
    )
    model = replace(model, open=(*model.open, promotion.id))
    return changed(model, promotion)


def evaluated(model: Model, event: GateEvaluated, mark: Mark) -> Model:
    """Remember a gate's last word, so that only changes are recorded."""
    promotion, result = model.promotions[event.promotion], event.result
    said = (result.status, result.inputs, result.recheck_at)
    gates = {**promotion.gates, result.gate: said}
    return changed(model, replace(promotion, gates=gates))


def readied(model: Model, event: PromotionReadied, mark: Mark) -> Model:
    """Every gate is open."""
    return moved(model, event.promotion, Input.OPENED)


def blocked(model: Model, event: PromotionBlocked, mark: Mark) -> Model:
    """A gate closed again."""
    return moved(model, event.promotion, Input.CLOSED)


def rebound(model: Model, event: PromotionRebound, mark: Mark) -> Model:
    """Other rules hold: what the gates said before, and waivers of them, are void."""
    model = moved(model, event.promotion, Input.REBIND)
    promotion = replace(
        model.promotions[event.promotion],
        policy=event.policy,
        policy_digest=event.to_digest,
        gates={},
        moved=model.promotions[event.promotion].moved | {"policy"},
    )
    return without_waivers(changed(model, promotion), event.promotion)


def rebased(model: Model, event: PromotionRebased, mark: Mark) -> Model:
    """It is judged against what runs now."""
    model = moved(model, event.promotion, Input.REBASE)
    promotion = model.promotions[event.promotion]
    return changed(
        model,
        replace(
            promotion,
            incumbent=event.to_version,
            gates={},
            moved=promotion.moved | {"incumbent"},
        ),
    )


def cancelled(model: Model, event: PromotionCancelled, mark: Mark) -> Model:
    """It was withdrawn."""
    return ended(model, event.promotion, Input.CANCEL, mark)


def rejected(model: Model, event: PromotionRejected, mark: Mark) -> Model:
    """Somebody said no."""
    return ended(model, event.promotion, Input.REJECT, mark)


def expired(model: Model, event: PromotionExpired, mark: Mark) -> Model:
    """Its time was over."""
    return ended(model, event.promotion, Input.EXPIRE, mark)


def superseded(model: Model, event: PromotionSuperseded, mark: Mark) -> Model:
    """Another one was first."""
    return ended(model, event.promotion, Input.SUPERSEDE, mark)


def triggered(model: Model, event: RollbackTriggered, mark: Mark) -> Model:
    """The rollback stands beside it; the trigger is for the record."""
    return model
