"""What does an explanation answer, in one sentence?"""

from datetime import datetime
from typing import Final

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PauseCause
from rollbook.commands.promotion import RequestPromotion, RequestRollback
from rollbook.envelope import Actor, ActorKind, Stamp, written
from rollbook.names import CommandId, Principal, Reason
from rollbook.refusals import Refusal, version_or_nothing
from rollbook_services.policy.gate import Judged
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.evolve import fold
from rollbook_services.registrar.rules import request, rollback
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.surroundings import Context
from rollbook_services.registrar.transitions import ENDED, WAITING, PromotionState

NOBODY: Final = Actor(Principal("rollbook:nobody"), ActorKind.PERSON, ())
_WHY: Final = Reason("nobody asks: what would be said is looked at")


def answer(
    model: Model,
    context: Context,
    promotion: Promotion,
    judged: list[Judged],
    as_of: datetime,
) -> str:
    """Say where a promotion stands, and what is next."""
    if promotion.state in ENDED:
        return _ended(model, promotion)
    is_waiting = promotion.state in WAITING
    if context.policy.stage(promotion.stage) is None:
        end = "rejected" if is_waiting else "aborted"
        return f"{promotion.stage} left the policy: it is {end} when next looked at."
    if not is_waiting:
        return _moves(promotion)
    if promotion.expires_at is not None and as_of >= promotion.expires_at:
        return "Its time is over: it expires when next looked at."
    return _blocked(judged, "Waiting for") or _next(promotion)


def would_wait(judged: list[Judged]) -> str:
    """Say what would become of a promotion that nobody has asked for."""
    return _blocked(judged, "Would wait for") or "Nothing is in the way: ask for it."


def refusal(
    model: Model, context: Context, imagined: Promotion, as_of: datetime
) -> Refusal | None:
    """Return the no that a person would get who asked for it now."""
    stamp = Stamp(as_of, NOBODY, CommandId("imagined"), imagined.digest)
    decision = Decision(model, context, stamp, fold=fold)
    name, stage, version = model.name, imagined.stage, imagined.version
    match imagined.kind:
        case PromotionKind.ROLLBACK:
            back = RequestRollback(model=name, stage=stage, to=version, reason=_WHY)
            return rollback.request(back, decision)
        case kind:
            wish = RequestPromotion(model=name, stage=stage, version=version, kind=kind)
            return request.request(wish, decision)


def _ended(model: Model, promotion: Promotion) -> str:
    if promotion.state is not PromotionState.SUCCEEDED:
        return f"It ended {promotion.state}; ask for a new promotion."
    stable = model.lane(promotion.stage).stable
    top = stable[-1].version if stable else None
    if top == promotion.version:
        return f"It succeeded: {promotion.stage} runs it."
    now = version_or_nothing(top)
    return f"It succeeded, and {promotion.stage} runs {now} now: ask for a new one."


def _moves(promotion: Promotion) -> str:
    now = promotion.underway
    if promotion.state is PromotionState.PAUSED and now and now.paused:
        return _stands_still(now.paused.cause)
    if promotion.state is PromotionState.VERIFYING and now and now.bake_until:
        return f"Runs, and has to prove itself until {written(now.bake_until)}."
    return "Dispatched: its targets are changing now."


def _stands_still(cause: PauseCause) -> str:
    if cause is PauseCause.PERSON:
        return "Paused by a person: somebody has to resume it."
    if cause is PauseCause.UNKNOWN:
        return "Paused, as too little was measured: resume it, or abort it."
    return f"Paused by a {cause}: it goes on by itself when that is over."


def _blocked(judged: list[Judged], waits: str) -> str | None:
    closed = [each for each in judged if not each.is_open]
    failing = [each for each in closed if each.result.status is GateStatus.FAIL]
    if failing:
        names = ", ".join(each.result.gate for each in failing)
        return f"Blocked by {names}: {'; '.join(map(_short, failing))}."
    return f"{waits} {'; '.join(map(_short, closed))}." if closed else None


def _next(promotion: Promotion) -> str:
    if promotion.bundle is None:
        return "Every gate is open; it is dispatched next."
    return f"Every gate is open; it goes with the others of bundle {promotion.bundle}."


def _short(each: Judged) -> str:
    return f"{each.result.gate} ({each.result.detail})"
