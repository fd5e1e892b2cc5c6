"""Which gates of a promotion are open now, and what follows from that?

After every decision each waiting promotion is judged again whose version, lane or
own votes the decision changed: no rule has to remember whom it concerns.
"""

from dataclasses import dataclass
from datetime import datetime

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionReadied,
    PromotionSuperseded,
)
from rollbook.names import PromotionId, StageName, TargetName, Version
from rollbook_services.policy.document import Policy, Stage, stage_digest
from rollbook_services.policy.facts import Facts, LaneNow, LaneStatus, Registered
from rollbook_services.policy.gate import Judged, judge
from rollbook_services.policy.quorum import binding
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.state import (
    Context,
    KnownVersion,
    Lane,
    Model,
    Promotion,
)
from rollbook_services.registrar.transitions import WAITING, Input, accepts

INCUMBENT_CHANGED = "incumbent_changed"


def explain(
    model: Model, promotion: Promotion, context: Context, as_of: datetime
) -> list[Judged]:
    """Judge every gate of a promotion at an instant; records nothing."""
    stage = stage_of(context.policy, promotion.stage)
    facts = facts_of(model, promotion, context, as_of)
    return judge(stage.asked(promotion.kind), facts, as_of)


def facts_of(
    model: Model, promotion: Promotion, context: Context, as_of: datetime
) -> Facts:
    """Collect what the gates of a promotion may look at."""
    stage = stage_of(context.policy, promotion.stage)
    version = model.versions[promotion.version]
    lane = model.lane(promotion.stage)
    bound = bound_of(model, promotion, stage)
    return Facts(
        kind=promotion.kind,
        stage=promotion.stage,
        version=promotion.version,
        requester=promotion.requester,
        automatic=promotion.automatic,
        registered=Registered(
            version.registered,
            version.digest,
            version.status,
            version.producer,
            version.bar(promotion.stage),
            version.proven_in,
        ),
        lane=LaneNow(
            status_of(lane, stage),
            lane.slot.promotion if lane.slot else None,
            unreported(lane, stage),
            lane.hold,
        ),
        votes=promotion.votes,
        bound=bound,
        binding=binding(bound),
        holders=context.access.holders(as_of),
    )


def bound_of(model: Model, promotion: Promotion, stage: Stage) -> Bound:
    """Say what a vote on the promotion is about now."""
    return Bound(
        digest=promotion.digest,
        stage=promotion.stage,
        policy_digest=stage_digest(stage),
        evidence_set=tuple(sorted(model.versions[promotion.version].evidence)),
        incumbent=promotion.incumbent,
    )


def stage_of(policy: Policy, name: StageName) -> Stage:
    """Return a stage; one that left the policy guards nothing and serves nowhere."""
    return policy.stage(name) or Stage(name)


def status_of(lane: Lane, stage: Stage) -> LaneStatus:
    """Say what a lane accepts."""
    if lane.slot is not None:
        return LaneStatus.MOVING
    if lane.desired is None:
        return LaneStatus.EMPTY
    return LaneStatus.INDETERMINATE if unreported(lane, stage) else LaneStatus.SETTLED


def unreported(lane: Lane, stage: Stage) -> tuple[TargetName, ...]:
    """Return the targets that have not said what they run since the last change."""
    return tuple(
        name
        for name in stage.targets
        if lane.desired is not None and not _is_known(lane, name)
    )


def _is_known(lane: Lane, name: TargetName) -> bool:
    target = lane.targets.get(name)
    return (
        target is not None
        and target.revision == lane.revision
        and target.state != "acknowledged"
    )


@dataclass(frozen=True, slots=True)
class Incumbent:
    """What runs in a lane, for compare-and-set, and which promotion brought it."""

    version: Version | None
    promotion: PromotionId | None
    at: datetime | None


def incumbent_of(model: Model, stage: StageName) -> Incumbent:
    """Return the slot holder's version while it moves, else the newest stable one."""
    lane = model.lane(stage)
    if lane.slot is not None:
        holder = model.promotions[lane.slot.promotion]
        return Incumbent(holder.version, holder.id, lane.slot.since)
    if lane.stable:
        top = lane.stable[-1]
        return Incumbent(top.version, top.promotion, top.since)
    return Incumbent(None, None, None)


def settle(decision: Decision, before: Model) -> None:
    """End or judge again every waiting promotion that the decision touched.

    What the gates read is all immutable: it changed where it is another object.
    """
    seen = {id_: _looked_at(before, id_) for id_ in decision.model.open}
    touched = [
        id_
        for id_ in decision.model.open
        if any(
            now is not then
            for now, then in zip(
                _looked_at(decision.model, id_), seen[id_], strict=True
            )
        )
    ]
    for id_ in touched:
        reconsider(decision, id_)


def _looked_at(model: Model, id_: PromotionId) -> tuple[object, ...]:
    promotion: Promotion | None = model.promotions.get(id_)
    if promotion is None:
        return (None, None, None)
    version: KnownVersion = model.versions[promotion.version]
    return (promotion, version, model.lanes.get(promotion.stage))


def reconsider(decision: Decision, id_: PromotionId) -> list[Judged]:
    """Judge a waiting promotion now, and record what changed."""
    promotion = decision.model.promotions[id_]
    if promotion.state not in WAITING:
        return []
    if not _still_applies(decision.model, promotion):
        _supersede(decision, promotion)
        return []
    context = Context(decision.access, decision.policy)
    judged = explain(decision.model, promotion, context, decision.at)
    _record(decision, promotion, judged)
    return judged


def _still_applies(model: Model, promotion: Promotion) -> bool:
    """Compare and set; a rollback's incumbent is what it found and replaces."""
    if promotion.kind is PromotionKind.ROLLBACK:
        return True
    return incumbent_of(model, promotion.stage).version == promotion.incumbent


def _supersede(decision: Decision, promotion: Promotion) -> None:
    winner = decision.model.lane(promotion.stage).last
    assert winner is not None  # only a dispatch changes what runs in a lane
    decision.record(
        PromotionSuperseded(
            promotion=promotion.id,
            reason_code=INCUMBENT_CHANGED,
            superseded_by=winner,
        )
    )


def _record(decision: Decision, promotion: Promotion, judged: list[Judged]) -> None:
    known = promotion.gates
    for each in judged:
        result = each.result
        if known.get(result.gate) != (result.status, result.inputs):
            decision.record(GateEvaluated(promotion=promotion.id, result=result))
    closed = tuple(each.result.gate for each in judged if not each.is_open)
    if not closed and accepts(promotion.state, Input.OPENED):
        gates = tuple(each.result.gate for each in judged)
        decision.record(PromotionReadied(promotion=promotion.id, gates=gates))
    if closed and accepts(promotion.state, Input.CLOSED):
        decision.record(PromotionBlocked(promotion=promotion.id, gates=closed))
