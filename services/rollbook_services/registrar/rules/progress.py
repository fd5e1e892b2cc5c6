"""Does a change that is under way stop, end, prove itself or go on now?"""

from collections.abc import Iterator

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PauseCause,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepCompleted,
)
from rollbook.names import EventId, PromotionId, TargetName
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import analysis, outcome, rollback
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
    stage = stage_of(decision.policy, promotion.stage)
    lane = decision.model.lane(promotion.stage)
    left = set(asked(lane)).difference(_in(lane, "failed", "errored"))
    if len(left) >= _needed(stage, lane):
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


def _is_changing(state: PromotionState) -> bool:
    return state in (PromotionState.DISPATCHED, PromotionState.PROGRESSING)


def _move(decision: Decision, promotion: Promotion) -> None:
    stage = stage_of(decision.policy, promotion.stage)
    plan = stage.strategy.all_at_once
    if promotion.state is PromotionState.PROGRESSING:
        lane = decision.model.lane(promotion.stage)
        applied = tuple(_in(lane, APPLIED))
        if len(applied) < _needed(stage, lane):
            return
        _complete(decision, promotion, lane, applied)
        # What was stable before has proved itself: going back waits for nothing.
        is_back = promotion.kind is PromotionKind.ROLLBACK
        if is_back or not (plan.bake or plan.analysis):
            outcome.succeed(decision, promotion)
            return
        decision.record(
            PromotionVerifying(
                promotion=promotion.id,
                stage=promotion.stage,
                version=promotion.version,
                bake_until=decision.at + plan.bake,
            )
        )
    if decision.model.promotions[promotion.id].state is PromotionState.VERIFYING:
        _verify(decision, decision.model.promotions[promotion.id])


def _complete(
    decision: Decision, promotion: Promotion, lane: Lane, applied: tuple[str, ...]
) -> None:
    left = tuple(name for name in asked(lane) if name not in applied)
    decision.record(
        StepCompleted(promotion=promotion.id, wave=0, step=0, stragglers=left)
    )


def _verify(decision: Decision, promotion: Promotion) -> None:
    """Succeed once the bake is over and every analysis passes; judge only then."""
    now = promotion.underway
    assert now is not None
    assert now.bake_until is not None
    if decision.at < now.bake_until:
        return
    words = analysis.words(decision, promotion)
    missing = [each for each in words if each.word is GateStatus.UNKNOWN]
    if any(each.rule.on_missing == "fail" for each in missing):
        end_badly(decision, promotion, analysis.NO_DATA, ())
    elif missing:
        names = ", ".join(each.rule.metric for each in missing)
        decision.record(
            PromotionPaused(
                promotion=promotion.id,
                cause=PauseCause.UNKNOWN,
                reason=f"the bake is over and nothing is known of {names}",
                inputs=(),
                wake_at=None,
            )
        )
    elif all(each.word is GateStatus.PASS for each in words):
        outcome.succeed(decision, promotion)


def asked(lane: Lane) -> tuple[TargetName, ...]:
    """Return the targets that the present change is about, whatever policies say now.

    A policy may have named others since: they are told by the next change.
    """
    return () if lane.desired is None else tuple(lane.desired.targets)


def _needed(stage: Stage, lane: Lane) -> int:
    least, most = stage.strategy.all_at_once.min_success, len(asked(lane))
    return most if least == "all" else min(least, most)


def _in(lane: Lane, *states: str) -> Iterator[TargetName]:
    """Return the targets whose last word on the present revision is one of these."""
    for name in asked(lane):
        now = lane.targets.get(name)
        if now and now.revision == lane.revision and now.state in states:
            yield name
