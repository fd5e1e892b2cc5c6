"""Is every waived gate accounted for?"""

from dataclasses import dataclass, field

from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    GateEvaluated,
    GateResult,
    PromotionDispatched,
    PromotionRebound,
)
from rollbook.catalogue.waiver import (
    GateWaived,
    ReviewClosed,
    ReviewOpened,
    WaiverRequested,
)
from rollbook.envelope import ActorKind, Envelope
from rollbook.names import EventId, ModelName, Principal, PromotionId
from rollbook_services.policy.stage import BreakGlass
from tests.services.invariants.asked import Asked
from tests.services.invariants.surroundings import Surroundings

NEVER = ("artifact", "quarantine", "lane")
I8 = "I8: a waived gate is accounted for"


@dataclass
class Glass:
    """An account of one model's waivers and reviews."""

    model: ModelName
    around: Surroundings
    asked: dict[PromotionId, Asked]
    wishes: dict[EventId, Envelope[ModelEvent]] = field(default_factory=dict)
    live: dict[tuple[PromotionId, str], tuple[EventId, GateWaived]] = field(
        default_factory=dict
    )
    people: dict[EventId, set[Principal]] = field(default_factory=dict)
    reviews: dict[EventId, EventId] = field(default_factory=dict)
    """The waiver that each review is about."""
    closed: set[EventId] = field(default_factory=set)

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        match recorded.event:
            case WaiverRequested() as wish:
                self._wished(recorded, wish)
            case GateWaived() as waived:
                self._waived(recorded, waived)
            case ReviewOpened(waiver=waiver):
                assert waiver not in self.reviews.values(), "I8: one review"
                self.reviews[recorded.id] = waiver
            case ReviewClosed(review=review):
                self._closed(recorded, review)
            case PromotionRebound(promotion=promotion):
                self.live = {k: v for k, v in self.live.items() if k[0] != promotion}
            case GateEvaluated() | PromotionDispatched() as event:
                for each in told(event):
                    self._shown(event.promotion, each, recorded)
            case _:
                pass

    def _wished(self, recorded: Envelope[ModelEvent], wish: WaiverRequested) -> None:
        glass = self.around.stage(self.model, wish.stage).glass(wish.break_glass)
        assert glass is not None, "I8: a live class"
        assert wish.reason.strip(), "I8: a reason"
        assert recorded.actor.kind is ActorKind.PERSON, "I8: a person"
        assert set(recorded.actor.roles).intersection(glass.roles), "I8: the role"
        assert wish.incident or not glass.incident_required
        assert wish.until == recorded.at + glass.valid_for
        assert wish.needs_second_person or not glass.second_person
        self.wishes[recorded.id] = recorded
        self.people[recorded.id] = {recorded.actor.id, self.asked[wish.promotion].by}

    def _waived(self, recorded: Envelope[ModelEvent], waived: GateWaived) -> None:
        asked = self.wishes[waived.waiver]
        wish = asked.event
        assert isinstance(wish, WaiverRequested)
        assert waived.gate in wish.gates, I8
        assert waived.gate not in NEVER, "I8: never waivable"
        assert (waived.promotion, waived.reason) == (wish.promotion, wish.reason), I8
        assert (waived.asked_by, waived.until) == (asked.actor.id, wish.until), I8
        assert recorded.at < waived.until, I8
        glass = self._reaches(waived, wish)
        if wish.needs_second_person:
            self._seconded(recorded, waived, glass)
        else:
            assert waived.second_person is None, I8
        self.live[waived.promotion, waived.gate] = (waived.waiver, waived)

    def _reaches(self, waived: GateWaived, wish: WaiverRequested) -> BreakGlass:
        stage = self.around.stage(self.model, wish.stage)
        glass = stage.glass(waived.break_glass)
        assert glass is not None, "I8: a live class"
        kind = self.asked[waived.promotion].event.kind
        kinds = {each.id: each.kind for each in stage.asked(kind)}
        assert kinds[waived.gate] in glass.waives, "I8: within reach"
        return glass

    def _seconded(
        self, recorded: Envelope[ModelEvent], waived: GateWaived, glass: BreakGlass
    ) -> None:
        second = recorded.actor
        assert waived.second_person == second.id, "I8: a second person"
        assert second.kind is ActorKind.PERSON, "I8: a person"
        names = self.around.person(waived.asked_by)
        assert second.id not in names, "I8: another person"
        roles = {*glass.roles, glass.escalation_role}
        assert roles.intersection(second.roles), "I8: the second one's role"
        self.people[waived.waiver].add(second.id)

    def _closed(self, recorded: Envelope[ModelEvent], review: EventId) -> None:
        assert review not in self.closed, "I8: closed once"
        self.closed.add(review)
        for each in self.people[self.reviews[review]]:
            names = self.around.person(each)
            assert recorded.actor.id not in names, "I8: by who had no part"

    def _shown(
        self, promotion: PromotionId, result: GateResult, recorded: Envelope[ModelEvent]
    ) -> None:
        """Check a gate that is shown as waived."""
        is_waived = result.status is GateStatus.WAIVED
        assert is_waived == (result.waiver is not None), I8
        if is_waived:
            waiver, waived = self.live[promotion, result.gate]
            assert waiver == result.waiver, I8
            assert recorded.at < waived.until, "I8: in time"

    def at_rest(self) -> None:
        """Check that each waiver that was granted is owed one review."""
        granted = {waiver for waiver, _ in self.live.values()}
        assert granted <= set(self.reviews.values()), "I8: exactly one review"


def told(event: GateEvaluated | PromotionDispatched) -> tuple[GateResult, ...]:
    """Return what an event says of gates."""
    return (event.result,) if isinstance(event, GateEvaluated) else event.gates
