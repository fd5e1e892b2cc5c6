"""Whose vote counts, and for what?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
)
from rollbook.catalogue.promotion import PromotionRejected
from rollbook.commands.approval import Approve, Reject, WithdrawVote
from rollbook.envelope import ActorKind
from rollbook.names import GateName, Instant, RoleName
from rollbook.refusals import Refusal, not_a_person
from rollbook.standing import (
    already_voted,
    binding_changed,
    gates_first,
    lane_held,
    no_slot,
    not_open,
    not_voted,
    self_approval,
)
from rollbook_services.policy.document import Stage
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import judge
from rollbook_services.policy.gates.approvals import Approvals, barred
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.kept import changed
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.state import Context, Mark, Model, Promotion
from rollbook_services.registrar.transitions import Input, accepts

REJECTED = "votes"


@dataclass(frozen=True, slots=True)
class Ballot:
    """A vote that may be cast: where, on what, in which roles."""

    promotion: Promotion
    gate: Approvals
    facts: Facts
    roles: tuple[RoleName, ...]


def approve(command: Approve, decision: Decision) -> Refusal | None:
    """Say yes to a promotion as it was shown."""
    ballot = _ballot(command, decision)
    if isinstance(ballot, Refusal):
        return ballot
    refusal = _comes_too_early(ballot, decision) or _is_held(ballot, decision)
    if refusal is not None:
        return refusal
    decision.record(
        ApprovalGranted(
            promotion=command.promotion,
            gate=ballot.gate.id,
            roles=ballot.roles,
            binding=command.binding,
            bound_to=ballot.facts.bound,
            valid_until=_valid_until(ballot.gate, decision),
            comment=command.comment,
        )
    )
    return None


def reject(command: Reject, decision: Decision) -> Refusal | None:
    """Say no: anybody who could fill a slot ends the promotion."""
    ballot = _ballot(command, decision)
    if isinstance(ballot, Refusal):
        return ballot
    vote = decision.record(
        ApprovalRejected(
            promotion=command.promotion,
            gate=ballot.gate.id,
            roles=ballot.roles,
            binding=command.binding,
            bound_to=ballot.facts.bound,
            comment=command.comment,
        )
    )
    decision.record(
        PromotionRejected(
            promotion=command.promotion, reason_code=REJECTED, inputs=(vote,)
        )
    )
    return None


def withdraw(command: WithdrawVote, decision: Decision) -> Refusal | None:
    """Take one's own vote back; the gate may close again."""
    promotion = _open(decision, command)
    if isinstance(promotion, Refusal):
        return promotion
    own = [vote for vote in promotion.votes if vote.who == decision.actor.id]
    own = [vote for vote in own if command.gate in (None, vote.gate)]
    if not own:
        return not_voted(promotion.id)
    for vote in own:
        decision.record(
            ApprovalWithdrawn(promotion=promotion.id, gate=vote.gate, approval=vote.id)
        )
    return None


def _ballot(command: Approve | Reject, decision: Decision) -> Ballot | Refusal:
    promotion = _open(decision, command)
    if isinstance(promotion, Refusal):
        return promotion
    actor = decision.actor
    if actor.kind is not ActorKind.PERSON:
        return not_a_person(actor.id)
    stage = judging.stage_of(decision.policy, promotion.stage)
    gate = _asked(stage, promotion, command.gate)
    if gate is None:
        return no_slot(actor.id, open_roles=())
    context = Context(decision.access, decision.policy)
    facts = judging.facts_of(decision.model, promotion, context, decision.at)
    relation = barred(facts).get(actor.id)
    if relation is not None:
        return self_approval(actor.id, relation=relation, promotion=promotion.id)
    roles = tuple(sorted(set(actor.roles).intersection(gate.seats())))
    if not roles:
        return no_slot(actor.id, open_roles=set(gate.seats()))
    ballot = Ballot(promotion, gate, facts, roles)
    return _is_stale(command, ballot, decision) or ballot


def _open(
    decision: Decision, command: Approve | Reject | WithdrawVote
) -> Promotion | Refusal:
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal) or accepts(promotion.state, Input.VOTE):
        return promotion
    return not_open(promotion.id, promotion.state)


def _asked(
    stage: Stage, promotion: Promotion, name: GateName | None
) -> Approvals | None:
    """Find the gate that asks for votes: the only one, where none is named."""
    asking = [
        each for each in stage.asked(promotion.kind) if isinstance(each, Approvals)
    ]
    named = [each for each in asking if name in (None, each.id)]
    return named[0] if len(named) == 1 else None


def _is_stale(
    command: Approve | Reject, ballot: Ballot, decision: Decision
) -> Refusal | None:
    present = ballot.facts.binding
    for vote in ballot.promotion.votes:
        is_same = (vote.who, vote.gate) == (decision.actor.id, ballot.gate.id)
        if is_same and vote.binding == present:
            return already_voted(ballot.promotion.id, vote.id)
    if command.binding == present:
        return None
    # Digest and incumbent cannot differ: the promotion would be over.
    policy_changed = ballot.facts.bound.policy_digest != ballot.promotion.policy_digest
    changed_since = ["policy"] if policy_changed else ["evidence"]
    return binding_changed(changed_since, seen=command.binding, actual=present)


def _comes_too_early(ballot: Ballot, decision: Decision) -> Refusal | None:
    """People are asked once the facts are in, or the next fact voids their vote."""
    stage = judging.stage_of(decision.policy, ballot.promotion.stage)
    gates = stage.asked(ballot.promotion.kind)
    before = gates[: gates.index(ballot.gate)]
    judged = judge(before, ballot.facts, decision.at)
    closed = [each.result.gate for each in judged if not each.is_open]
    return gates_first(closed) if closed else None


def _is_held(ballot: Ballot, decision: Decision) -> Refusal | None:
    hold = ballot.facts.lane.hold
    if not ballot.promotion.automatic or hold is None or not hold.holds(decision.at):
        return None
    stage = ballot.promotion.stage
    return lane_held(stage, hold.id, by=hold.by, reason=hold.reason)


def _valid_until(gate: Approvals, decision: Decision) -> Instant | None:
    if gate.valid_for_seconds is None:
        return None
    return decision.at + timedelta(seconds=gate.valid_for_seconds)


def granted(model: Model, event: ApprovalGranted, mark: Mark) -> Model:
    """Remember the vote; a person's later one takes the place of the earlier."""
    promotion = model.promotions[event.promotion]
    cast = (mark.actor.id, event.gate)
    others = [vote for vote in promotion.votes if (vote.who, vote.gate) != cast]
    vote = Vote(
        id=mark.id,
        gate=event.gate,
        who=mark.actor.id,
        roles=event.roles,
        binding=event.binding,
        valid_until=event.valid_until,
    )
    return _with_votes(model, promotion, [*others, vote])


def withdrawn(model: Model, event: ApprovalWithdrawn, mark: Mark) -> Model:
    """Forget the vote."""
    promotion = model.promotions[event.promotion]
    left = [vote for vote in promotion.votes if vote.id != event.approval]
    return _with_votes(model, promotion, left)


def _with_votes(model: Model, promotion: Promotion, votes: Sequence[Vote]) -> Model:
    return changed(model, replace(promotion, votes=tuple(votes)))
