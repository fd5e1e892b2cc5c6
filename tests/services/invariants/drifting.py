"""What may a history of reports, drifts and changes of one lane never show?

The account knows the rules only by what they recorded, and what agents were told.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rollbook.catalogue.lane import DesiredSet, DriftPolicy, SlotReleased, SlotTaken
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import PromotionDispatched, PromotionRequested
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import Digest, EventId, PromotionId, TargetName
from rollbook_services.registrar.state import Lane

REPORTED = (
    *(TargetAcknowledged, TargetApplied, TargetFailed, TargetErrored),
    *(DriftDetected, DriftCorrected),
)
Runs = Mapping[str, Digest]


@dataclass
class Open:
    """A drift that has not converged."""

    id: EventId
    accepted: bool = False


@dataclass
class Account:
    """One lane as its events tell it; `see` raises where a rule is broken."""

    policy: DriftPolicy
    slot: PromotionId | None = None
    token: int = 0
    desired: DesiredSet | None = None
    kinds: dict[PromotionId, PromotionKind] = field(default_factory=dict)
    open: dict[TargetName, Open] = field(default_factory=dict)
    seen: dict[TargetName, Runs] = field(default_factory=dict)
    """What each target was last said to run."""
    asleep: tuple[TargetName, ...] = ()
    """Those that the last change did not wait for."""
    begun: set[TargetName] = field(default_factory=set)
    """Those that have said something of what is desired now."""

    def see(self, recorded: Envelope[Event]) -> None:
        """Follow one event."""
        event = recorded.event
        if isinstance(event, REPORTED):
            self._is_present(event.report)
        self._moves(event)
        match event:
            case DriftDetected():
                self._detected(event, recorded.id)
            case DriftCorrected():
                self._corrected(event)
            case DriftAccepted():
                self._accepted(event)
            case _:
                pass
        if isinstance(event, REPORTED):
            self.seen[event.report.target] = event.report.observed
            self.begun.add(event.report.target)

    def _moves(self, event: Event) -> None:
        match event:
            case PromotionRequested():
                self.kinds[event.promotion] = event.kind
            case PromotionDispatched():
                self._dispatched(event)
            case SlotTaken():
                self.slot, self.token = event.promotion, event.token
            case SlotReleased():
                self.slot = None
            case DesiredSet():
                self.desired, self.open, self.begun = event, {}, set()
            case _:
                pass

    def _is_present(self, said: Report) -> None:
        assert self.desired is not None
        present = (self.token, self.desired.revision, self.desired.promotion)
        assert (said.token, said.revision, said.promotion) == present, "fenced off"

    def _dispatched(self, event: PromotionDispatched) -> None:
        assert event.rollout is not None
        self.asleep = event.rollout.drained
        asked = next((each for each in event.gates if each.gate == "drift"), None)
        is_back = self.kinds[event.promotion] is PromotionKind.ROLLBACK
        is_asked = self.policy is DriftPolicy.REQUIRE_ACCEPTANCE and not is_back
        assert (asked is not None) is is_asked, "only what has to be accepted is asked"
        if asked is not None:
            assert self.unaccepted() == [], "nothing moves over what nobody accepted"
            assert asked.status is GateStatus.PASS
            assert set(asked.inputs) == {each.id for each in self.open.values()}

    def _detected(self, event: DriftDetected, id_: EventId) -> None:
        said, desired = event.report, self.desired
        assert desired is not None
        assert self.slot is None, "nothing drifts while a change is under way"
        assert event.policy is desired.drift
        assert said.target in desired.targets
        is_kept = said.target in self.asleep and said.target not in self.begun
        assert not is_kept, "what is drained keeps what it serves"
        assert dict(said.observed) != self.should(said.target), (
            "it runs what is desired"
        )
        if said.target in self.open:
            assert self.seen[said.target] != said.observed, "one drift is told once"
        self.open[said.target] = Open(id_)

    def _corrected(self, event: DriftCorrected) -> None:
        said = event.report
        known = self.open.pop(said.target, None)
        assert known is not None, "only what drifted converges"
        assert known.id == event.drift
        runs = {name: said.observed.get(name) for name in self.should(said.target)}
        assert runs == self.should(said.target), "it runs what is desired again"

    def _accepted(self, event: DriftAccepted) -> None:
        known = self.open[event.target]
        assert (known.id, known.accepted) == (event.drift, False)
        known.accepted = True

    def should(self, target: TargetName) -> dict[str, Digest]:
        """Return what a target should run."""
        assert self.desired is not None
        weights = self.desired.targets[target]
        return {name: self.desired.variants[name].digest for name in weights}

    def unaccepted(self) -> list[TargetName]:
        """Name the targets that run something else, and nobody has accepted it."""
        return [name for name, each in self.open.items() if not each.accepted]

    def agrees(self, lane: Lane) -> None:
        """Compare with what the rules remember."""
        assert {n: Open(d.id, d.accepted) for n, d in lane.drifts.items()} == self.open
        for name in self.open:
            assert lane.targets[name].state != "applied"
            assert lane.targets[name].revision == lane.revision
        for name, now in lane.targets.items():
            is_present = now.revision == lane.revision
            assert name in self.open or not (is_present and now.state == "drifted")
