"""What does an agent's report change?"""

from typing import assert_never

from rollbook.catalogue.target import (
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.refusals import Refusal, invalid_field, unknown_target
from rollbook.standing import stale_token, wrong_target
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import drift, outcome, progress, underway
from rollbook_services.registrar.rules.known import stage_named
from rollbook_services.registrar.rules.speaking import is_own, told
from rollbook_services.registrar.state import Lane, Mark, Model


def report(command: ReportTarget, decision: Decision) -> Refusal | None:
    """Record what a target does, and end the promotion that this decides.

    A report that says nothing new, or speaks of an earlier revision, changes nothing.
    """
    said, lane = command.report, decision.model.lane(command.report.stage)
    refusal = (
        _is_anothers(said, decision)
        or _is_unknown(said, decision, lane)
        or _speaks_of_another(said, lane)
    )
    if refusal is not None:
        return refusal
    if said.revision < lane.revision:
        return None
    refusal = _cannot_be(command, lane)
    if refusal is None and not _is_known(command, lane):
        _hear(command, decision)
    return refusal


def _hear(command: ReportTarget, decision: Decision) -> None:
    said = command.report
    match command.state:
        case ReportedState.DRIFTED:
            drift.detect(said, decision)
        case ReportedState.CONVERGED:
            drift.correct(said, decision)
        case ReportedState.ACKNOWLEDGED:
            _go_on(command, decision, TargetAcknowledged(report=said))
        case ReportedState.UNAPPLIED:
            _go_on(command, decision, _unapplied(command))
        case ReportedState.APPLIED:
            _go_on(command, decision, TargetApplied(report=said))
            drift.correct(said, decision)
        case _:
            assert_never(command.state)


def _go_on(
    command: ReportTarget,
    decision: Decision,
    event: TargetAcknowledged | TargetApplied | TargetFailed | TargetErrored,
) -> None:
    """Let the change that it is about end, or go on."""
    id_ = decision.record(event)
    code = command.reason_code if command.state is ReportedState.UNAPPLIED else None
    progress.look(decision, command.report.promotion, report=id_, code=code)


def _is_anothers(said: Report, decision: Decision) -> Refusal | None:
    """Refuse an agent whose target this is, but in another stage."""
    if is_own(decision, said.stage):
        return None
    actor = decision.actor
    own = (actor.credential.get("stage"), actor.credential.get("target"))
    return wrong_target(
        actor.id,
        reported=f"{said.stage}/{said.target}",
        bound="/".join(filter(None, own)),
    )


def _is_unknown(said: Report, decision: Decision, lane: Lane) -> Refusal | None:
    """Hear also those whom the present change is about and a later policy left out."""
    asked = progress.asked(lane)
    if said.target in asked:
        return None
    stage = stage_named(decision, said.stage)
    if isinstance(stage, Refusal):
        return stage
    if said.target in stage.targets:
        return None
    known = tuple(dict.fromkeys((*stage.targets, *asked)))
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
    said, desired = command.report, lane.desired
    if command.state is ReportedState.UNAPPLIED and command.reason_code is None:
        return invalid_field("reason_code", "say why it is not applied")
    if desired is None or said.target not in desired.targets:
        return None
    match command.state:
        case ReportedState.APPLIED:
            return drift.other_bytes(said, desired)
        case ReportedState.CONVERGED:
            return drift.other_than_desired(said, desired)
        case ReportedState.DRIFTED:
            return drift.just_as_desired(said, desired)
        case _:
            return None


def _is_known(command: ReportTarget, lane: Lane) -> bool:
    said, now = command.report, lane.targets.get(command.report.target)
    if now is None or (now.token, now.revision) != (said.token, said.revision):
        return False
    if now.agent == said.agent and said.seq <= now.seq:
        return True
    if command.state is ReportedState.ACKNOWLEDGED:
        return True  # it begins once more with what it has reported on already
    says = (_word(command), command.reason_code, dict(said.observed))
    return says == (now.state, now.reason_code, dict(now.observed))


def _word(command: ReportTarget) -> str:
    if command.state is not ReportedState.UNAPPLIED:
        return command.state.value
    is_failed = command.reason_code in outcome.FAULTS_OF_THE_VERSION
    return "failed" if is_failed else "errored"


def _unapplied(command: ReportTarget) -> TargetFailed | TargetErrored:
    kind = TargetFailed if _word(command) == "failed" else TargetErrored
    return kind(
        report=command.report,
        reason_code=command.reason_code or "unknown",
        log_uri=command.log_uri,
    )


def acknowledged(model: Model, event: TargetAcknowledged, mark: Mark) -> Model:
    """An agent has begun."""
    model = underway.begun(model, event.report.promotion)
    return told(model, event.report, "acknowledged")


def applied(model: Model, event: TargetApplied, mark: Mark) -> Model:
    """A target runs it; who applies has also begun."""
    model = underway.begun(model, event.report.promotion)
    return told(model, event.report, progress.APPLIED)


def failed(model: Model, event: TargetFailed, mark: Mark) -> Model:
    """A target says the version is at fault."""
    return told(model, event.report, "failed", event.reason_code)


def errored(model: Model, event: TargetErrored, mark: Mark) -> Model:
    """A target says the platform is at fault."""
    return told(model, event.report, "errored", event.reason_code)
