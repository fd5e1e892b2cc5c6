"""What runs beside a live version, with what is it compared, and what does it leave?

The account knows the rules only by what they recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.experiment import (
    Beside,
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
    Winner,
)
from rollbook.catalogue.lane import SlotReleased, SlotTaken, StableAdvanced
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import Verdict
from rollbook.envelope import Envelope
from rollbook.names import PromotionId, StageName, Version
from tests.services.invariants.serving import Serving, weights


@dataclass
class Contests:
    """An account of the comparisons that run just now."""

    serving: Serving
    running: dict[PromotionId, ExperimentStarted] = field(default_factory=dict)
    slots: dict[StageName, PromotionId] = field(default_factory=dict)
    stable: dict[StageName, Version] = field(default_factory=dict)

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        match recorded.event:
            case SlotTaken(stage=stage, promotion=promotion):
                self.slots[stage] = promotion
            case SlotReleased(stage=stage, promotion=promotion):
                assert promotion not in self.running, "an end ends the comparison"
                del self.slots[stage]
            case StableAdvanced(stage=stage, version=version):
                assert stage not in self._sides(), "nothing is stable beside another"
                self.stable[stage] = version
            case ExperimentStarted() as event:
                self._begins(event)
            case ExperimentConcluded(promotion=promotion) as event:
                is_due = recorded.at >= self.running[promotion].ends_at
                assert is_due or event.cause != "time", "not before its time"
                del self.running[promotion]
            case ExperimentInvalidated(promotion=promotion):
                del self.running[promotion]
            case _:
                pass

    def _begins(self, event: ExperimentStarted) -> None:
        assert self.slots[event.stage] == event.promotion, "I1: the holder"
        assert event.parent not in self.slots, "what it is compared with stays"
        assert event.champion == self.stable.get(event.parent), "the stable version"
        assert event.champion not in (None, event.candidate), "another version"
        own = self.serving.desired[event.parent]
        for target in self.serving.desired[event.stage].targets:
            assert weights(own, target) == {event.champion: 100}, "and nothing else"
        self.running[event.promotion] = event

    def close(self, batch: Sequence[Envelope[ModelEvent]]) -> None:
        """Check what holds between two decisions, and what a decision has left."""
        for id_, each in self.running.items():
            assert self.slots[each.stage] == id_, "it runs while it holds its slot"
            assert each.champion == self.stable[each.parent], "compared with the stable"
            is_moving = each.parent in self.slots
            assert not is_moving or each.beside is Beside.SHADOW, "nobody is pushed"
        found = {
            each.id: each.event
            for each in batch
            if isinstance(each.event, EvidenceRecorded)
        }
        for recorded in batch:
            if isinstance(recorded.event, ExperimentConcluded):
                assert recorded.event.evidence is not None, "it leaves evidence"
                said = found[recorded.event.evidence]
                is_pass = said.verdict is Verdict.PASS
                lost = recorded.event.winner is Winner.CHAMPION
                assert not (is_pass and lost), "who loses does not pass"

    def _sides(self) -> set[StageName]:
        return {each.stage for each in self.running.values()}
