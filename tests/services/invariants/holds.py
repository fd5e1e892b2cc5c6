"""Who keeps automation away from a lane, and until when?"""

from dataclasses import dataclass, field
from datetime import datetime

from rollbook.catalogue.lane import LaneHeld, LaneReleased
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.envelope import ActorKind, Envelope
from rollbook.names import EventId, PromotionId, StageName
from tests.services.invariants.asked import Asked


@dataclass
class Holds:
    """An account of the holds of one model's lanes."""

    asked: dict[PromotionId, Asked]
    moved: set[PromotionId] = field(default_factory=set)
    """What was dispatched, ever."""
    held: dict[StageName, tuple[EventId, LaneHeld]] = field(default_factory=dict)

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        match recorded.event:
            case LaneHeld(stage=stage) as hold:
                assert not self.is_held(stage, recorded.at), "one hold is enough"
                self.held[stage] = (recorded.id, hold)
            case LaneReleased(stage=stage, hold=id_):
                assert self.held[stage][0] == id_, "I10: this hold"
            case PromotionDispatched(promotion=promotion, stage=stage):
                self.moved.add(promotion)
                asked = self.asked[promotion]
                if asked.event.automatic and not asked.is_rollback:
                    assert not self.is_held(stage, recorded.at), "I10: kept away"
            case _:
                pass

    def close(self, batch: list[Envelope[ModelEvent]]) -> None:
        """Check what a whole decision did to the holds."""
        for recorded in batch:
            match recorded.event:
                case LaneReleased(stage=stage):
                    self._is_lifted_rightly(stage, recorded, batch)
                case PromotionRequested(promotion=promotion, stage=stage):
                    if self.asked[promotion].is_rollback:
                        assert self.is_held(stage, recorded.at), "I10: held at once"
                case _:
                    pass

    def is_held(self, stage: StageName, at: datetime) -> bool:
        """Tell whether a lane is held at an instant."""
        if stage not in self.held:
            return False
        until = self.held[stage][1].until
        return until is None or at < until

    def _is_lifted_rightly(
        self,
        stage: StageName,
        recorded: Envelope[ModelEvent],
        batch: list[Envelope[ModelEvent]],
    ) -> None:
        """By a person's word, their success, or the end of what placed it unmoved."""
        _, hold = self.held.pop(stage)
        succeeded = [
            each.event.promotion
            for each in batch
            if isinstance(each.event, PromotionSucceeded) and each.event.stage == stage
        ]
        by_success = any(not self.asked[each].event.automatic for each in succeeded)
        undone = hold.by_promotion is not None and hold.by_promotion not in self.moved
        by_person = recorded.actor.kind is ActorKind.PERSON
        assert by_success or undone or by_person, "I10: lifted by whom?"
