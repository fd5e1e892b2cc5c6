"""Where does a rollback go, and what does it push aside?"""

from dataclasses import dataclass

from rollbook.catalogue.lane import LaneHeld
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionRequested,
    RollbackTriggered,
    Skipped,
)
from rollbook.commands.promotion import RequestRollback
from rollbook.envelope import ActorKind
from rollbook.names import EventId, PromotionId, Reason, StageName, Version
from rollbook.refusals import Refusal, invalid_field
from rollbook.standing import (
    already_there,
    duplicate_request,
    never_succeeded_there,
    nothing_to_roll_back_to,
    slot_taken,
    version_quarantined,
    version_retired,
)
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import dispatch, outcome
from rollbook_services.registrar.rules.known import stage_named, version_named
from rollbook_services.registrar.rules.request import next_id, waiting_for
from rollbook_services.registrar.seeing import incumbent_of, parent_of, stage_of
from rollbook_services.registrar.state import (
    Lane,
    Model,
    Promotion,
)
from rollbook_services.registrar.transitions import PromotionState

PREEMPTED = "preempted"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rollback goes, and whom it walks past on the way."""

    version: Version
    walked_over: tuple[Skipped, ...] = ()


def request(command: RequestRollback, decision: Decision) -> Refusal | None:
    """Go back at once: request, hold and dispatch are one decision.

    The hold comes with the request: placed at success, automation could slip in
    before. A change under way makes way; another rollback does not.
    """
    stage = stage_named(decision, command.stage)
    if isinstance(stage, Refusal):
        return stage
    parent = parent_of(stage)
    if parent is not None:
        return _replaces_nothing(decision.model, stage, parent)
    holder = _holder(decision.model, command.stage)
    slot = decision.model.lane(command.stage).slot
    if slot and holder and holder.kind is PromotionKind.ROLLBACK:
        return slot_taken(command.stage, slot.promotion, since=slot.since)
    target = _target(command, decision)
    if isinstance(target, Refusal):
        return target
    waits = _is_asked(decision, command.stage, target)
    if waits is not None and holder is None:
        return duplicate_request(decision.model.name, waits)
    is_automatic = decision.actor.kind is ActorKind.SYSTEM
    requested = _requested(command, decision, target, is_automatic=is_automatic)
    decision.record(requested)
    _hold(command, decision, requested)
    if holder is not None:
        by = requested.promotion
        outcome.abort(decision, holder, PREEMPTED, by_promotion=by)
    _start(decision, requested)
    return None


def _replaces_nothing(model: Model, stage: Stage, parent: StageName) -> Refusal:
    slot = model.lane(stage.name).slot
    end = ""
    if slot is not None:
        end = f"; `rollbook abort {model.name}:{slot.promotion}` ends what runs there"
    return invalid_field(
        "stage",
        f"what runs in {stage.name} runs beside {parent} and replaced nothing that "
        f"could come back{end}; to go back in {parent} name that one",
    )


def take_back(
    decision: Decision, failed: Promotion, code: str, inputs: tuple[EventId, ...]
) -> None:
    """Go back by rule after a failure: the policy asks, nobody has to be awake.

    Never of a rollback, never over a hold, and only where there is somewhere to go.
    """
    word = "failed" if code in outcome.FAULTS_OF_THE_VERSION else "errored"
    if not _is_wanted(decision, failed, word):
        return
    command = RequestRollback(
        model=decision.model.name,
        stage=failed.stage,
        reason=Reason(f"promotion {failed.id} {word}: {code}"[:500]),
    )
    target = _target(command, decision)
    if isinstance(target, Refusal):
        return
    if _is_asked(decision, failed.stage, target) is not None:
        return  # it waits for its gates already
    requested = _requested(command, decision, target, is_automatic=True)
    decision.record(requested)
    decision.record(
        RollbackTriggered(
            promotion=requested.promotion,
            failed_promotion=failed.id,
            reason_code=code,
            inputs=inputs,
            to=target.version,
        )
    )
    _hold(command, decision, requested)
    _start(decision, requested)


def _is_wanted(decision: Decision, failed: Promotion, word: str) -> bool:
    hold = decision.model.lane(failed.stage).hold
    if failed.kind is PromotionKind.ROLLBACK or failed.bundle is not None:
        return False
    if hold is not None and hold.holds(decision.at):
        return False
    stage = stage_of(decision.policy, failed.stage)
    return parent_of(stage) is None and word in stage.rollback.when


def _start(decision: Decision, requested: PromotionRequested) -> None:
    """Dispatch it in the same decision: it waits for neither conductor nor queue."""
    judged = judging.reconsider(decision, requested.promotion)
    promotion = decision.model.promotions[requested.promotion]
    if promotion.state is PromotionState.READY:
        dispatch.start(decision, promotion.id, judged)


def _is_asked(
    decision: Decision, stage: StageName, target: Target
) -> PromotionId | None:
    kind = PromotionKind.ROLLBACK
    return waiting_for(decision.model, stage, target.version, kind)


def _holder(model: Model, stage: StageName) -> Promotion | None:
    slot = model.lane(stage).slot
    return model.promotions[slot.promotion] if slot else None


def _target(command: RequestRollback, decision: Decision) -> Target | Refusal:
    if command.to is not None:
        refusal = _cannot_go(command.to, command.stage, decision)
        return refusal or Target(command.to)
    skipped: list[Skipped] = []
    model = decision.model
    for number in _candidates(model, model.lane(command.stage)):
        why = _skip(model, number, command.stage)
        if why is None:
            return Target(number, tuple(skipped))
        skipped.append(Skipped(version=number, why=why))
    tried = [(each.version, each.why) for each in skipped]
    return nothing_to_roll_back_to(command.stage, tried)


def _cannot_go(number: Version, stage: StageName, decision: Decision) -> Refusal | None:
    """Judge a version that the request names itself."""
    known = version_named(decision, number)
    if isinstance(known, Refusal):
        return known
    model = decision.model
    if stage not in known.succeeded_in:
        seen = [at for at, each in model.versions.items() if stage in each.succeeded_in]
        return never_succeeded_there(number, stage, seen)
    if _runs_safely(model, stage, number):
        return already_there(model.name, number, stage)
    if known.status is VersionStatus.RETIRED:
        return version_retired(number)
    bar = known.bar(stage)
    if bar is not None:
        return version_quarantined(number, stage, by=bar.by, reason=bar.reason)
    return None


def _runs_safely(model: Model, stage: StageName, number: Version) -> bool:
    lane = model.lane(stage)
    last = model.promotions[lane.last] if lane.last else None
    return (
        last is not None
        and last.state is PromotionState.SUCCEEDED
        and last.version == number
    )


def _candidates(model: Model, lane: Lane) -> list[Version]:
    """Walk the stack of stable versions back from where the lane was left."""
    walk = [entry.version for entry in reversed(lane.stable)]
    if lane.last is None:
        return []
    last = model.promotions[lane.last]
    if last.state is PromotionState.SUCCEEDED:
        return walk[1:]
    if last.kind is not PromotionKind.ROLLBACK:
        return walk  # failed or half done: back to what proved itself last
    if last.version not in walk:
        again = last.state is not PromotionState.FAILED
        return [last.version, *walk[1:]] if again else walk[1:]
    at = walk.index(last.version)
    return walk[at + 1 :] if last.state is PromotionState.FAILED else walk[at:]


def _skip(model: Model, number: Version, stage: StageName) -> str | None:
    known = model.versions[number]
    if known.status is VersionStatus.RETIRED:
        return "retired"
    bar = known.bar(stage)
    return f"quarantined: {bar.reason}"[:200] if bar else None


def _requested(
    command: RequestRollback,
    decision: Decision,
    target: Target,
    *,
    is_automatic: bool,
) -> PromotionRequested:
    model, stage = decision.model, command.stage
    rules = stage_of(decision.policy, stage)
    return PromotionRequested(
        promotion=next_id(model),
        kind=PromotionKind.ROLLBACK,
        stage=stage,
        version=target.version,
        digest=model.versions[target.version].digest,
        incumbent=incumbent_of(model, stage).version,
        automatic=is_automatic,
        policy=decision.policy.name,
        policy_digest=rules.digest,
        expires_at=decision.at + rules.expires_after,
        retry_of=None,
        walked_over=target.walked_over,
        reason=command.reason,
        incident=command.incident,
        bundle=None,
    )


def _hold(
    command: RequestRollback, decision: Decision, requested: PromotionRequested
) -> None:
    hold = decision.model.lane(command.stage).hold
    if hold is not None and hold.holds(decision.at):
        return
    decision.record(
        LaneHeld(
            stage=command.stage,
            by_promotion=requested.promotion,
            until=None,
            reason=command.reason,
        )
    )
