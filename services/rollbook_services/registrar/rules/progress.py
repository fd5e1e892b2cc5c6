"""Does a change that is under way stop, end, prove itself or go on now?"""

from collections.abc import Iterator
from datetime import timedelta

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PauseCause,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepApplied,
    StepCompleted,
)
from rollbook.catalogue.rollout import Rollout, Wave
from rollbook.names import EventId, PromotionId, RoleName, TargetName
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import (
    analysis,
    dispatch,
    experiment,
    outcome,
    rollback,
    rollout,
)
from rollbook_services.registrar.rules.closing import Closed, closed
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.state import Lane, Paused, Promotion
from rollbook_services.registrar.transitions import RUNNING, PromotionState

APPLIED = "applied"
_OVER = (PauseCause.FREEZE, PauseCause.WINDOW)


def look(
    decision: Decision,
    id_: PromotionId,
    *,
    report: EventId | None = None,
    code: str | None = None,
) -> None:
    """Do what is due now: stop, end, verify, succeed, or nothing.

    `report` is a target's report that was just recorded, `code` why it is not applied.
    """
    promotion = decision.model.promotions[id_]
    if promotion.state not in RUNNING:
        return  # late: the report is about the lane only
    if decision.policy.stage(promotion.stage) is None:
        # No rules are left by which it could prove itself.
        outcome.abort(decision, promotion, judging.STAGE_REMOVED)
        return
    if _is_lost(decision, promotion, report, code):
        return
    shut = closed(decision, promotion)
    if shut is not None:
        _stop(decision, promotion, shut)
    else:
        _reopen(decision, promotion)
    promotion = decision.model.promotions[id_]
    if promotion.state in RUNNING and not _is_overdue(decision, promotion):
        _move(decision, promotion)


def _is_lost(
    decision: Decision, promotion: Promotion, report: EventId | None, code: str | None
) -> bool:
    """End it when too many targets cannot run it."""
    if code is None or report is None:
        return False
    lane, wave = decision.model.lane(promotion.stage), _wave(decision, promotion)
    left = set(_awaited(decision, promotion)).difference(_in(lane, "failed", "errored"))
    if len(left) >= wave.needed:
        return False
    end_badly(decision, promotion, code, (report,))
    return True


def end_badly(
    decision: Decision, promotion: Promotion, code: str, inputs: tuple[EventId, ...]
) -> None:
    """Fail, and go back where the policy says so; never over a person's pause."""
    now = promotion.underway
    by_person = now and now.paused and now.paused.cause is PauseCause.PERSON
    outcome.fail(decision, promotion, code, inputs)
    if not by_person:
        rollback.take_back(decision, promotion, code, inputs)


def _stop(decision: Decision, promotion: Promotion, shut: Closed) -> None:
    paused = promotion.underway and promotion.underway.paused
    if shut.aborts:
        outcome.abort(decision, promotion, shut.code)
    elif not paused:
        _pause(decision, promotion, shut)
    elif paused.cause in _OVER and _is_slept_through(paused, shut):
        go_on(decision, promotion, "what had closed the lane is over, not what is next")
        _pause(decision, promotion, shut)


def _is_slept_through(paused: Paused, shut: Closed) -> bool:
    """Tell whether nothing would wake it: freezes do when they end, windows do not."""
    return shut.cause is PauseCause.WINDOW and paused.until != shut.until


def _pause(decision: Decision, promotion: Promotion, shut: Closed) -> None:
    decision.record(
        PromotionPaused(
            promotion=promotion.id,
            cause=shut.cause,
            reason=f"closed by {shut.what}"[:2000],
            inputs=shut.inputs,
            wake_at=shut.until,
            role=None,
        )
    )


def _reopen(decision: Decision, promotion: Promotion) -> None:
    """Go on by itself once the freeze or the window that stopped it is over."""
    paused = promotion.underway and promotion.underway.paused
    if paused and paused.cause in _OVER:
        go_on(decision, promotion, "what had closed the lane is over")


def go_on(
    decision: Decision,
    promotion: Promotion,
    reason: str,
    *,
    accepted: tuple[str, ...] = (),
) -> None:
    now, stage = promotion.underway, stage_of(decision.policy, promotion.stage)
    assert now is not None
    assert now.paused is not None
    decision.record(
        PromotionResumed(
            promotion=promotion.id,
            cause=now.paused.cause,
            accepted=accepted,
            reason=reason,
            wake_at=stage.closes_at(decision.at),
        )
    )


def _is_overdue(decision: Decision, promotion: Promotion) -> bool:
    """End what took too long: a pause counts against the whole alone."""
    now, state = promotion.underway, promotion.state
    if now is None or now.deadlines is None:
        return False
    at, code = decision.at, None
    if _runs_beside(decision, promotion):
        return False  # it is over by itself, and no deadline is earlier
    if at >= now.deadlines.end_by:
        code = "total_timeout"
    elif state is PromotionState.DISPATCHED and at >= now.deadlines.acknowledge_by:
        code = "ack_timeout"
    elif _is_changing(state) and not now.is_applied and at >= now.deadlines.step_by:
        code = "step_timeout"
    if code is None:
        return False
    end_badly(decision, promotion, code, ())
    return True


def _runs_beside(decision: Decision, promotion: Promotion) -> bool:
    """Tell whether enough targets run it beside what it is compared with."""
    found = experiment.running(decision.model, promotion)
    return found is not None and promotion.state is PromotionState.VERIFYING


def _is_changing(state: PromotionState) -> bool:
    return state in (PromotionState.DISPATCHED, PromotionState.PROGRESSING)


def _move(decision: Decision, promotion: Promotion) -> None:
    """Go as far as the plan allows now; a step that waits for nothing ends at once."""
    while promotion.state is PromotionState.PROGRESSING:
        if not (_is_run(decision, promotion) and _is_proved(decision, promotion)):
            break
        _go_on_from(decision, decision.model.promotions[promotion.id])
        promotion = decision.model.promotions[promotion.id]
    is_verified = promotion.state is PromotionState.VERIFYING
    if _runs_beside(decision, promotion):
        cause = experiment.over_by(decision.model, promotion, decision.at)
        if cause is not None:
            outcome.conclude(decision, promotion, cause)
    elif is_verified and _is_proved(decision, promotion):
        outcome.succeed(decision, promotion)


def _is_run(decision: Decision, promotion: Promotion) -> bool:
    """Tell whether enough targets run the step, and note it once they do."""
    now, plan = promotion.underway, _plan(decision, promotion)
    assert now is not None
    if now.is_applied:
        return True
    wave, lane = _wave(decision, promotion), decision.model.lane(promotion.stage)
    running = set(_awaited(decision, promotion)).intersection(_in(lane, APPLIED))
    if len(running) < wave.needed:
        return False
    place = rollout.Place(now.wave, now.step)
    if rollout.after(plan, place) is None:
        return True  # the last one proves itself while it is verified
    bake = timedelta(milliseconds=plan.steps[now.step].bake_ms)
    decision.record(
        StepApplied(
            promotion=promotion.id,
            wave=now.wave,
            step=now.step,
            bake_until=decision.at + bake,
        )
    )
    return True


def _is_proved(decision: Decision, promotion: Promotion) -> bool:
    """Tell whether the bake is over and every analysis passes; judge only then."""
    promotion = decision.model.promotions[promotion.id]
    now = promotion.underway
    assert now is not None
    if now.bake_until is None:
        return True  # a pause is over, or the last step begins to be verified
    if decision.at < now.bake_until:
        return False
    words = analysis.words(decision, promotion)
    missing = [each for each in words if each.word is GateStatus.UNKNOWN]
    if any(each.rule.on_missing == "fail" for each in missing):
        end_badly(decision, promotion, analysis.NO_DATA, ())
    elif missing:
        names = ", ".join(each.rule.metric for each in missing)
        why = f"the bake is over and nothing is known of {names}"
        _stand_still(decision, promotion, PauseCause.UNKNOWN, why)
    return all(each.word is GateStatus.PASS for each in words)


def _stand_still(
    decision: Decision,
    promotion: Promotion,
    cause: PauseCause,
    why: str,
    role: RoleName | None = None,
) -> None:
    decision.record(
        PromotionPaused(
            promotion=promotion.id,
            cause=cause,
            reason=why,
            inputs=(),
            wake_at=None,
            role=role,
        )
    )


def _go_on_from(decision: Decision, promotion: Promotion) -> None:
    """End a step: begin the next, wait for a person, or let the version be verified."""
    now, plan = promotion.underway, _plan(decision, promotion)
    assert now is not None
    lane, wave = decision.model.lane(promotion.stage), _wave(decision, promotion)
    running = set(_in(lane, APPLIED))
    pauses = plan.steps[now.step].pause is not None
    left = () if pauses else tuple(each for each in wave.targets if each not in running)
    decision.record(
        StepCompleted(
            promotion=promotion.id, wave=now.wave, step=now.step, stragglers=left
        )
    )
    following = rollout.after(plan, rollout.Place(now.wave, now.step))
    if following is None:
        _verify(decision, promotion, plan)
        return
    dispatch.begin(decision, decision.model.promotions[promotion.id], following)
    role = plan.steps[following.step].pause
    if role is not None:
        why = f"the plan waits here until a {role} lets it go on"
        _stand_still(decision, promotion, PauseCause.STEP, why, role)


def _verify(decision: Decision, promotion: Promotion, plan: Rollout) -> None:
    """Let the version prove itself; one that goes back waits for nothing."""
    bake = timedelta(milliseconds=plan.steps[-1].bake_ms)
    found = experiment.running(decision.model, promotion)
    is_back = promotion.kind is PromotionKind.ROLLBACK
    strategy = stage_of(decision.policy, promotion.stage).strategy
    if found is None and not bake and (is_back or not strategy.analysis):
        outcome.succeed(decision, decision.model.promotions[promotion.id])
        return
    decision.record(
        PromotionVerifying(
            promotion=promotion.id,
            stage=promotion.stage,
            version=promotion.version,
            bake_until=found.ends_at if found else decision.at + bake,
        )
    )


def _plan(decision: Decision, promotion: Promotion) -> Rollout:
    """Return the plan it began with; before plans were recorded, all went at once."""
    now = promotion.underway
    if now is not None and now.rollout is not None:
        return now.rollout
    stage = stage_of(decision.policy, promotion.stage)
    plan = rollout.plan(decision.policy, stage, promotion.kind)
    lane = decision.model.lane(promotion.stage)
    everyone = Wave(targets=asked(lane), needed=len(asked(lane)))
    return plan.model_copy(update={"waves": (everyone,), "steps": plan.steps[-1:]})


def _wave(decision: Decision, promotion: Promotion) -> Wave:
    now = promotion.underway
    return _plan(decision, promotion).waves[now.wave if now else 0]


def _awaited(decision: Decision, promotion: Promotion) -> tuple[TargetName, ...]:
    now = promotion.underway
    return rollout.awaited(_plan(decision, promotion), now.wave if now else 0)


def asked(lane: Lane) -> tuple[TargetName, ...]:
    """Return the targets that the present change is about, whatever policies say now.

    A policy may have named others since: they are told by the next change.
    """
    return () if lane.desired is None else tuple(lane.desired.targets)


def _in(lane: Lane, *states: str) -> Iterator[TargetName]:
    """Return the targets whose last word on the present revision is one of these."""
    for name in asked(lane):
        now = lane.targets.get(name)
        if now and now.revision == lane.revision and now.state in states:
            yield name
