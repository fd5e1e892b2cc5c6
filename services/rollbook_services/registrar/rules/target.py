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
from rollbook.refusals import Refusal, invalid_field, unknown_target
from rollbook.standing import digest_mismatch, stale_token
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import lane as lanes
from rollbook_services.registrar.rules import outcome, progress, underway
from rollbook_services.registrar.rules.known import stage_named
from rollbook_services.registrar.state import (
    Lane,
    Mark,
    Model,
    TargetNow,
)


def report(command: ReportTarget, decision: Decision) -> Refusal | None:
    """Record what a target does, and end the promotion that this decides.

    A report that says nothing new, or speaks of an earlier revision, changes nothing.
    """
    lane = decision.model.lane(command.report.stage)
    refusal = (
        _is_unknown(command.report, decision, lane)
        or _speaks_of_another(command.report, lane)
        or _cannot_be(command, lane)
    )
    if refusal is not None:
        return refusal
    if command.report.revision < lane.revision or _is_known(command, lane):
        return None
    event = decision.record(_event(command))
    code = command.reason_code if command.state is ReportedState.UNAPPLIED else None
    progress.look(decision, command.report.promotion, report=event, code=code)
    return None


def _is_unknown(said: Report, decision: Decision, lane: Lane) -> Refusal | None:
    """Hear also those whom the present change is about and a later policy left out."""
    told = progress.asked(lane)
    if said.target in told:
        return None
    stage = stage_named(decision, said.stage)
    if isinstance(stage, Refusal):
        return stage
    if said.target in stage.targets:
        return None
    known = tuple(dict.fromkeys((*stage.targets, *told)))
    return unknown_target(said.target, stage.name, known)


def _speaks_of_another(said: Report, lane: Lane) -> Refusal | None:
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


def acknowledged(model: Model, event: TargetAcknowledged, mark: Mark) -> Model:
    """An agent has begun."""
    model = underway.begun(model, event.report.promotion)
    return _told(model, event.report, "acknowledged", None)


def applied(model: Model, event: TargetApplied, mark: Mark) -> Model:
    """A target runs it; who applies has also begun."""
    model = underway.begun(model, event.report.promotion)
    return _told(model, event.report, progress.APPLIED, None)


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
