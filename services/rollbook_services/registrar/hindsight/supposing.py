"""How would other rules have judged a promotion then, on what really happened?

What was recorded stays as it was: votes stand as long as nothing but the policy has
changed under them, and a lane is as well known as it was under the rules that held.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import GateResult
from rollbook.names import EventId, GateName, Principal, RoleName
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import Gate, judge
from rollbook_services.policy.gates.approvals import Approvals
from rollbook_services.policy.gates.attestation import Attestation
from rollbook_services.policy.gates.evidence import Evidence
from rollbook_services.policy.quorum import barred, binding, fill, is_person, roles_held
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.words import prose
from rollbook_services.registrar.seeing import (
    bound_of,
    facts_of,
    stage_of,
    status_of,
    unreported,
)
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.surroundings import Context, Governing


@dataclass(frozen=True, slots=True)
class Cast:
    """What is known of a vote besides what a state keeps."""

    at: datetime
    roles: tuple[RoleName, ...]
    """All that the voter held then."""
    stage: Stage
    """The rules it was cast under."""


@dataclass(frozen=True, slots=True)
class Then:
    """A promotion at an instant of the past, and what lay around it."""

    model: Model
    promotion: Promotion
    context: Context
    at: datetime
    votes: Mapping[EventId, Cast]
    recorded: Sequence[EvidenceRecorded]
    """All evidence about its version so far, what was revoked too."""


@dataclass(frozen=True, slots=True)
class Supposed:
    """What other rules would have said."""

    closed: tuple[GateResult, ...] = ()
    """What would have kept it back."""
    unanswerable: tuple[GateName, ...] = ()
    """Gates that are closed for want of evidence which nobody had recorded then."""
    opens_at: datetime | None = None
    """When time alone may have opened all that is closed."""

    @property
    def is_open(self) -> bool:
        """Tell whether nothing would have kept it back."""
        return not self.closed and not self.unanswerable


def suppose(policy: Policy, stage: Stage, then: Then) -> Supposed:
    """Judge a promotion by a stage of another policy."""
    facts = _facts(policy, stage, then)
    gates = stage.asked(then.promotion.kind)
    judged = judge(gates, facts, then.at, mode=stage.mode)
    shut = [each.result for each in judged if not each.is_open]
    shut += _turned_down(stage, facts, then, named={each.gate for each in shut})
    unknown = {each.id for each in gates if _nobody_recorded(each, then.recorded)}
    closed = tuple(each for each in shut if each.gate not in unknown)
    return Supposed(
        closed,
        tuple(each.gate for each in shut if each.gate in unknown),
        _opens_at(closed),
    )


def _turned_down(
    stage: Stage, facts: Facts, then: Then, *, named: set[GateName]
) -> Iterator[GateResult]:
    """Return gates at which so many people said no that it would have ended."""
    asked = stage.asked(then.promotion.kind)
    for gate in asked:
        if not isinstance(gate, Approvals) or gate.id in named:
            continue
        noes = [
            each for each in then.promotion.votes if _is_no(each, gate, stage, then)
        ]
        people = sorted({facts.person(each.who) for each in noes})
        if len(people) >= gate.noes_needed:
            yield GateResult(
                gate=gate.id,
                kind=gate.kind,
                mode=Mode.ENFORCE,
                status=GateStatus.FAIL,
                detail=prose(f"turned down by {', '.join(people)}"),
                inputs=tuple(each.id for each in noes),
            )


def _is_no(vote: Vote, gate: Approvals, stage: Stage, then: Then) -> bool:
    """Tell a no that was said here, or elsewhere by somebody who could fill a slot."""
    is_elsewhere = vote.gate != gate.id
    is_known = any(each.id == vote.gate for each in stage.approvals())
    if not vote.is_rejection or (is_elsewhere and is_known):
        return False
    return not set(then.votes[vote.id].roles).isdisjoint(gate.seats())


def _nobody_recorded(gate: Gate, recorded: Sequence[EvidenceRecorded]) -> bool:
    """Tell whether a gate asks for what did not exist then, good or bad."""
    if isinstance(gate, Evidence):
        same = (each for each in recorded if each.kind == gate.evidence)
        names = {each.dataset.name if each.dataset else None for each in same}
        return not names if gate.dataset is None else gate.dataset not in names
    if isinstance(gate, Attestation):
        types = (each.verified and each.verified.predicate_type for each in recorded)
        return gate.predicate not in types
    return False


def _opens_at(closed: Sequence[GateResult]) -> datetime | None:
    """Return the latest of the times: before it at least one gate stays closed."""
    times = [each.recheck_at for each in closed if each.recheck_at is not None]
    return max(times) if times and len(times) == len(closed) else None


def _facts(policy: Policy, stage: Stage, then: Then) -> Facts:
    context = replace(then.context, governing=Governing(policy, None, None))
    facts = facts_of(then.model, then.promotion, context, then.at)
    lane = then.model.lane(stage.name)
    held = stage_of(then.context.policy, stage.name)
    known = replace(
        facts.lane, status=status_of(lane, held), unreported=unreported(lane, held)
    )
    facts = replace(facts, lane=known)
    return replace(facts, votes=tuple(_placed(stage, facts, then)))


def _placed(stage: Stage, facts: Facts, then: Then) -> Iterator[Vote]:
    """Let each person count where that fills most slots, whichever gate was asked."""
    gates = stage.approvals()
    seats = [_seat(gate, role) for gate in gates for role in gate.seats()]
    offers: dict[Principal, dict[RoleName, Vote]] = {}
    for vote in _standing(facts, then):
        mine = offers.setdefault(facts.person(vote.who), {})
        for gate in gates:
            offered = _at(gate, vote, then)
            if offered is not None:
                mine.update({_seat(gate, role): offered for role in offered.roles})
    for index, who in sorted(fill(seats, offers).items()):
        yield offers[who][seats[index]]


def _seat(gate: Approvals, role: RoleName) -> RoleName:
    return RoleName(f"{gate.id}/{role}")


def _standing(facts: Facts, then: Then) -> Iterator[Vote]:
    """Return the votes under which nothing changed but the policy, made to fit it."""
    held, no = roles_held(facts), barred(facts)
    for vote in then.promotion.votes:
        person = facts.person(vote.who)
        if vote.is_rejection or person in no or not is_person(vote.who):
            continue
        cast = then.votes[vote.id]
        if binding(bound_of(then.model, then.promotion, cast.stage)) == vote.binding:
            roles = held.get(person, frozenset()).intersection(cast.roles)
            yield replace(vote, binding=facts.binding, roles=tuple(sorted(roles)))


def _at(gate: Approvals, vote: Vote, then: Then) -> Vote | None:
    """Make a vote one at this gate; None once it would have run out there."""
    until = None
    if gate.valid_for is not None:
        until = then.votes[vote.id].at + gate.valid_for
        if then.at >= until:
            return None
    return replace(vote, gate=gate.id, valid_until=until)
