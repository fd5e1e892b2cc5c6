"""When does a promotion get the slot, and what should run from then on?"""

from dataclasses import replace

from rollbook.catalogue.lane import DesiredSet, SlotTaken
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    Deadlines,
    Engine,
    PromotionDispatched,
    StepStarted,
    Voter,
)
from rollbook.catalogue.rollout import Rollout
from rollbook.commands.promotion import DispatchPromotion
from rollbook.names import PromotionId, Version
from rollbook.refusals import Refusal
from rollbook.standing import already_dispatched, not_open, not_ready, slot_taken
from rollbook.underway import bundle_member
from rollbook_services.policy import expression, window
from rollbook_services.policy.gate import Judged
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import experiment, outcome, rollout
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.rules.lane import changed as lane_changed
from rollbook_services.registrar.rules.version import changed as version_changed
from rollbook_services.registrar.seeing import explain, facts_of, stage_of
from rollbook_services.registrar.state import (
    RULES_VERSION,
    KnownVersion,
    Mark,
    Model,
    Promotion,
    Stable,
    Underway,
)
from rollbook_services.registrar.transitions import (
    RUNNING,
    WAITING,
    Input,
    PromotionState,
    accepts,
    after,
)

OPEN = (GateStatus.PASS, GateStatus.WAIVED)
MOST_DISPATCHES = 100  # the longest memory a rate may ask for


def dispatch(command: DispatchPromotion, decision: Decision) -> Refusal | None:
    """Take the slot if every gate is open at this very moment; else block it again."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if promotion.bundle is not None:
        return bundle_member(promotion.id, promotion.bundle)
    if not accepts(promotion.state, Input.DISPATCH):
        return _refused(promotion, decision)
    judged = judging.reconsider(decision, promotion.id)
    if decision.model.promotions[promotion.id].state is PromotionState.READY:
        start(decision, promotion.id, judged)
    return None


def _refused(promotion: Promotion, decision: Decision) -> Refusal:
    if promotion.state in RUNNING:
        return already_dispatched(promotion.id, promotion.state)
    if promotion.state not in WAITING:
        return not_open(promotion.id, promotion.state)
    slot = decision.model.lane(promotion.stage).slot
    if slot is not None:
        return slot_taken(promotion.stage, slot.promotion, since=slot.since)
    judged = explain(decision.model, promotion, decision.context, decision.at)
    closed = [each.result.gate for each in judged if not each.is_open]
    waited = [gate for gate, said in promotion.gates.items() if said[0] not in OPEN]
    return not_ready(promotion.id, closed or waited)


def start(decision: Decision, id_: PromotionId, judged: list[Judged]) -> None:
    """Record the snapshot that decided, take the slot, say what should run."""
    promotion = decision.model.promotions[id_]
    stage = stage_of(decision.policy, promotion.stage)
    token = decision.model.lane(stage.name).token + 1
    there = rollout.targets(decision.policy, stage)
    plan = None
    if there:
        drained = decision.context.drained
        plan = rollout.plan(decision.policy, stage, promotion.kind, drained)
    decision.record(_dispatched(decision, promotion, judged, token, plan))
    taken = SlotTaken(stage=stage.name, promotion=id_, token=token)
    outcome.parent_moved(decision, promotion, decision.record(taken))
    if plan is None:
        decision.record(_nothing(decision.model, promotion, stage, token))
        outcome.succeed(decision, decision.model.promotions[id_])
    else:
        begin(decision, decision.model.promotions[id_], rollout.FIRST)
        experiment.begin(decision, promotion, stage)


def begin(decision: Decision, promotion: Promotion, place: rollout.Place) -> None:
    """Say what should run from this step on, and until when it has to."""
    now, stage = promotion.underway, stage_of(decision.policy, promotion.stage)
    assert now is not None
    assert now.rollout is not None
    token = decision.model.lane(stage.name).token
    step = now.rollout.steps[place.step]
    if step.pause is None:
        desired = rollout.desired(
            decision.model, promotion, stage, now.rollout, place, token=token
        )
        decision.record(desired)
    decision.record(
        StepStarted(
            promotion=promotion.id,
            wave=place.wave,
            step=place.step,
            weight=step.weight,
            targets=now.rollout.waves[place.wave].targets,
            step_by=None if step.pause else decision.at + stage.deadlines.step,
        )
    )


def _nothing(
    model: Model, promotion: Promotion, stage: Stage, token: int
) -> DesiredSet:
    """Say that the stage only keeps the record."""
    return rollout.desired(
        model,
        promotion,
        stage,
        Rollout(waves=(), steps=(), split_key=None, measures=(), drained=()),
        rollout.FIRST,
        token=token,
    )


def _dispatched(
    decision: Decision,
    promotion: Promotion,
    judged: list[Judged],
    token: int,
    plan: Rollout | None,
) -> PromotionDispatched:
    stage = stage_of(decision.policy, promotion.stage)
    results = tuple(each.result for each in judged)
    warned = [each for each in results if each.mode == Mode.WARN]
    return PromotionDispatched(
        promotion=promotion.id,
        stage=promotion.stage,
        version=promotion.version,
        token=token,
        gates=results,
        voters=_voters(decision, promotion, stage),
        engine=_engine(stage),
        warnings=tuple(each.gate for each in warned if each.status not in OPEN),
        policy_digest=stage.digest,
        seen=decision.context.seen,
        deadlines=None if plan is None else _deadlines(decision, stage),
        wake_at=stage.closes_at(decision.at) if _minds_windows(promotion) else None,
        rollout=plan,
    )


def _engine(stage: Stage) -> Engine:
    """Name what was asked besides the rules: only that can answer otherwise later."""
    asks = any(each.kind == "evidence" or each.when for each in stage.gates)
    return Engine(
        rules=RULES_VERSION,
        cel=expression.ENGINE if asks else None,
        tzdata=window.TZDATA if stage.windows else None,
    )


def _deadlines(decision: Decision, stage: Stage) -> Deadlines:
    return Deadlines(
        acknowledge_by=decision.at + stage.deadlines.ack,
        step_by=decision.at + stage.deadlines.step,
        end_by=decision.at + max(stage.deadlines.total, experiment.lasts(stage)),
    )


def _minds_windows(promotion: Promotion) -> bool:
    return promotion.kind is not PromotionKind.ROLLBACK


def _voters(
    decision: Decision, promotion: Promotion, stage: Stage
) -> tuple[Voter, ...]:
    facts = facts_of(decision.model, promotion, decision.context, decision.at)
    return tuple(
        Voter(approval=vote.id, who=vote.who, gate=gate.id)
        for gate in stage.asked(promotion.kind)
        if isinstance(gate, Approvals)
        for _, vote in sorted(gate.filled(facts, decision.at).items())
    )


def dispatched(model: Model, event: PromotionDispatched, mark: Mark) -> Model:
    """Remember who moves the lane; what a rollback leaves behind is proved no more."""
    promotion = model.promotions[event.promotion]
    promotion = replace(
        promotion,
        state=after(promotion.state, Input.DISPATCH),
        token=event.token,
        underway=Underway(
            deadlines=event.deadlines, step_since=mark.at, rollout=event.rollout
        ),
    )
    lane = model.lane(event.stage)
    drained = event.rollout.drained if event.rollout else ()
    model = lane_changed(model, event.stage, replace(lane, drained=drained))
    model = changed(model, promotion)
    if promotion.kind is not PromotionKind.ROLLBACK:
        return _counted(model, promotion, mark)
    for entry in _rolled_off(model.lane(event.stage).stable, event.version):
        known: KnownVersion = model.versions[entry.version]
        known = outcome.unproven(known, event.stage)
        model = version_changed(model, entry.version, known)
    return model


def _counted(model: Model, promotion: Promotion, mark: Mark) -> Model:
    """Remember when it went: a rate counts forward promotions alone."""
    if promotion.kind is not PromotionKind.FORWARD:
        return model
    lane = model.lane(promotion.stage)
    times = (*lane.dispatched_at, mark.at)[-MOST_DISPATCHES:]
    return lane_changed(model, promotion.stage, replace(lane, dispatched_at=times))


def _rolled_off(stack: tuple[Stable, ...], target: Version) -> tuple[Stable, ...]:
    numbers = [entry.version for entry in stack]
    if target in numbers:
        return stack[numbers.index(target) + 1 :]
    return stack[-1:]
