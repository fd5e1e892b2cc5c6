"""What must hold after every event of a model's history?

The watch knows the rules only by their results: it reads recorded events and keeps
its own small account of them.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from rollbook.catalogue.approval import ApprovalGranted, ApprovalWithdrawn, Bound
from rollbook.catalogue.evidence import EvidenceRecorded, EvidenceRevoked
from rollbook.catalogue.lane import (
    DesiredSet,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionRejected,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
)
from rollbook.catalogue.version import (
    VersionQuarantined,
    VersionRegistered,
    VersionReleased,
)
from rollbook.envelope import ActorKind, Envelope
from rollbook.names import EventId, Principal, PromotionId, StageName, Version
from rollbook_services.policy.quorum import binding

ENDS_MOVING = (PromotionSucceeded, PromotionFailed, PromotionErrored, PromotionAborted)
ENDS_WAITING = (PromotionCancelled, PromotionRejected, PromotionSuperseded)


@dataclass
class Asked:
    """A promotion as it was asked for."""

    event: PromotionRequested
    by: Principal


@dataclass
class LaneSeen:
    """A lane as its events tell it."""

    slot: PromotionId | None = None
    token: int = 0
    revision: int = 0
    stable: Version | None = None
    stable_before_slot: Version | None = None
    succeeded: set[Version] = field(default_factory=set)
    rolled_back_to: list[Version] = field(default_factory=list)


@dataclass
class Watch:
    """An account of a history; `see` raises AssertionError where a rule is broken."""

    asked: dict[PromotionId, Asked] = field(default_factory=dict)
    moving: dict[PromotionId, StageName] = field(default_factory=dict)
    ended: set[PromotionId] = field(default_factory=set)
    lanes: defaultdict[StageName, LaneSeen] = field(
        default_factory=lambda: defaultdict(LaneSeen)
    )
    producers: dict[Version, Principal] = field(default_factory=dict)
    evidence: dict[EventId, Version] = field(default_factory=dict)
    votes: dict[EventId, tuple[Principal, ActorKind, ApprovalGranted]] = field(
        default_factory=dict
    )
    barred: defaultdict[Version, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        self._numbers(recorded)
        self._facts(recorded)
        self._lane(recorded.event)
        self._ends(recorded.event)

    def at_rest(self) -> None:
        """Check what holds between two decisions."""
        for id_, stage in self.moving.items():
            assert self.lanes[stage].slot == id_, "I11: an end frees its slot"

    def _numbers(self, recorded: Envelope[ModelEvent]) -> None:
        event = recorded.event
        if isinstance(event, VersionRegistered):
            assert event.version == len(self.producers) + 1, "I20: versions"
            self.producers[event.version] = event.producer
        if isinstance(event, PromotionRequested):
            assert event.promotion == len(self.asked) + 1, "I20: promotions"
            self.asked[event.promotion] = Asked(event, recorded.actor.id)
            if event.kind is PromotionKind.ROLLBACK:
                succeeded = self.lanes[event.stage].succeeded
                assert event.version in succeeded, "I9: it has been there"

    def _facts(self, recorded: Envelope[ModelEvent]) -> None:
        match recorded.event:
            case EvidenceRecorded(version=version):
                self.evidence[recorded.id] = version
            case EvidenceRevoked(evidence=evidence):
                del self.evidence[evidence]
            case ApprovalGranted() as vote:
                actor = recorded.actor
                self.votes[recorded.id] = (actor.id, actor.kind, vote)
            case ApprovalWithdrawn(approval=approval):
                del self.votes[approval]
            case VersionQuarantined(version=version, scope=scope):
                self.barred[version].update(scope.stages or ("*",))
            case VersionReleased(version=version, scope=scope):
                left = self.barred[version].difference(scope.stages)
                self.barred[version] = left if scope.stages else set()
            case PromotionDispatched() as event:
                self._dispatched(event)
            case _:
                pass

    def _dispatched(self, event: PromotionDispatched) -> None:
        assert event.promotion not in self.ended, "I11: an end is an end"
        assert event.promotion not in self.moving, "dispatched once"
        self.moving[event.promotion] = event.stage
        assert all(each.status is GateStatus.PASS for each in event.gates), "I3"
        asked, lane = self.asked[event.promotion], self.lanes[event.stage]
        assert lane.slot is None, "I1: the slot is free"
        if asked.event.kind is PromotionKind.ROLLBACK:
            return
        assert asked.event.incumbent == lane.stable, "I12: compare and set"
        if any(each.kind == "approvals" for each in event.gates):
            self._voters(event, asked)

    def _voters(self, event: PromotionDispatched, asked: Asked) -> None:
        who = [each.who for each in event.voters]
        assert who, "the gate asked for somebody"
        assert len(set(who)) == len(who), "I5: distinct persons"
        assert asked.by not in who, "I5: not the requester"
        assert self.producers[event.version] not in who, "I5: not the producer"
        for voter in event.voters:
            cast_by, kind, vote = self.votes[voter.approval]
            assert (cast_by, kind) == (voter.who, ActorKind.PERSON), "I5: a person"
            assert "reviewer" in vote.roles, "I5: with the role"
            assert vote.promotion == event.promotion
            assert vote.binding == binding(self._bound(asked)), "I6: the binding"

    def _bound(self, asked: Asked) -> Bound:
        event = asked.event
        return Bound(
            digest=event.digest,
            stage=event.stage,
            policy_digest=event.policy_digest,
            evidence_set=tuple(
                id_ for id_, of in self.evidence.items() if of == event.version
            ),
            incumbent=event.incumbent,
        )

    def _lane(self, event: ModelEvent) -> None:
        match event:
            case SlotTaken(stage=stage, promotion=promotion, token=token):
                lane = self.lanes[stage]
                assert lane.slot is None, "I1: one holder"
                assert token == lane.token + 1, "I1: the token rises by one"
                lane.slot, lane.token = promotion, token
            case SlotReleased(stage=stage, promotion=promotion, token=token):
                lane = self.lanes[stage]
                assert (lane.slot, lane.token) == (promotion, token), "I1: the holder"
                lane.slot = None
            case DesiredSet():
                self._desired(event)
            case StableAdvanced(stage=stage, version=version):
                assert version in self.lanes[stage].succeeded
                self.lanes[stage].stable = version
            case _:
                pass

    def _desired(self, event: DesiredSet) -> None:
        lane = self.lanes[event.stage]
        assert (lane.slot, lane.token) == (event.promotion, event.token), "I2: holder"
        assert event.revision == lane.revision + 1, "I2: revision"
        lane.revision = event.revision
        for weights in event.targets.values():
            assert sum(weights.values()) == 100, "I2: weights"
        for variant in event.variants.values():
            bars = self.barred[variant.version]
            assert not bars & {"*", event.stage}, "I4: barred"

    def _ends(self, event: ModelEvent) -> None:
        if isinstance(event, ENDS_WAITING):
            assert event.promotion not in self.moving, "I11: it waited"
        elif isinstance(event, ENDS_MOVING):
            assert self.moving.pop(event.promotion) == event.stage, "I11: it moved"
        else:
            return
        assert event.promotion not in self.ended, "I11: one end"
        self.ended.add(event.promotion)
        if isinstance(event, PromotionSucceeded):
            self._succeeded(event)

    def _succeeded(self, event: PromotionSucceeded) -> None:
        lane = self.lanes[event.stage]
        lane.succeeded.add(event.version)
        kind = self.asked[event.promotion].event.kind
        if kind is not PromotionKind.ROLLBACK:
            lane.rolled_back_to.clear()
            return
        lane.rolled_back_to.append(event.version)
