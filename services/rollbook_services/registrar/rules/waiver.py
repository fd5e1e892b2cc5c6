"""Who may break the glass, and which gates stop mattering then?"""

from dataclasses import replace

from rollbook.catalogue.waiver import GateWaived, WaiverRequested
from rollbook.commands.waiver import ConfirmWaiver, WaiveGates
from rollbook.envelope import ActorKind
from rollbook.names import Principal, PromotionId, RoleName
from rollbook.refusals import Refusal, forbidden, invalid_field
from rollbook.standing import not_open
from rollbook.waiving import (
    already_waived,
    no_second_person,
    only_people,
    reviews_overdue,
    second_person_required,
    self_confirmation,
    unknown_waiver,
    waiver_ran_out,
)
from rollbook_services.policy.facts import Waived
from rollbook_services.policy.gate import judge
from rollbook_services.policy.stage import BreakGlass
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import review
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.rules.reach import Reached, class_of, reach
from rollbook_services.registrar.state import Mark, Model, Promotion, Waiver
from rollbook_services.registrar.transitions import Input, accepts


def waive(command: WaiveGates, decision: Decision) -> Refusal | None:
    """Break the glass; where a second person is needed, ask for that one first."""
    promotion = _waiting(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    glass = class_of(decision, promotion, command.break_glass)
    if isinstance(glass, Refusal):
        return glass
    refusal = _may_not_ask(command, decision, glass)
    if refusal is not None:
        return refusal
    reached = reach(decision, promotion, glass, command.gates)
    if isinstance(reached, Refusal):
        return reached
    refusal = _is_waived(reached, decision) or _stands_alone(decision, glass)
    if refusal is not None:
        return refusal
    _request(command, decision, reached)
    return None


def _waiting(decision: Decision, number: PromotionId) -> Promotion | Refusal:
    promotion = promotion_named(decision, number)
    if isinstance(promotion, Refusal):
        return promotion
    if decision.actor.kind is not ActorKind.PERSON:
        return only_people(decision.actor.id, what="waive gates")
    if not accepts(promotion.state, Input.WAIVE):
        return not_open(promotion.id, promotion.state)
    return promotion


def _may_not_ask(
    command: WaiveGates, decision: Decision, glass: BreakGlass
) -> Refusal | None:
    actor = decision.actor
    if set(glass.roles).isdisjoint(actor.roles):
        what = f"waive gates under class {glass.name}"
        return forbidden(what, who=actor.id, roles=glass.roles)
    if glass.incident_required and command.incident is None:
        why = f"class {glass.name} asks for one; name it as your tracker does"
        return invalid_field("incident", why)
    return None


def _is_waived(reached: Reached, decision: Decision) -> Refusal | None:
    for gate in reached.gates:
        now = reached.facts.waiver(gate.id, decision.at)
        if now is not None:
            return already_waived(now.id, gates=[gate.id], at=now.until)
    return None


def _stands_alone(decision: Decision, glass: BreakGlass) -> Refusal | None:
    """Say at once that nobody could be the second person, not when it is too late."""
    roles = _second_roles(decision, glass)
    if not roles or _is_there_another(decision, roles):
        return None
    return _overdue(decision, glass) or no_second_person(glass.name, roles=roles)


def _second_roles(decision: Decision, glass: BreakGlass) -> tuple[RoleName, ...]:
    """Return of which roles a second person holds one; none: nobody is needed."""
    is_overdue = bool(review.overdue(decision.model, glass.name, decision.at))
    if is_overdue and glass.escalation_role is not None:
        return (glass.escalation_role,)
    return glass.roles if is_overdue or glass.second_person else ()


def _is_there_another(decision: Decision, roles: tuple[RoleName, ...]) -> bool:
    access = decision.access
    own = access.person(decision.actor.id)
    return any(
        who.startswith("prn:") and access.person(who) != own
        for who, held in access.holders(decision.at).items()
        if not held.isdisjoint(roles)
    )


def _overdue(decision: Decision, glass: BreakGlass) -> Refusal | None:
    reviews = review.overdue(decision.model, glass.name, decision.at)
    roles = _second_roles(decision, glass)
    if not reviews:
        return None
    return reviews_overdue(glass.name, reviews=reviews, roles=roles)


def _request(command: WaiveGates, decision: Decision, reached: Reached) -> None:
    glass, promotion = reached.glass, reached.promotion
    needs_second_person = bool(_second_roles(decision, glass))
    id_ = decision.record(
        WaiverRequested(
            promotion=promotion.id,
            stage=promotion.stage,
            digest=promotion.digest,
            break_glass=glass.name,
            gates=tuple(each.id for each in reached.gates),
            reason=command.reason,
            incident=command.incident,
            until=decision.at + glass.valid_for,
            needs_second_person=needs_second_person,
        )
    )
    if not needs_second_person:
        waiver = decision.model.waivers[id_]
        _grant(decision, reached, waiver, second_person=None)


def confirm(command: ConfirmWaiver, decision: Decision) -> Refusal | None:
    """Be the second person; the class must reach the gates still."""
    promotion = _waiting(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    waiver = decision.model.waivers.get(command.waiver)
    if waiver is None or waiver.promotion != promotion.id:
        return unknown_waiver(command.waiver, promotion=promotion.id)
    glass = class_of(decision, promotion, waiver.break_glass)
    if isinstance(glass, Refusal):
        return glass
    refusal = _is_over(waiver, decision) or _is_no_second(waiver, decision, glass)
    if refusal is not None:
        return refusal
    reached = reach(decision, promotion, glass, waiver.gates)
    if isinstance(reached, Refusal):
        return reached
    _grant(decision, reached, waiver, second_person=decision.actor.id)
    return None


def _is_over(waiver: Waiver, decision: Decision) -> Refusal | None:
    if waiver.granted:
        return already_waived(waiver.id, gates=waiver.gates, at=waiver.until)
    if decision.at >= waiver.until:
        return waiver_ran_out(waiver.break_glass, waiver.id, at=waiver.until)
    return None


def _is_no_second(
    waiver: Waiver, decision: Decision, glass: BreakGlass
) -> Refusal | None:
    actor, access = decision.actor, decision.access
    if access.person(actor.id) == access.person(waiver.by):
        return self_confirmation(actor.id, waiver=waiver.id)
    roles = _second_roles(decision, glass) or glass.roles
    if not set(roles).isdisjoint(actor.roles):
        return None
    lacks = second_person_required(actor.id, waiver=waiver.id, roles=roles)
    return _overdue(decision, glass) or lacks


def _grant(
    decision: Decision,
    reached: Reached,
    waiver: Waiver,
    *,
    second_person: Principal | None,
) -> None:
    facts = replace(reached.facts, waivers=())
    for each in judge(reached.gates, facts, decision.at):
        decision.record(
            GateWaived(
                promotion=waiver.promotion,
                waiver=waiver.id,
                gate=each.result.gate,
                status_then=each.result.status,
                break_glass=waiver.break_glass,
                reason=waiver.reason,
                incident=waiver.incident,
                until=waiver.until,
                asked_by=waiver.by,
                second_person=second_person,
            )
        )
    review.owe(decision, waiver, reached.glass)


def requested(model: Model, event: WaiverRequested, mark: Mark) -> Model:
    """Remember who wants to break the glass, for which gates."""
    waiver = Waiver(
        id=mark.id,
        promotion=event.promotion,
        break_glass=event.break_glass,
        gates=event.gates,
        by=mark.actor.id,
        reason=event.reason,
        incident=event.incident,
        until=event.until,
    )
    return replace(model, waivers={**model.waivers, waiver.id: waiver})


def waived(model: Model, event: GateWaived, mark: Mark) -> Model:
    """Remember that a gate does not matter, for how long, and by whose word."""
    waiver = model.waivers[event.waiver]
    granted = Waived(
        id=waiver.id,
        gate=event.gate,
        break_glass=event.break_glass,
        by=event.asked_by,
        second_person=event.second_person,
        until=event.until,
    )
    waiver = replace(waiver, granted=(*waiver.granted, granted))
    return replace(model, waivers={**model.waivers, waiver.id: waiver})
