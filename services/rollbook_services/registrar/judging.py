"""Which gates of a promotion are open now, and what follows from that?

After every decision each waiting promotion is judged again whose version, lanes,
waivers or votes the decision changed: no rule has to remember whom it concerns.
"""

from dataclasses import replace

from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionExpired,
    PromotionReadied,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionSuperseded,
)
from rollbook.names import EventId, PromotionId
from rollbook_services.policy.document import Policy
from rollbook_services.policy.gate import Judged
from rollbook_services.policy.quorum import binding
from rollbook_services.policy.shape import OnRebase, Queue
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.seeing import (
    bound_of,
    explain,
    incumbent_of,
    places_of,
    stable_in,
    stage_of,
)
from rollbook_services.registrar.state import KnownVersion, Model, Promotion
from rollbook_services.registrar.transitions import (
    WAITING,
    Input,
    PromotionState,
    accepts,
)

INCUMBENT_CHANGED = "incumbent_changed"
NEWER_READY = "newer_ready"
STAGE_REMOVED = "stage_removed"


def settle(decision: Decision, before: Model) -> None:
    """End or judge again every waiting promotion that the decision touched.

    What the gates read is all immutable: it changed where it is another object.
    """
    policy = decision.policy
    seen = {id_: _looked_at(before, id_, policy) for id_ in decision.model.open}
    touched = [
        id_
        for id_ in decision.model.open
        if any(
            now is not then
            for now, then in zip(
                _looked_at(decision.model, id_, policy), seen[id_], strict=True
            )
        )
    ]
    for id_ in touched:
        reconsider(decision, id_)


def _looked_at(model: Model, id_: PromotionId, policy: Policy) -> tuple[object, ...]:
    promotion: Promotion | None = model.promotions.get(id_)
    if promotion is None:
        return (None,) * 5
    version: KnownVersion = model.versions[promotion.version]
    *_, place = places_of(stage_of(policy, promotion.stage))
    stable = stable_in(model, place)
    champion = None if stable is None else model.versions[stable]
    return (promotion, version, champion, model.lanes, model.waivers)


def reconsider(decision: Decision, id_: PromotionId) -> list[Judged]:
    """Judge a waiting promotion now, and record what changed."""
    promotion = decision.model.promotions[id_]
    if promotion.state not in WAITING or _ends(decision, promotion):
        return []
    _rebind(decision, promotion)
    if _is_overtaken(decision, decision.model.promotions[id_]):
        return []
    promotion = decision.model.promotions[id_]
    judged = explain(decision.model, promotion, decision.context, decision.at)
    _record(decision, promotion, judged)
    return judged


def _ends(decision: Decision, promotion: Promotion) -> bool:
    """End what nobody can open any more."""
    until = promotion.expires_at
    if until is not None and decision.at >= until:
        decision.record(PromotionExpired(promotion=promotion.id, expires_at=until))
    elif decision.policy.stage(promotion.stage) is None:
        decision.record(
            PromotionRejected(
                promotion=promotion.id, reason_code=STAGE_REMOVED, inputs=()
            )
        )
    else:
        return False
    return True


def _rebind(decision: Decision, promotion: Promotion) -> None:
    """Bind it to the rules that hold now; votes cast under others are void."""
    present = stage_of(decision.policy, promotion.stage).digest
    if present == promotion.policy_digest:
        return
    decision.record(
        PromotionRebound(
            promotion=promotion.id,
            from_digest=promotion.policy_digest,
            to_digest=present,
            policy=decision.policy.name,
            voided=_voided(decision, promotion),
        )
    )


def _is_overtaken(decision: Decision, promotion: Promotion) -> bool:
    """Compare and set; what repeats a version has no sense over another one."""
    if promotion.kind is PromotionKind.ROLLBACK:
        return _is_too_late(decision, promotion)
    now = incumbent_of(decision.model, promotion.stage).version
    if now == promotion.incumbent:
        return False
    stage = stage_of(decision.policy, promotion.stage)
    is_new = promotion.kind is PromotionKind.FORWARD and now != promotion.version
    if stage.on_rebase is OnRebase.REVALIDATE and is_new:
        _rebase(decision, promotion)
        return False
    winner = decision.model.lane(promotion.stage).last
    assert winner is not None  # only a dispatch changes what runs in a lane
    _supersede(decision, promotion, INCUMBENT_CHANGED, winner)
    return True


def _is_too_late(decision: Decision, promotion: Promotion) -> bool:
    """End a rollback that waited until something else succeeded; it replaces that not.

    What it found and replaces is pushed aside with its request, and no reason to end.
    """
    lane = decision.model.lane(promotion.stage)
    last = decision.model.promotions[lane.last] if lane.last else None
    is_done = last is not None and last.state is PromotionState.SUCCEEDED
    if last is not None and is_done and last.version == promotion.version:
        _supersede(decision, promotion, INCUMBENT_CHANGED, last.id)
        return True
    if not lane.stable or lane.stable[-1].since <= promotion.requested_at:
        return False
    winner = lane.stable[-1].promotion
    _supersede(decision, promotion, INCUMBENT_CHANGED, winner)
    return True


def _rebase(decision: Decision, promotion: Promotion) -> None:
    now = incumbent_of(decision.model, promotion.stage).version
    decision.record(
        PromotionRebased(
            promotion=promotion.id,
            from_version=promotion.incumbent,
            to_version=now,
            voided=_voided(decision, replace(promotion, incumbent=now)),
        )
    )


def _voided(decision: Decision, promotion: Promotion) -> tuple[EventId, ...]:
    """Name each yes to something else than what the promotion is from now on."""
    stage = stage_of(decision.policy, promotion.stage)
    present = binding(bound_of(decision.model, promotion, stage))
    return tuple(
        vote.id
        for vote in promotion.votes
        if not vote.is_rejection and vote.binding != present
    )


def _supersede(
    decision: Decision, promotion: Promotion, code: str, winner: PromotionId
) -> None:
    decision.record(
        PromotionSuperseded(
            promotion=promotion.id, reason_code=code, superseded_by=winner
        )
    )


def _record(decision: Decision, promotion: Promotion, judged: list[Judged]) -> None:
    known = promotion.gates
    for each in judged:
        said = each.result
        if known.get(said.gate) != (said.status, said.inputs, said.recheck_at):
            decision.record(
                GateEvaluated(
                    promotion=promotion.id, result=said, seen=decision.context.seen
                )
            )
    closed = tuple(each.result.gate for each in judged if not each.is_open)
    if not closed and accepts(promotion.state, Input.OPENED):
        gates = tuple(each.result.gate for each in judged)
        decision.record(PromotionReadied(promotion=promotion.id, gates=gates))
        _overtake(decision, promotion)
    if closed and accepts(promotion.state, Input.CLOSED):
        decision.record(PromotionBlocked(promotion=promotion.id, gates=closed))


def _overtake(decision: Decision, newest: Promotion) -> None:
    """End what waits for the same lane with an older version; forward by forward."""
    stage = stage_of(decision.policy, newest.stage)
    if stage.queue is not Queue.LATEST or newest.kind is not PromotionKind.FORWARD:
        return
    for id_ in decision.model.open:
        other = decision.model.promotions[id_]
        is_older = other.version < newest.version and other.bundle is None
        is_rival = (other.stage, other.kind) == (newest.stage, newest.kind)
        if other.state in WAITING and is_rival and is_older:
            _supersede(decision, other, NEWER_READY, newest.id)
