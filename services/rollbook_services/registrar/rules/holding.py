"""Which holds come and go by themselves?"""

from rollbook.catalogue.lane import LaneHeld, LaneReleased
from rollbook.catalogue.parts import PromotionKind
from rollbook.names import Reason
from rollbook_services.policy.facts import Hold
from rollbook_services.policy.shape import AutoPromote
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import candidate
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.transitions import ENDED

_CHOSEN = Reason("a person brought in what automation would choose")
_OTHER = Reason("a person brought in another version than automation would choose")
_UNDONE = Reason("the rollback that placed the hold ended before it changed anything")


def after_success(decision: Decision, promotion: Promotion) -> None:
    """Keep automation from undoing what a person chose, and no longer than that."""
    stage = stage_of(decision.policy, promotion.stage)
    by_person = not promotion.automatic and promotion.kind is PromotionKind.FORWARD
    if stage.auto_promote is AutoPromote.NEVER or not by_person:
        return
    hold = decision.model.lane(stage.name).hold
    is_held = hold is not None and hold.holds(decision.at)
    is_choice = candidate.candidate_of(decision, stage) == promotion.version
    if hold is not None and is_held and is_choice:
        released = LaneReleased(stage=stage.name, hold=hold.id, reason=_CHOSEN)
        decision.record(released)
    elif not is_held and not is_choice:
        decision.record(
            LaneHeld(
                stage=stage.name, by_promotion=promotion.id, until=None, reason=_OTHER
            )
        )


def lift_orphans(decision: Decision, before: Model) -> bool:
    """Release the hold of a rollback that ended undispatched; tell if any was."""
    lifted = False
    gone = set(before.open).difference(decision.model.open)
    for stage in sorted({decision.model.promotions[id_].stage for id_ in gone}):
        hold = decision.model.lane(stage).hold
        if hold is not None and _is_orphan(hold, decision.model):
            decision.record(LaneReleased(stage=stage, hold=hold.id, reason=_UNDONE))
            lifted = True
    return lifted


def _is_orphan(hold: Hold, model: Model) -> bool:
    """Tell whether neither its rollback nor a later one came or can still come.

    A later rollback found the lane held, and placed no hold of its own.
    """
    if hold.by_promotion is None:
        return False
    placed = model.promotions[hold.by_promotion]
    return _came_to_nothing(placed) and all(
        _came_to_nothing(other)
        for other in model.promotions.values()
        if (other.stage, other.kind) == (placed.stage, PromotionKind.ROLLBACK)
        and other.id > placed.id
    )


def _came_to_nothing(promotion: Promotion) -> bool:
    return promotion.token is None and promotion.state in ENDED
