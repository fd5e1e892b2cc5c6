"""Is the lane of a change that is under way closed, by what, and what then?"""

from dataclasses import dataclass
from datetime import datetime

from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PauseCause
from rollbook.names import EventId
from rollbook_services.policy.gates.freeze import FreezeGate
from rollbook_services.policy.gates.windows import Windows
from rollbook_services.policy.shape import Mode
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.seeing import facts_of, freezes_over, stage_of, waived
from rollbook_services.registrar.state import Promotion


@dataclass(frozen=True, slots=True)
class Closed:
    """What closes a lane, and what that does to a change under way."""

    cause: PauseCause
    what: str
    code: str
    aborts: bool
    until: datetime | None
    inputs: tuple[EventId, ...] = ()


def closed(decision: Decision, promotion: Promotion) -> Closed | None:
    """Return what stops a change that is under way now; a freeze comes first."""
    return _by_freeze(decision, promotion) or _by_window(decision, promotion)


def _by_freeze(decision: Decision, promotion: Promotion) -> Closed | None:
    shut = [
        freeze
        for freeze in freezes_over(decision.context, promotion.stage)
        if freeze.is_closed(decision.at)
        and promotion.kind not in freeze.exempt
        and freeze.in_flight is not InFlight.FINISH
    ]
    strict = any(not each.waivable for each in shut)
    is_waived = not strict and _is_waived(decision, promotion, FreezeGate().id)
    if not shut or is_waived:
        return None
    aborting = [each for each in shut if each.in_flight is InFlight.ABORT]
    first, ends = (aborting or shut)[0], [each.until for each in shut]
    known = [end for end in ends if end is not None]
    return Closed(
        cause=PauseCause.FREEZE,
        what=f"the freeze {first.id} of {first.by}: {first.reason}",
        code="frozen",
        aborts=bool(aborting),
        until=max(known) if len(known) == len(ends) else None,
        inputs=tuple(each.id for each in shut),
    )


def _by_window(decision: Decision, promotion: Promotion) -> Closed | None:
    stage = stage_of(decision.policy, promotion.stage)
    is_minded = (
        stage.mode is Mode.ENFORCE
        and stage.in_flight_when_closed is not InFlight.FINISH
    )
    if not stage.windows or not is_minded or promotion.kind is PromotionKind.ROLLBACK:
        return None
    gate = Windows(windows=stage.windows)
    facts = facts_of(decision.model, promotion, decision.context, decision.at)
    said = gate.evaluate(facts, decision.at)
    is_open = said.status is GateStatus.PASS
    if is_open or _is_waived(decision, promotion, gate.id):
        return None
    return Closed(
        cause=PauseCause.WINDOW,
        what=f"its windows: {said.detail}",
        code="window_closed",
        aborts=stage.in_flight_when_closed is InFlight.ABORT,
        until=gate.turns_at(decision.at),
    )


def _is_waived(decision: Decision, promotion: Promotion, gate: str) -> bool:
    return any(
        each.gate == gate and decision.at < each.until
        for each in waived(decision.model, promotion)
    )
