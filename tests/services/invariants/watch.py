"""What must hold after every event of a model's history?

The watch knows the rules only by their results: it reads recorded events and keeps
its own small account of them. Told what lies around the model, it checks more.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from rollbook.catalogue.approval import ApprovalRefused
from rollbook.catalogue.lane import (
    DesiredSet,
    LaneHeld,
    LaneReleased,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    PromotionAborted,
    PromotionCancelled,
    PromotionDispatched,
    PromotionErrored,
    PromotionExpired,
    PromotionFailed,
    PromotionRebased,
    PromotionRebound,
    PromotionRejected,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
    RollbackTriggered,
)
from rollbook.catalogue.target import (
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.catalogue.version import VersionRegistered
from rollbook.catalogue.waiver import ReviewClosed
from rollbook.envelope import Envelope
from rollbook.names import Digest, PromotionId, StageName, Version
from rollbook.subjects import model_name
from rollbook_services.policy.shape import Mode
from tests.services.invariants.asked import Asked
from tests.services.invariants.contests import Contests
from tests.services.invariants.glass import Glass
from tests.services.invariants.holds import Holds
from tests.services.invariants.serving import Serving
from tests.services.invariants.stays import Stays
from tests.services.invariants.surroundings import Surroundings
from tests.services.invariants.votes import Going, Votes

ENDS_MOVING = (PromotionSucceeded, PromotionFailed, PromotionErrored, PromotionAborted)
ENDS_WAITING = (
    PromotionCancelled,
    PromotionRejected,
    PromotionSuperseded,
    PromotionExpired,
)
REPORTS = (TargetAcknowledged, TargetApplied, TargetFailed, TargetErrored)
ABOUT_THE_PAST = (
    *(ApprovalRefused, ReviewClosed),
    *(SlotReleased, StableAdvanced, LaneHeld, LaneReleased),
)
"""What may name a promotion that has ended."""


@dataclass
class LaneSeen:
    """A lane as its events tell it."""

    slot: PromotionId | None = None
    token: int = 0
    revision: int = 0
    desired: DesiredSet | None = None
    stable: Version | None = None
    succeeded: set[Version] = field(default_factory=set)
    moved_at: datetime | None = None
    """When a promotion forward was last dispatched."""


@dataclass
class Watch:
    """An account of a history; `see` raises AssertionError where a rule is broken."""

    around: Surroundings | None = None
    asked: dict[PromotionId, Asked] = field(default_factory=dict)
    moving: dict[PromotionId, StageName] = field(default_factory=dict)
    ended: set[PromotionId] = field(default_factory=set)
    lanes: defaultdict[StageName, LaneSeen] = field(
        default_factory=lambda: defaultdict(LaneSeen)
    )
    versions: dict[Version, VersionRegistered] = field(default_factory=dict)
    batch: list[Envelope[ModelEvent]] = field(default_factory=list)
    """What the last decision has recorded so far."""
    holds: Holds = field(init=False)
    serving: Serving = field(init=False)
    contests: Contests = field(init=False)
    votes: Votes | None = None
    glass: Glass | None = None
    stays: Stays | None = None

    def __post_init__(self) -> None:
        """Let holds be kept from the start; the rest waits for the model's name."""
        self.holds = Holds(self.asked)
        self.serving = Serving(self.asked, around=self.around)
        self.contests = Contests(self.serving)

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        if self.batch and self.batch[-1].command_id != recorded.command_id:
            self.at_rest()
        self.batch.append(recorded)
        self._named(recorded)
        self._numbers(recorded)
        self._is_not_over(recorded.event)
        for account in (self.votes, self.holds, self.stays, self.glass):
            if account is not None:
                account.see(recorded)
        if isinstance(recorded.event, PromotionDispatched):
            self._dispatched(recorded.event, recorded.at)
        self._lane(recorded.event)
        self.serving.see(recorded)
        self.contests.see(recorded)
        self._ends(recorded.event)

    def at_rest(self) -> None:
        """Check what holds between two decisions."""
        for id_, stage in self.moving.items():
            assert self.lanes[stage].slot == id_, "I11: an end frees its slot"
        self.holds.close(self.batch)
        self.contests.close(self.batch)
        if self.glass is not None:
            self.glass.at_rest()
        self.batch = []

    def _named(self, recorded: Envelope[ModelEvent]) -> None:
        """Open the accounts that have to know the model."""
        if self.votes is not None:
            return
        name = model_name(recorded.aggregate)
        assert name is not None
        self.votes = Votes(name, self.around)
        self.serving.model = name
        if self.around is not None:
            self.glass = Glass(name, self.around, self.asked)
            self.stays = Stays(name, self.around, self.asked)

    def _numbers(self, recorded: Envelope[ModelEvent]) -> None:
        match recorded.event:
            case VersionRegistered(version=version) as registered:
                assert version == len(self.versions) + 1, "I20: versions"
                self.versions[version] = registered
            case PromotionRequested(promotion=id_, stage=stage) as event:
                assert id_ == len(self.asked) + 1, "I20: promotions"
                self.asked[id_] = Asked(
                    event, recorded.actor, event.incumbent, event.policy_digest
                )
                if self.asked[id_].is_rollback:
                    succeeded = self.lanes[stage].succeeded
                    assert event.version in succeeded, "I9: it has been there"
            case PromotionRebound(promotion=id_, to_digest=digest):
                self.asked[id_].policy_digest = digest
            case PromotionRebased(promotion=id_, from_version=was, to_version=now):
                assert self.asked[id_].incumbent == was, "I12: judged again"
                self.asked[id_].incumbent = now
            case RollbackTriggered(failed_promotion=id_):
                assert not self.asked[id_].is_rollback, "I9: no rollback of a rollback"
            case _:
                pass

    def _is_not_over(self, event: ModelEvent) -> None:
        """Nothing happens to what has ended."""
        id_ = getattr(event, "promotion", None)
        if id_ in self.ended and not isinstance(event, ABOUT_THE_PAST):
            raise AssertionError(f"I11: {event.recorded_as} after the end")

    def waits_for_people(self, id_: PromotionId, at: datetime) -> None:
        """Check that a promotion that waits for votes does not have them."""
        asked = self.asked[id_]
        assert self.votes is not None
        self.votes.wait(self._going(asked, at, asked.policy_digest))

    def _dispatched(self, event: PromotionDispatched, at: datetime) -> None:
        assert event.promotion not in self.moving, "I11: dispatched once"
        self.moving[event.promotion] = event.stage
        let_through = (GateStatus.PASS, GateStatus.WAIVED)
        for gate in event.gates:
            is_enforced = gate.mode == Mode.ENFORCE
            assert not is_enforced or gate.status in let_through, "I3: open gates"
        asked, lane = self.asked[event.promotion], self.lanes[event.stage]
        assert lane.slot is None, "I1: the slot is free"
        self._counts_votes(event, asked, at)
        if asked.is_rollback:
            return
        assert asked.incumbent == lane.stable, "I12: compare and set"
        self._is_not_frozen(event, asked, at)
        if asked.is_forward:
            lane.moved_at = at

    def _counts_votes(
        self, event: PromotionDispatched, asked: Asked, at: datetime
    ) -> None:
        assert self.votes is not None
        self.votes.dispatched(event, self._going(asked, at, event.policy_digest))

    def _going(self, asked: Asked, at: datetime, rules: Digest | None) -> Going:
        version = self.versions[asked.event.version]
        moved_at = self.lanes[asked.event.stage].moved_at
        return Going(asked, version.producer, version.authors, at, moved_at, rules)

    def _is_not_frozen(
        self, event: PromotionDispatched, asked: Asked, at: datetime
    ) -> None:
        if self.around is None or self.votes is None:
            return
        said = next(each for each in event.gates if each.gate == "freeze")
        for freeze in self.around.closing(self.votes.model, event.stage, at):
            is_exempt = asked.event.kind in freeze.exempt
            is_waived = said.status is GateStatus.WAIVED and freeze.waivable
            assert is_exempt or is_waived or said.mode != Mode.ENFORCE, "I18: frozen"

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
                assert promotion in self.ended, "I11: it ends before its slot is free"
                lane.slot = None
            case DesiredSet():
                self._desired(event)
            case StableAdvanced(stage=stage, version=version):
                assert version in self.lanes[stage].succeeded
                self.lanes[stage].stable = version
            case _ if isinstance(event, REPORTS):
                lane = self.lanes[event.report.stage]
                assert event.report.token == lane.token, "I1: a lower token is fenced"
            case _:
                pass

    def _desired(self, event: DesiredSet) -> None:
        lane = self.lanes[event.stage]
        assert (lane.slot, lane.token) == (event.promotion, event.token), "I2: holder"
        assert event.revision == lane.revision + 1, "I2: revision"
        lane.revision, lane.desired = event.revision, event

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
            self.lanes[event.stage].succeeded.add(event.version)
