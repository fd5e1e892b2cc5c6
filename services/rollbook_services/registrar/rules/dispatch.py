"""When does a promotion get the slot, and what should run from then on?"""

from dataclasses import replace

from rollbook.catalogue.lane import DesiredSet, SlotTaken, Variant
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import Engine, PromotionDispatched, Voter
from rollbook.commands.promotion import DispatchPromotion
from rollbook.names import PromotionId, Version
from rollbook.refusals import Refusal
from rollbook.standing import already_dispatched, not_open, not_ready, slot_taken
from rollbook_services.policy.document import Stage
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Judged
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import outcome
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.rules.version import changed as version_changed
from rollbook_services.registrar.state import (
    RULES_VERSION,
    Context,
    KnownVersion,
    Mark,
    Model,
    Promotion,
    Stable,
)
from rollbook_services.registrar.transitions import (
    RUNNING,
    WAITING,
    Input,
    PromotionState,
    accepts,
    after,
)

STABLE = "stable"
WHOLE = 100


def dispatch(command: DispatchPromotion, decision: Decision) -> Refusal | None:
    """Take the slot if every gate is open at this very moment; else block it again."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    if not accepts(promotion.state, Input.DISPATCH):
        return _refused(promotion, decision.model)
    judged = judging.reconsider(decision, promotion.id)
    if decision.model.promotions[promotion.id].state is PromotionState.READY:
        start(decision, promotion.id, judged)
    return None


def _refused(promotion: Promotion, model: Model) -> Refusal:
    if promotion.state in RUNNING:
        return already_dispatched(promotion.id, promotion.state)
    if promotion.state not in WAITING:
        return not_open(promotion.id, promotion.state)
    slot = model.lane(promotion.stage).slot
    if slot is not None:
        return slot_taken(promotion.stage, slot.promotion, since=slot.since)
    closed = [gate for gate, (word, _) in promotion.gates.items() if word != "pass"]
    return not_ready(promotion.id, closed)


def start(decision: Decision, id_: PromotionId, judged: list[Judged]) -> None:
    """Record the snapshot that decided, take the slot, say what should run."""
    promotion = decision.model.promotions[id_]
    lane = decision.model.lane(promotion.stage)
    stage = judging.stage_of(decision.policy, promotion.stage)
    token = lane.token + 1
    decision.record(
        PromotionDispatched(
            promotion=id_,
            stage=promotion.stage,
            version=promotion.version,
            token=token,
            gates=tuple(each.result for each in judged),
            voters=_voters(decision, promotion, stage),
            engine=Engine(rules=RULES_VERSION),
        )
    )
    decision.record(SlotTaken(stage=promotion.stage, promotion=id_, token=token))
    decision.record(_desired(decision.model, promotion, stage, token))
    if not stage.targets:
        outcome.succeed(decision, decision.model.promotions[id_])


def _voters(
    decision: Decision, promotion: Promotion, stage: Stage
) -> tuple[Voter, ...]:
    if promotion.kind is PromotionKind.ROLLBACK:
        return ()
    context = Context(decision.access, decision.policy)
    facts: Facts = judging.facts_of(decision.model, promotion, context, decision.at)
    return tuple(
        Voter(approval=vote.id, who=vote.who, gate=gate.id)
        for gate in stage.approvals()
        for _, vote in sorted(gate.filled(facts, decision.at).items())
    )


def _desired(
    model: Model, promotion: Promotion, stage: Stage, token: int
) -> DesiredSet:
    lane = model.lane(stage.name)
    top = lane.stable[-1].version if lane.stable else None
    previous = None if top in (None, promotion.version) else _variant(model, top)
    return DesiredSet(
        stage=stage.name,
        revision=lane.revision + 1,
        token=token,
        promotion=promotion.id,
        kind=promotion.kind,
        variants={STABLE: _variant(model, promotion.version)},
        targets={target: {STABLE: WHOLE} for target in stage.targets},
        previous=previous,
    )


def _variant(model: Model, number: Version) -> Variant:
    known = model.versions[number]
    return Variant(
        version=number,
        digest=known.digest,
        size_bytes=known.size_bytes,
        uri=known.uri,
    )


def dispatched(model: Model, event: PromotionDispatched, mark: Mark) -> Model:
    """Remember who moves the lane; what a rollback leaves behind is proved no more."""
    promotion = model.promotions[event.promotion]
    state = after(promotion.state, Input.DISPATCH)
    model = changed(model, replace(promotion, state=state, token=event.token))
    if promotion.kind is not PromotionKind.ROLLBACK:
        return model
    for entry in _rolled_off(model.lane(event.stage).stable, event.version):
        known: KnownVersion = model.versions[entry.version]
        known = outcome.unproven(known, event.stage)
        model = version_changed(model, entry.version, known)
    return model


def _rolled_off(stack: tuple[Stable, ...], target: Version) -> tuple[Stable, ...]:
    numbers = [entry.version for entry in stack]
    if target in numbers:
        return stack[numbers.index(target) + 1 :]
    return stack[-1:]
