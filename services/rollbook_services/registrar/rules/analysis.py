"""How is what was measured of a running change judged?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    CANDIDATE,
    CHAMPION,
    AnalysisRecorded,
    GateResult,
)
from rollbook.commands.promotion import RecordAnalysis
from rollbook.names import EventId
from rollbook.refusals import Refusal, invalid_field
from rollbook.standing import not_dispatched, wrong_target
from rollbook.underway import too_frequent, wrong_step
from rollbook_services.policy import expression
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.strategy import Analysis
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import contest, experiment
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.rules.speaking import is_own
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.state import Mark, Measured, Model, Promotion
from rollbook_services.registrar.transitions import WAITING, Input, accepts

BREACHED = "analysis_breached"
NO_DATA = "no_data"
LEAST_PAUSE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Word:
    """What is known of one metric that has to prove itself."""

    rule: Analysis
    word: GateStatus


def record(command: RecordAnalysis, decision: Decision) -> EventId | Refusal:
    """Record a measurement of the running step, and how the policy judges it."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if not accepts(promotion.state, Input.ANALYSE) or promotion.underway is None:
        waiting = promotion.state in WAITING
        return not_dispatched(promotion.id, promotion.state, waiting=waiting)
    refusal = _is_elsewhere(decision, promotion) or _is_misplaced(
        command, decision, promotion
    )
    if refusal is not None:
        return refusal
    return decision.record(
        AnalysisRecorded(
            promotion=promotion.id,
            wave=command.wave,
            step=command.step,
            metrics=command.metrics,
            samples=command.samples,
            from_at=command.from_at,
            until_at=command.until_at,
            judged=(
                *(
                    _judged(rule, command, mode)
                    for rule, mode in _rules(decision, promotion)
                    if rule.metric in command.metrics.get(CANDIDATE, {})
                ),
                *_of_a_contest(command, decision, promotion),
            ),
        )
    )


def _of_a_contest(
    command: RecordAnalysis, decision: Decision, promotion: Promotion
) -> Iterator[GateResult]:
    """Say whether what runs beside another has been seen enough of."""
    found = experiment.running(decision.model, promotion)
    if found is not None:
        rule = stage_of(decision.policy, promotion.stage).strategy.challenger
        said = contest.stops(found, rule, command.metrics, command.samples)
        yield from () if said is None else (said,)


def _is_elsewhere(decision: Decision, promotion: Promotion) -> Refusal | None:
    """Let an agent measure what runs on its own targets only."""
    actor, stage = decision.actor, promotion.stage
    if is_own(decision, stage):
        return None
    own = actor.credential.get("stage")
    return wrong_target(actor.id, reported=stage, bound=str(own))


def _is_misplaced(
    command: RecordAnalysis, decision: Decision, promotion: Promotion
) -> Refusal | None:
    """Only what was measured inside the step's own time says something of it."""
    now = promotion.underway
    assert now is not None
    seen, current = (command.wave, command.step), (now.wave, now.step)
    if seen != current:
        return wrong_step(promotion.id, seen=seen, current=current)
    if command.from_at < now.step_since:
        since = now.step_since.isoformat(timespec="milliseconds")
        return invalid_field("from_at", f"the step began at {since}: measure from then")
    if not command.from_at < command.until_at <= decision.at:
        return invalid_field("until_at", "must lie after from_at, and not ahead of now")
    if CANDIDATE not in command.metrics:
        return invalid_field("metrics", f"add the variant `{CANDIDATE}`")
    is_beside = experiment.running(decision.model, promotion) is not None
    if is_beside and max(map(len, command.metrics.values())) > contest.MOST_METRICS:
        remedy = f"of each side {contest.MOST_METRICS} are kept as evidence: send fewer"
        return invalid_field("metrics", remedy)
    if now.analysed_at is not None and decision.at < now.analysed_at + LEAST_PAUSE:
        left = now.analysed_at + LEAST_PAUSE - decision.at
        seconds = ceil(left.total_seconds())
        return too_frequent(promotion.id, retry_after_seconds=seconds)
    return None


def _rules(decision: Decision, promotion: Promotion) -> list[tuple[Analysis, Mode]]:
    if promotion.kind is PromotionKind.ROLLBACK:
        return []  # what was stable before has proved itself
    stage = stage_of(decision.policy, promotion.stage)
    return [(rule, rule.mode or stage.mode) for rule in stage.strategy.analysis]


def _judged(rule: Analysis, command: RecordAnalysis, mode: Mode) -> GateResult:
    value = command.metrics[CANDIDATE][rule.metric]
    champion = command.metrics.get(CHAMPION, {}).get(rule.metric)
    values = {"value": f"{value:g}", "samples": str(command.samples)}
    if champion is not None:
        values["champion"] = f"{champion:g}"
    status, detail = _word(rule, value, champion, command.samples)
    return GateResult(
        gate=rule.metric,
        kind="analysis",
        mode=mode,
        status=status,
        detail=detail,
        values=values,
    )


def _word(
    rule: Analysis, value: float, champion: float | None, samples: int
) -> tuple[GateStatus, str]:
    if samples < rule.min_samples:
        return GateStatus.WAIT, f"{samples} of {rule.min_samples} samples"
    known: dict[str, object] = {"value": float(value), "samples": float(samples)}
    if champion is not None:
        known["champion"] = float(champion)
    said = expression.evaluate(rule.expr, known)
    if isinstance(said, expression.Unknown):
        return GateStatus.UNKNOWN, f"{rule.expr}: {said.why}"[:2000]
    return (GateStatus.PASS if said else GateStatus.FAIL), rule.expr


def breached(decision: Decision, promotion: Promotion) -> list[str]:
    """Return the metrics that were bad too often in a row and bind."""
    now = promotion.underway
    if now is None:
        return []
    return [
        rule.metric
        for rule, mode in _rules(decision, promotion)
        if mode is Mode.ENFORCE
        and rule.metric not in now.accepted
        and now.breaches.get(rule.metric, 0) >= rule.failure_limit
    ]


def words(decision: Decision, promotion: Promotion) -> list[Word]:
    """Return the last word of every metric that binds and was not accepted."""
    now = promotion.underway
    assert now is not None
    return [
        Word(rule, _last(now.analysed.get(rule.metric)))
        for rule, mode in _rules(decision, promotion)
        if mode is Mode.ENFORCE and rule.metric not in now.accepted
    ]


def _last(said: tuple[GateStatus, EventId] | None) -> GateStatus:
    """Too few samples when all is over is the same as none."""
    if said is None or said[0] is GateStatus.WAIT:
        return GateStatus.UNKNOWN
    return said[0]


def recorded(model: Model, event: AnalysisRecorded, mark: Mark) -> Model:
    """Remember the last word of each metric, and how often in a row it was bad."""
    promotion = model.promotions[event.promotion]
    now = promotion.underway
    if now is None:
        return model
    breaches, analysed = dict(now.breaches), dict(now.analysed)
    for said in event.judged:
        bad = said.status is GateStatus.FAIL
        breaches[said.gate] = breaches.get(said.gate, 0) + 1 if bad else 0
        analysed[said.gate] = (said.status, mark.id)
    now = replace(now, breaches=breaches, analysed=analysed, analysed_at=mark.at)
    if experiment.running(model, promotion) is not None:
        now = replace(now, measured=Measured(event.metrics, event.samples))
    return changed(model, replace(promotion, underway=now))
