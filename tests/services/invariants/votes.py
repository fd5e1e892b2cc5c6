"""Whose votes may count in a dispatch?"""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations, permutations

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
    Bound,
    ChangesRequested,
)
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import GateResult, PromotionDispatched
from rollbook.envelope import ActorKind, Envelope
from rollbook.names import (
    Digest,
    EventId,
    ModelName,
    Principal,
    PromotionId,
    RoleName,
    Version,
)
from rollbook_services.policy.gates.evidence import Evidence
from rollbook_services.policy.quorum import binding
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import Stage
from tests.services.invariants.asked import Asked
from tests.services.invariants.surroundings import Surroundings


@dataclass(frozen=True)
class Cast:
    """A vote as it was cast."""

    by: Principal
    kind: ActorKind
    vote: ApprovalGranted


@dataclass(frozen=True)
class Going:
    """A promotion that goes, or would, and what is known of it."""

    asked: Asked
    producer: Principal
    authors: tuple[Principal, ...]
    at: datetime
    is_first_since: datetime | None
    """When the lane was last moved forward."""
    policy_digest: Digest | None


@dataclass
class Votes:
    """An account of the votes and the evidence of one model."""

    model: ModelName
    around: Surroundings | None
    votes: dict[EventId, Cast] = field(default_factory=dict)
    evidence: dict[EventId, EvidenceRecorded] = field(default_factory=dict)

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        actor = recorded.actor
        match recorded.event:
            case EvidenceRecorded() as record:
                self.evidence[recorded.id] = record
            case EvidenceRevoked(evidence=evidence):
                del self.evidence[evidence]
            case ApprovalGranted() as vote:
                self.votes[recorded.id] = Cast(actor.id, actor.kind, vote)
            case ApprovalWithdrawn(approval=approval):
                self.votes.pop(approval, None)
            case ApprovalRejected(promotion=promotion):
                self._forget(actor.id, promotion)
            case ChangesRequested(promotion=promotion):
                self._forget(actor.id, promotion)
            case _:
                pass

    def _forget(self, who: Principal, promotion: PromotionId) -> None:
        self.votes = {
            id_: each
            for id_, each in self.votes.items()
            if (each.by, each.vote.promotion) != (who, promotion)
        }

    def wait(self, going: Going) -> None:
        """Check that however people are seated, a seat is left."""
        stage = self._stage(going)
        if stage is None or self.around is None or len(stage.approvals()) != 1:
            return
        (asks,) = stage.approvals()
        held: dict[frozenset[Principal], set[RoleName]] = {}
        barred = self._barred(going)
        for cast in self.votes.values():
            person, roles = self._person(cast.by), self._usable(cast, going)
            if roles and not person.intersection(barred):
                held[person] = held.get(person, set()) | roles
        seats = asks.seats()
        some = combinations(held.values(), len(seats))
        assert not any(is_seated(list(each), seats) for each in some), "I7: all seated"

    def _usable(self, cast: Cast, going: Going) -> set[RoleName]:
        """Return the roles in which a vote counts now."""
        until = cast.vote.valid_until
        is_of_it = cast.vote.promotion == going.asked.event.promotion
        in_time = until is None or going.at < until
        is_bound = cast.vote.binding == binding(self._bound(going))
        if self.around is None or not (is_of_it and in_time and is_bound):
            return set()
        return self.around.roles(cast.by, going.at).intersection(cast.vote.roles)

    def dispatched(self, event: PromotionDispatched, going: Going) -> None:
        """Check everybody whose vote was counted."""
        persons = [self._person(each.who) for each in event.voters]
        assert len(set(persons)) == len(persons), "I5: distinct persons"
        barred = self._barred(going)
        for voter, person in zip(event.voters, persons, strict=True):
            for who, why in barred.items():
                assert who not in person, f"I5: not the {why}"
            cast = self.votes[voter.approval]
            assert (cast.by, cast.kind) == (voter.who, ActorKind.PERSON), "I5: a person"
            self._is_bound(cast.vote, going)
        for gate in event.gates:
            if gate.kind == "approvals":
                self._is_filled(event, gate, going=going)

    def _person(self, who: Principal) -> frozenset[Principal]:
        return self.around.person(who) if self.around else frozenset({who})

    def _stage(self, going: Going) -> Stage | None:
        if self.around is None:
            return None
        return self.around.stage(self.model, going.asked.event.stage)

    def _barred(self, going: Going) -> dict[Principal, str]:
        stage = self._stage(going)
        duties = stage.separation_of_duties if stage else None
        barred: dict[Principal, str] = {}
        if duties is None or duties.requester:
            barred[going.asked.by] = "requester"
        if duties is None or duties.producer:
            barred[going.producer] = "producer"
        if duties and duties.authors:
            barred |= dict.fromkeys(going.authors, "author")
        rules = self.around.over(self.model) if self.around else None
        if rules and rules.by and rules.at:
            last = going.is_first_since
            if last is None or last <= rules.at:
                barred[rules.by] = "one whose rules these are"
        return barred

    def _is_bound(self, vote: ApprovalGranted, going: Going) -> None:
        until = vote.valid_until
        assert vote.promotion == going.asked.event.promotion
        assert vote.bound_to.policy_digest == going.policy_digest, "I6: these rules"
        assert vote.binding == binding(self._bound(going)), "I6: the binding"
        assert until is None or going.at < until, "I6: in time"

    def _bound(self, going: Going) -> Bound:
        asked, stage = going.asked.event, self._stage(going)
        approvals = stage.approvals() if stage else ()
        survives = bool(approvals) and all(each.survive_rebase for each in approvals)
        return Bound(
            digest=asked.digest,
            stage=asked.stage,
            policy_digest=going.policy_digest or asked.policy_digest,
            evidence_set=tuple(self._counted(asked.version, stage)),
            incumbent=None if survives else going.asked.incumbent,
            survives_rebase=survives,
        )

    def _counted(self, version: Version, stage: Stage | None) -> list[EventId]:
        """Name the live records of the kinds that bind; of any, where none does."""
        gates = stage.gates if stage else ()
        kinds = {
            gate.evidence
            for gate in gates
            if stage and isinstance(gate, Evidence) and _binds(gate.mode, stage)
        }
        return [
            id_
            for id_, each in self.evidence.items()
            if each.version == version and (not kinds or each.kind in kinds)
        ]

    def _is_filled(
        self, event: PromotionDispatched, gate: GateResult, *, going: Going
    ) -> None:
        voters = [each for each in event.voters if each.gate == gate.gate]
        casts = [self.votes[each.approval] for each in voters]
        if gate.status is GateStatus.PASS:
            assert casts or gate.detail.startswith("does not apply")
        assert all(each.vote.roles for each in casts), "I5: with a role"
        stage = self._stage(going)
        found = [e for e in stage.approvals() if e.id == gate.gate] if stage else []
        if not found or self.around is None:
            return
        held = [
            self.around.roles(each.by, going.at).intersection(each.vote.roles)
            for each in casts
        ]
        seats = found[0].seats()
        assert is_seated(held, seats), "I5: with the role, at the vote and now"
        if gate.status is GateStatus.PASS:
            assert len(casts) == len(seats), "I5: every slot is filled"


def _binds(mode: Mode | None, stage: Stage) -> bool:
    return (mode or stage.mode) is Mode.ENFORCE


def is_seated(held: list[set[RoleName]], seats: list[RoleName]) -> bool:
    """Try every way to seat people, each on a seat of a role that they hold."""
    return any(
        all(role in roles for role, roles in zip(order, held, strict=True))
        for order in permutations(seats, len(held))
    )
