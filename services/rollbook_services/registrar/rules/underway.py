"""Who looks after a change that is under way, stops it, and lets it go on?"""

from dataclasses import replace

from rollbook.catalogue.promotion import (
    Deadlines,
    PauseCause,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepCompleted,
    StepStarted,
)
from rollbook.commands.promotion import (
    AdvancePromotion,
    PausePromotion,
    RecordAnalysis,
    ResumePromotion,
)
from rollbook.names import PromotionId
from rollbook.refusals import Refusal
from rollbook.standing import not_dispatched
from rollbook.underway import already_paused, lane_frozen, not_paused, wrong_step
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
    if command.step != 0:
        return wrong_step(promotion.id, seen=(0, command.step))
    shut = closed(decision, promotion)
    if shut is not None:
        return lane_frozen(promotion.stage, shut.what, until=shut.until)
    progress.go_on(decision, promotion, command.reason, accepted=command.accept)
    progress.look(decision, promotion.id)
    return None


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
    """There is one step so far; its dispatch says when it began."""
    return model


def completed(model: Model, event: StepCompleted, mark: Mark) -> Model:
    """Enough targets have applied it."""
    promotion = model.promotions[event.promotion]
    now = replace(_underway(promotion), is_applied=True)
    return changed(model, replace(promotion, underway=now))


def _underway(promotion: Promotion) -> Underway:
    assert promotion.underway is not None
    return promotion.underway
