"""When does a target run something else than is desired, and who lets that be?

Only while nothing is under way: a change tells every target anew what to run, and
with it all that had drifted is forgotten.
"""

from dataclasses import replace

from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
    Report,
)
from rollbook.commands.target import AcceptDrift
from rollbook.fleet import already_accepted, no_drift
from rollbook.names import Digest, TargetName
from rollbook.refusals import Refusal, invalid_field, unknown_target
from rollbook.standing import digest_mismatch
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import stage_named
from rollbook_services.registrar.rules.lane import changed
from rollbook_services.registrar.rules.speaking import told
from rollbook_services.registrar.state import Drift, Lane, Mark, Model

DRIFTED = "drifted"
APPLIED = "applied"


def wanted(desired: DesiredSet, target: TargetName) -> dict[str, Digest]:
    """Return what a target should run, by variant; none: it should serve nothing."""
    return {
        name: desired.variants[name].digest
        for name, weight in desired.targets.get(target, {}).items()
        if weight
    }


def other_bytes(said: Report, desired: DesiredSet) -> Refusal | None:
    """Refuse what runs instead: only observed digests count."""
    for name, digest in wanted(desired, said.target).items():
        runs = said.observed.get(name)
        if runs != digest:
            instead = runs or next(iter(said.observed.values()), None)
            return digest_mismatch(expected=digest, actual=instead)
    return None


def other_than_desired(said: Report, desired: DesiredSet) -> Refusal | None:
    """Refuse to call converged what runs other bytes, or more than is desired."""
    more = sorted(set(said.observed).difference(wanted(desired, said.target)))
    if not more:
        return other_bytes(said, desired)
    remedy = f"{', '.join(more)} runs besides what is desired: report it as `drifted`"
    return invalid_field("report.observed", remedy)


def just_as_desired(said: Report, desired: DesiredSet) -> Refusal | None:
    """Refuse to call a drift what is desired."""
    if said.observed != wanted(desired, said.target):
        return None
    remedy = "this is what is desired there: report it as `converged`, or `applied`"
    return invalid_field("report.observed", remedy)


def detect(said: Report, decision: Decision) -> None:
    """Record what a target runs instead, once as long as it stays the same."""
    lane = decision.model.lane(said.stage)
    desired, now = lane.desired, lane.targets.get(said.target)
    if lane.slot is not None or desired is None or said.target not in desired.targets:
        return
    is_known = now is not None and now.observed == said.observed
    if said.target in lane.drifts and is_known:
        return
    has_begun = now is not None and now.revision == lane.revision
    if said.target in lane.drained and not has_begun:
        return  # no change waits for it: it keeps what it serves on purpose
    decision.record(DriftDetected(report=said, policy=desired.drift))


def correct(said: Report, decision: Decision) -> None:
    """Record that what had drifted runs as desired."""
    known = decision.model.lane(said.stage).drifts.get(said.target)
    if known is not None:
        decision.record(DriftCorrected(report=said, drift=known.id))


def accept(command: AcceptDrift, decision: Decision) -> Refusal | None:
    """Let the lane move on in spite of a drift that is known."""
    lane = decision.model.lane(command.stage)
    known = lane.drifts.get(command.target)
    if known is None:
        return _not_there(command, decision, lane)
    if known.accepted:
        return already_accepted(command.target, drift=known.id)
    decision.record(
        DriftAccepted(
            stage=command.stage,
            target=command.target,
            drift=known.id,
            reason=command.reason,
        )
    )
    return None


def _not_there(command: AcceptDrift, decision: Decision, lane: Lane) -> Refusal:
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    told = lane.desired.targets if lane.desired else ()
    known = tuple(dict.fromkeys((*stage.targets, *told)))
    if command.target not in known:
        return unknown_target(command.target, command.stage, known)
    return no_drift(command.stage, command.target, sorted(lane.drifts))


def detected(model: Model, event: DriftDetected, mark: Mark) -> Model:
    """Remember a drift under its event's id; another one was not accepted."""
    said = event.report
    found = Drift(mark.id, event.policy, mark.at)
    return _with(told(model, said, DRIFTED), said, found)


def corrected(model: Model, event: DriftCorrected, mark: Mark) -> Model:
    """Forget the drift: the target runs what is desired."""
    return _with(told(model, event.report, APPLIED), event.report, None)


def _with(model: Model, said: Report, drift: Drift | None) -> Model:
    lane = model.lane(said.stage)
    left = {name: each for name, each in lane.drifts.items() if name != said.target}
    if drift is not None:
        left[said.target] = drift
    return changed(model, said.stage, replace(lane, drifts=left))


def accepted(model: Model, event: DriftAccepted, mark: Mark) -> Model:
    """Remember that it keeps nothing back."""
    lane = model.lane(event.stage)
    known = replace(lane.drifts[event.target], accepted=True)
    lane = replace(lane, drifts={**lane.drifts, event.target: known})
    return changed(model, event.stage, lane)
