"""Whose vote counts, and for what?"""

from dataclasses import dataclass

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRejected,
    ApprovalWithdrawn,
    ChangesRequested,
)
from rollbook.catalogue.approval import Vote as Wish
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import PromotionRejected
from rollbook.commands.approval import Approve, Reject, RequestChanges, WithdrawVote
from rollbook.envelope import ActorKind
from rollbook.names import GateName, Instant, PromotionId, RoleName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal, invalid_field, not_a_person
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
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import judge
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.quorum import binding
from rollbook_services.policy.stage import Stage
from rollbook_services.registrar import judging
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules.known import promotion_named
from rollbook_services.registrar.seeing import bound_of, facts_of, stage_of
from rollbook_services.registrar.state import Promotion
from rollbook_services.registrar.transitions import (
    WAITING,
    Input,
    PromotionState,
    accepts,
)

REJECTED = "votes"
# What people are asked after, unless their gate says otherwise.
_FACTS = frozenset({"artifact", "quarantine", "predecessor", "evidence", "attestation"})
# An auditor asks who tried; what only came too early or to the wrong place is no news.
_RECORDED = frozenset(
    {Why.SELF_APPROVAL, Why.BINDING_CHANGED, Why.ALREADY_VOTED, Why.NOT_OPEN}
)
_TOO_LATE = PromotionState.EXPIRED
Voting = Approve | Reject | RequestChanges
_WISHES = {
    Approve: Wish.APPROVE,
    Reject: Wish.REJECT,
    RequestChanges: Wish.REQUEST_CHANGES,
}


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
        return _told(command, decision, ballot)
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
    """Say no: enough people who could fill a slot end the promotion."""
    ballot = _ballot(command, decision)
    if isinstance(ballot, Refusal):
        return _told(command, decision, ballot)
    decision.record(
        ApprovalRejected(
            promotion=command.promotion,
            gate=ballot.gate.id,
            roles=ballot.roles,
            binding=command.binding,
            bound_to=ballot.facts.bound,
            comment=command.comment,
        )
    )
    rejection = turned_down(decision, ballot.promotion.id)
    if rejection is not None:
        decision.record(rejection)
    return None


def turned_down(decision: Decision, id_: PromotionId) -> PromotionRejected | None:
    """Return the end of it, once the rule for a no is met at a gate that blocks.

    A no counts as long as a yes would: what it was about has to be what is there now.
    """
    promotion = decision.model.promotions[id_]
    stage = stage_of(decision.policy, promotion.stage)
    present = binding(bound_of(decision.model, promotion, stage))
    for gate in filter(stage.enforces, stage.approvals()):
        noes = [
            each
            for each in promotion.votes
            if each.is_rejection and each.gate == gate.id and each.binding == present
        ]
        if len({decision.access.person(each.who) for each in noes}) >= gate.noes_needed:
            inputs = tuple(each.id for each in noes)
            return PromotionRejected(promotion=id_, reason_code=REJECTED, inputs=inputs)
    return None


def request_changes(command: RequestChanges, decision: Decision) -> Refusal | None:
    """Say what is missing; a yes of the same person before counts no more."""
    ballot = _ballot(command, decision)
    if isinstance(ballot, Refusal):
        return _told(command, decision, ballot)
    for vote in _own(ballot.promotion, decision):
        if vote.who != decision.actor.id:
            _take_back(decision, ballot.promotion, vote)
    decision.record(
        ChangesRequested(
            promotion=command.promotion,
            gate=ballot.gate.id,
            roles=ballot.roles,
            binding=command.binding,
            comment=command.comment,
        )
    )
    return None


def withdraw(command: WithdrawVote, decision: Decision) -> Refusal | None:
    """Take one's own vote back; the gate may close again."""
    promotion = _open(decision, command)
    if isinstance(promotion, Refusal):
        return promotion
    own = _own(promotion, decision)
    own = [vote for vote in own if command.gate in (None, vote.gate)]
    if not own:
        return not_voted(promotion.id)
    for vote in own:
        _take_back(decision, promotion, vote)
    return None


def _own(promotion: Promotion, decision: Decision) -> list[Vote]:
    """Return what the same person voted, under whichever name."""
    person = decision.access.person
    own = person(decision.actor.id)
    return [vote for vote in promotion.votes if person(vote.who) == own]


def _take_back(decision: Decision, promotion: Promotion, vote: Vote) -> None:
    decision.record(
        ApprovalWithdrawn(promotion=promotion.id, gate=vote.gate, approval=vote.id)
    )


def _ballot(command: Voting, decision: Decision) -> Ballot | Refusal:
    promotion = _open(decision, command)
    if isinstance(promotion, Refusal):
        return promotion
    actor = decision.actor
    if actor.kind is not ActorKind.PERSON:
        return not_a_person(actor.id)
    stage = stage_of(decision.policy, promotion.stage)
    gate = _asked(stage, promotion, command.gate)
    if isinstance(gate, Refusal):
        return gate
    if gate is None:
        return no_slot(actor.id, open_roles=())
    facts = facts_of(decision.model, promotion, decision.context, decision.at)
    relation = facts.barred.get(facts.person(actor.id))
    if relation is not None:
        return self_approval(actor.id, relation=relation, promotion=promotion.id)
    roles = tuple(sorted(set(actor.roles).intersection(gate.seats())))
    if not roles:
        return no_slot(actor.id, open_roles=set(gate.seats()))
    ballot = Ballot(promotion, gate, facts, roles)
    return _is_stale(command, ballot, decision) or ballot


def _open(decision: Decision, command: Voting | WithdrawVote) -> Promotion | Refusal:
    """Find a promotion that takes votes; one whose time is over ends here."""
    promotion = promotion_named(decision, command.promotion)
    if isinstance(promotion, Refusal):
        return promotion
    until = promotion.expires_at
    if promotion.state in WAITING and until is not None and decision.at >= until:
        judging.reconsider(decision, promotion.id)
        if not isinstance(command, WithdrawVote):
            decision.keep_refusal()
        promotion = decision.model.promotions[promotion.id]
    if accepts(promotion.state, Input.VOTE):
        return promotion
    return not_open(promotion.id, promotion.state)


def _asked(
    stage: Stage, promotion: Promotion, name: GateName | None
) -> Approvals | Refusal | None:
    """Find the gate that asks for votes: the only one, where none is named."""
    asking = [
        each for each in stage.asked(promotion.kind) if isinstance(each, Approvals)
    ]
    named = [each for each in asking if name in (None, each.id)]
    if len(named) > 1:
        names = ", ".join(each.id for each in named)
        return invalid_field("gate", f"several gates ask for votes; name one: {names}")
    return named[0] if named else None


def _is_stale(command: Voting, ballot: Ballot, decision: Decision) -> Refusal | None:
    """Let a person vote once, under whichever name, and on what is there now."""
    present = ballot.facts.binding
    for vote in _own(ballot.promotion, decision):
        if vote.binding == present and not isinstance(command, RequestChanges):
            return already_voted(ballot.promotion.id, vote.id)
    if command.binding == present:
        return None
    # The binding is a hash: it tells that something changed, these may have.
    changed_since = sorted({"evidence", *ballot.promotion.moved})
    return binding_changed(changed_since, seen=command.binding, actual=present)


def _comes_too_early(ballot: Ballot, decision: Decision) -> Refusal | None:
    """People are asked once the facts are in, or the next fact voids their vote."""
    if ballot.gate.opens == "request":
        return None
    stage = stage_of(decision.policy, ballot.promotion.stage)
    gates = stage.asked(ballot.promotion.kind)
    before = [each for each in gates[: gates.index(ballot.gate)] if each.kind in _FACTS]
    judged = judge(before, ballot.facts, decision.at, mode=stage.mode)
    closed = [each.result.gate for each in judged if not each.is_open]
    return gates_first(closed) if closed else None


def _is_held(ballot: Ballot, decision: Decision) -> Refusal | None:
    """Say why a yes would change nothing; a rollback waits for no hold."""
    promotion, hold = ballot.promotion, ballot.facts.lane.hold
    is_kept_back = promotion.automatic and promotion.kind is not PromotionKind.ROLLBACK
    if not is_kept_back or hold is None or not hold.holds(decision.at):
        return None
    stage = promotion.stage
    return lane_held(stage, hold.id, by=hold.by, reason=hold.reason)


def _valid_until(gate: Approvals, decision: Decision) -> Instant | None:
    return None if gate.valid_for is None else decision.at + gate.valid_for


def _told(command: Voting, decision: Decision, refusal: Refusal) -> Refusal:
    """Record who tried what, once for each person, reason and promotion."""
    promotion = decision.model.promotions.get(command.promotion)
    if promotion is None or refusal.reason not in _RECORDED:
        return refusal
    if refusal.reason is Why.NOT_OPEN and promotion.state is not _TOO_LATE:
        return refusal
    if (decision.actor.id, refusal.reason.value) in promotion.refused:
        return refusal
    decision.record(
        ApprovalRefused(
            promotion=promotion.id,
            gate=command.gate,
            vote=_WISHES[type(command)],
            reason_code=refusal.reason.value,
            message=refusal.message,
        )
    )
    decision.keep_refusal()
    return refusal
