"""Which gates of a promotion does a class of waivers reach?"""

from collections.abc import Iterable
from dataclasses import dataclass

from rollbook.names import GateName
from rollbook.refusals import Refusal
from rollbook.waiving import (
    freeze_not_waivable,
    gate_not_asked,
    never_waived,
    no_such_class,
    out_of_reach,
)
from rollbook_services.policy.facts import Facts
from rollbook_services.policy.gate import Gate
from rollbook_services.policy.stage import BreakGlass, Stage
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.seeing import facts_of, stage_of
from rollbook_services.registrar.state import Promotion


@dataclass(frozen=True, slots=True)
class Reached:
    """Gates of a promotion that a class of waivers reaches, and what they see."""

    promotion: Promotion
    glass: BreakGlass
    gates: tuple[Gate, ...]
    facts: Facts


def class_of(
    decision: Decision, promotion: Promotion, name: str
) -> BreakGlass | Refusal:
    """Find a class of waivers in the policy that holds now."""
    stage = stage_of(decision.policy, promotion.stage)
    classes = [each.name for each in stage.break_glass]
    return stage.glass(name) or no_such_class(name, stage.name, classes=classes)


def reach(
    decision: Decision,
    promotion: Promotion,
    glass: BreakGlass,
    names: Iterable[GateName],
) -> Reached | Refusal:
    """Find gates by their names, if the class reaches every one of them now."""
    stage = stage_of(decision.policy, promotion.stage)
    facts = facts_of(decision.model, promotion, decision.context, decision.at)
    asked = {each.id: each for each in stage.asked(promotion.kind)}
    wanted = tuple(dict.fromkeys(names))
    for name in wanted:
        if name not in asked:
            return gate_not_asked(glass.name, name, gates=list(asked))
        refusal = _is_out_of_reach(asked[name], glass, stage)
        if refusal is not None:
            return refusal
    reached = Reached(promotion, glass, tuple(asked[name] for name in wanted), facts)
    return _is_frozen_for_all(reached, decision) or reached


def _is_out_of_reach(gate: Gate, glass: BreakGlass, stage: Stage) -> Refusal | None:
    if gate.is_binding:
        return never_waived(glass.name, gate.id)
    if gate.kind in glass.waives:
        return None
    fitting = [each.name for each in stage.break_glass if gate.kind in each.waives]
    return out_of_reach(glass.name, gate.id, kind=gate.kind, classes=fitting)


def _is_frozen_for_all(reached: Reached, decision: Decision) -> Refusal | None:
    """A freeze is skipped only if whoever declared it left that door open."""
    at, facts = decision.at, reached.facts
    closing = [each for each in facts.freezes if each.is_closed(at)]
    strict = [
        each.id
        for each in closing
        if not each.waivable and facts.kind not in each.exempt
    ]
    for gate in reached.gates:
        if not gate.is_waivable(facts, at):
            return freeze_not_waivable(reached.glass.name, gate.id, freezes=strict)
    return None
