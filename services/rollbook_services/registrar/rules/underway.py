"""Who looks after a change that is under way, stops it, and lets it go on?"""

from dataclasses import replace

from rollbook.catalogue.promotion import (
    Deadlines,
    PauseCause,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.commands.promotion import (
    AdvancePromotion,
    PausePromotion,
    RecordAnalysis,
    ResumePromotion,
)
from rollbook.envelope import ActorKind
from rollbook.names import PromotionId
from rollbook.refusals import Refusal, forbidden, not_a_person
from rollbook.standing import not_dispatched
from rollbook.underway import already_paused, lane_frozen, not_paused, wrong_step
from rollbook_services.registrar.authorise import has_grant, refused
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import analysis, progress
from rollbook_services.registrar.rules.closing import closed
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.state import Mark, Model, Paused, Promotion, Underway
from rollbook_services.registrar.transitions import (
    WAITING,
    Input,
    accepts,
    after,
)


def advance(command: AdvancePromotion, decision: Decision) -> Refusal | None:
    """Look whether time has brought something: for the conductor."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if not accepts(promotion.state, Input.ADVANCE):
        return _not_running(promotion)
    progress.look(decision, promotion.id)
    return None


def pause(command: PausePromotion, decision: Decision) -> Refusal | None:
    """Let it stand still; what the targets serve stays."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if promotion.underway is not None and promotion.underway.paused is not None:
        return already_paused(promotion.id, promotion.underway.paused.cause)
    if not accepts(promotion.state, Input.PAUSE):
        return _not_running(promotion)
    decision.record(
        PromotionPaused(
            promotion=promotion.id,
            cause=PauseCause.PERSON,
            reason=command.reason,
            inputs=(),
            wake_at=None,
            role=None,
        )
    )
    return None


def resume(command: ResumePromotion, decision: Decision) -> Refusal | None:
    """Let it go on from the step that was seen; not while its lane is closed."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    underway = promotion.underway
    if underway is None or underway.paused is None:
        return not_paused(promotion.id, promotion.state)
    refusal = _may_not_resume(decision, underway.paused)
    if refusal is not None:
        return refusal
    seen, current = (command.wave, command.step), (underway.wave, underway.step)
    if seen != current:
        return wrong_step(promotion.id, seen=seen, current=current)
    shut = closed(decision, promotion)
    if shut is not None:
        return lane_frozen(promotion.stage, shut.what, until=shut.until)
    progress.go_on(decision, promotion, command.reason, accepted=command.accept)
    progress.look(decision, promotion.id)
    return None


def _may_not_resume(decision: Decision, stopped: Paused) -> Refusal | None:
    """Let only the role that a pause of the plan names go on from it."""
    actor = decision.actor
    if stopped.role is None:
        is_allowed = has_grant(actor, ResumePromotion)
        return None if is_allowed else refused(actor, ResumePromotion)
    if actor.kind is not ActorKind.PERSON:
        return not_a_person(actor.id)
    if stopped.role in actor.roles:
        return None
    return forbidden("let it go on here", who=actor.id, roles=[stopped.role])


def analyse(command: RecordAnalysis, decision: Decision) -> Refusal | None:
    """Record a measurement, and end what was bad too often in a row."""
    event = analysis.record(command, decision)
    if isinstance(event, Refusal):
        return event
    promotion = decision.model.promotions[command.promotion]
    if analysis.breached(decision, promotion):
        progress.end_badly(decision, promotion, analysis.BREACHED, (event,))
    else:
        progress.look(decision, promotion.id)
    return None


def _not_running(promotion: Promotion) -> Refusal:
    waiting = promotion.state in WAITING
    return not_dispatched(promotion.id, promotion.state, waiting=waiting)


def begun(model: Model, id_: PromotionId) -> Model:
    """Remember that a target has begun; a change that stands still begins later."""
    promotion = model.promotions[id_]
    now = promotion.underway
    if now is not None and now.paused is not None:
        then = after(now.paused.returns_to, Input.ACKNOWLEDGE)
        now = replace(now, paused=replace(now.paused, returns_to=then))
        return changed(model, replace(promotion, underway=now))
    state = after(promotion.state, Input.ACKNOWLEDGE)
    return changed(model, replace(promotion, state=state))


def paused(model: Model, event: PromotionPaused, mark: Mark) -> Model:
    """Remember where it was."""
    promotion = model.promotions[event.promotion]
    stopped = Paused(
        cause=event.cause,
        by=mark.actor.id,
        since=mark.at,
        returns_to=promotion.state,
        until=event.wake_at,
        role=event.role,
    )
    now = replace(_underway(promotion), paused=stopped)
    state = after(promotion.state, Input.PAUSE)
    return changed(model, replace(promotion, state=state, underway=now))


def resumed(model: Model, event: PromotionResumed, mark: Mark) -> Model:
    """Go back to where it was; the step has as much time left as it had."""
    promotion = model.promotions[event.promotion]
    now = _underway(promotion)
    assert now.paused is not None
    deadlines = now.deadlines
    if deadlines is not None:
        lasted = mark.at - now.paused.since
        deadlines = Deadlines(
            acknowledge_by=deadlines.acknowledge_by + lasted,
            step_by=deadlines.step_by + lasted,
            end_by=deadlines.end_by,
        )
    then = replace(
        now,
        deadlines=deadlines,
        paused=None,
        accepted=now.accepted.union(event.accepted),
    )
    state = now.paused.returns_to
    return changed(model, replace(promotion, state=state, underway=then))


def verifying(model: Model, event: PromotionVerifying, mark: Mark) -> Model:
    """It runs, and has to prove itself."""
    promotion = model.promotions[event.promotion]
    now = replace(_underway(promotion), bake_until=event.bake_until)
    state = after(promotion.state, Input.VERIFY)
    return changed(model, replace(promotion, state=state, underway=now))


def started(model: Model, event: StepStarted, mark: Mark) -> Model:
    """A step begins: what was measured before it says nothing of it."""
    promotion = model.promotions[event.promotion]
    now = _underway(promotion)
    deadlines = now.deadlines
    if deadlines is not None and event.step_by is not None:
        deadlines = deadlines.model_copy(update={"step_by": event.step_by})
    is_pause = now.rollout is not None and bool(now.rollout.steps[event.step].pause)
    now = replace(
        now,
        deadlines=deadlines,
        wave=event.wave,
        step=event.step,
        step_since=mark.at,
        is_applied=is_pause,  # what runs stays, so nobody has to apply it
        bake_until=None,
        breaches={},
        analysed={},
        analysed_at=None,
        measured=None,
    )
    return changed(model, replace(promotion, underway=now))


def applied(model: Model, event: StepApplied, mark: Mark) -> Model:
    """Enough targets run the step; now it bakes."""
    promotion = model.promotions[event.promotion]
    now = _underway(promotion)
    now = replace(now, is_applied=True, bake_until=event.bake_until)
    return changed(model, replace(promotion, underway=now))


def completed(model: Model, event: StepCompleted, mark: Mark) -> Model:
    """The step is over."""
    promotion = model.promotions[event.promotion]
    now = replace(_underway(promotion), is_applied=True)
    return changed(model, replace(promotion, underway=now))


def _underway(promotion: Promotion) -> Underway:
    assert promotion.underway is not None
    return promotion.underway
