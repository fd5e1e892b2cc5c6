"""How is a bundle taken apart: withdrawn, stopped, or rolled back as one?"""

from rollbook.catalogue.bundle import (
    BundleFailed,
    BundleRolledBack,
    BundlesEvent,
    Member,
)
from rollbook.catalogue.promotion import PromotionCancelled
from rollbook.commands.bundle import RollBackBundle
from rollbook.commands.promotion import RequestRollback
from rollbook.governing import bundle_closed, not_stable
from rollbook.names import Reason
from rollbook.refusals import Refusal
from rollbook_services.registrar.rules import outcome, rollback
from rollbook_services.registrar.rules.desks import (
    Desk,
    Desks,
    member_of,
    newest,
    told_of,
)
from rollbook_services.registrar.seeing import incumbent_of
from rollbook_services.registrar.surroundings import Bundle, BundleState
from rollbook_services.registrar.transitions import ENDED, WAITING

BUNDLE_FAILED = "bundle_failed"


def cancel_members(known: Bundle, desks: Desks, why: Reason) -> None:
    """Withdraw those members that wait."""
    for each in known.members:
        desk = desks[each.model]
        if desk.promotion(each.promotion).state in WAITING:
            ended = PromotionCancelled(promotion=each.promotion, reason=why)
            desk.decision.record(ended)


def fail(known: Bundle, desks: Desks, bad: Member) -> list[BundlesEvent]:
    """Take every lane back: half a release is none."""
    state = desks[bad.model].promotion(bad.promotion).state
    why = Reason(f"{bad.model}:{bad.promotion} of bundle {known.id} is {state}")
    taken = [_take_back(known, desks[each.model], each, why) for each in known.members]
    return [
        BundleFailed(
            bundle=known.id,
            because_of=bad.model,
            reason_code=state.lower(),
            taken_back=tuple(each for each in taken if each is not None),
        )
    ]


def _take_back(known: Bundle, desk: Desk, member: Member, why: Reason) -> Member | None:
    """Roll a lane back; where it ran nothing before, stop what is under way."""
    lane = desk.decision.model.lane(known.stage)
    if lane.last != member.promotion:
        return None  # somebody has moved it since
    if rollback.request(_back(member, known, why), desk.decision) is None:
        back = newest(desk.decision)
        return member_of(member.model, desk.promotion(back).version, back)
    promotion = desk.promotion(member.promotion)
    if promotion.state in ENDED:
        return None
    outcome.abort(desk.decision, promotion, BUNDLE_FAILED, reason=why)
    return member


def roll_back(
    command: RollBackBundle, known: Bundle, desks: Desks
) -> list[BundlesEvent] | Refusal:
    """Go back with every member, or with none."""
    if known.state not in (BundleState.DISPATCHED, BundleState.SUCCEEDED):
        return bundle_closed(known.id, known.state)
    rollbacks = []
    for each in known.members:
        decision = desks[each.model].decision
        if decision.model.lane(known.stage).last != each.promotion:
            return not_stable(
                known.id,
                each.model,
                stage=known.stage,
                expected=each.version,
                actual=incumbent_of(decision.model, known.stage).version,
            )
        refusal = rollback.request(_back(each, known, command.reason), decision)
        if refusal is not None:
            return told_of(each.model, refusal)
        back = newest(decision)
        version = decision.model.promotions[back].version
        rollbacks.append(member_of(each.model, version, back))
    return [
        BundleRolledBack(
            bundle=known.id, rollbacks=tuple(rollbacks), reason=command.reason
        )
    ]


def _back(member: Member, known: Bundle, why: Reason) -> RequestRollback:
    return RequestRollback(model=member.model, stage=known.stage, reason=why)
