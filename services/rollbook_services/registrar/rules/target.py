"""What does an agent's report change?"""

from dataclasses import replace

from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.target import (
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.names import EventId, TargetName
from rollbook.refusals import Refusal, invalid_field, unknown_target
from rollbook.standing import digest_mismatch, stale_token
from rollbook_services.policy.document import Stage
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import lane as lanes
from rollbook_services.registrar.rules import outcome
from rollbook_services.registrar.rules.kept import moved
from rollbook_services.registrar.rules.known import stage_named
from rollbook_services.registrar.state import Lane, Mark, Model, TargetNow
from rollbook_services.registrar.transitions import RUNNING, Input

APPLIED = "applied"


def report(command: ReportTarget, decision: Decision) -> Refusal | None:
    """Record what a target does, and end the promotion that this decides.

    A report that says nothing new, or speaks of an earlier revision, changes nothing.
    """
    stage = stage_named(decision, command.report.stage)
    if isinstance(stage, Refusal):
        return stage
    lane = decision.model.lane(stage.name)
    refusal = _speaks_of_another(command.report, stage, lane) or _cannot_be(
        command, lane
    )
    if refusal is not None:
        return refusal
    if command.report.revision < lane.revision or _is_known(command, lane):
        return None
    _conclude(command, decision, stage, decision.record(_event(command)))
    return None


def _speaks_of_another(said: Report, stage: Stage, lane: Lane) -> Refusal | None:
    if said.target not in stage.targets:
        return unknown_target(said.target, stage.name, stage.targets)
    desired = lane.desired
    is_present = (
        desired is not None
        and said.token == lane.token
        and said.revision <= lane.revision
        and said.promotion == desired.promotion
    )
    if is_present:
        return None
    current = (lane.token, lane.revision)
    return stale_token(token=said.token, revision=said.revision, current=current)


def _cannot_be(command: ReportTarget, lane: Lane) -> Refusal | None:
    if command.state is ReportedState.UNAPPLIED:
        if command.reason_code is None:
            return invalid_field("reason_code", "say why it is not applied")
        return None
    if command.state is ReportedState.APPLIED and lane.desired is not None:
        return _runs_other_bytes(command.report, lane.desired)
    return None


def _runs_other_bytes(said: Report, desired: DesiredSet) -> Refusal | None:
    """Only observed digests count: to have applied means to run what was desired."""
    for variant in desired.targets.get(said.target, {}):
        wanted, runs = desired.variants[variant].digest, said.observed.get(variant)
        if runs != wanted:
            return digest_mismatch(
                expected=wanted, actual=runs or next(iter(said.observed.values()), None)
            )
    return None


def _is_known(command: ReportTarget, lane: Lane) -> bool:
    said, now = command.report, lane.targets.get(command.report.target)
    if now is None or (now.token, now.revision) != (said.token, said.revision):
        return False
    if now.agent == said.agent and said.seq <= now.seq:
        return True
    if command.state is ReportedState.ACKNOWLEDGED:
        return True  # it begins once more with what it has reported on already
    told = (_word(command), command.reason_code, dict(said.observed))
    return told == (now.state, now.reason_code, dict(now.observed))


def _word(command: ReportTarget) -> str:
    if command.state is not ReportedState.UNAPPLIED:
        return command.state.value
    is_failed = command.reason_code in outcome.FAULTS_OF_THE_VERSION
    return "failed" if is_failed else "errored"


def _event(
    command: ReportTarget,
) -> TargetAcknowledged | TargetApplied | TargetFailed | TargetErrored:
    match command.state:
        case ReportedState.ACKNOWLEDGED:
            return TargetAcknowledged(report=command.report)
        case ReportedState.APPLIED:
            return TargetApplied(report=command.report)
        case ReportedState.UNAPPLIED:
            is_failed = _word(command) == "failed"
            kind = TargetFailed if is_failed else TargetErrored
            return kind(
                report=command.report,
                reason_code=command.reason_code or "unknown",
                log_uri=command.log_uri,
            )


def _conclude(
    command: ReportTarget, decision: Decision, stage: Stage, event: EventId
) -> None:
    """End the promotion that holds the slot, if this report settles it."""
    promotion = decision.model.promotions[command.report.promotion]
    if promotion.state not in RUNNING:
        return  # late: the report is about the lane only
    if command.state is ReportedState.UNAPPLIED:
        code = command.reason_code or "unknown"
        outcome.fail(decision, promotion, code, (event,))
        return
    lane = decision.model.lane(stage.name)
    if all(_has_applied(lane, target) for target in stage.targets):
        outcome.succeed(decision, promotion)


def _has_applied(lane: Lane, target: TargetName) -> bool:
    now = lane.targets.get(target)
    return now is not None and (now.state, now.revision) == (APPLIED, lane.revision)


def acknowledged(model: Model, event: TargetAcknowledged, mark: Mark) -> Model:
    """An agent has begun."""
    model = moved(model, event.report.promotion, Input.ACKNOWLEDGE)
    return _told(model, event.report, "acknowledged", None)


def applied(model: Model, event: TargetApplied, mark: Mark) -> Model:
    """A target runs it; who applies has also begun."""
    model = moved(model, event.report.promotion, Input.ACKNOWLEDGE)
    return _told(model, event.report, APPLIED, None)


def failed(model: Model, event: TargetFailed, mark: Mark) -> Model:
    """A target says the version is at fault."""
    return _told(model, event.report, "failed", event.reason_code)


def errored(model: Model, event: TargetErrored, mark: Mark) -> Model:
    """A target says the platform is at fault."""
    return _told(model, event.report, "errored", event.reason_code)


def _told(model: Model, said: Report, state: str, code: str | None) -> Model:
    now = TargetNow(
        state=state,
        agent=said.agent,
        seq=said.seq,
        revision=said.revision,
        token=said.token,
        observed=said.observed,
        reason_code=code,
    )
    lane = model.lane(said.stage)
    lane = replace(lane, targets={**lane.targets, said.target: now})
    return lanes.changed(model, said.stage, lane)
