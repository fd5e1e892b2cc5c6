"""Whatever happens to a bundle's members: all lanes change together, or none does."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.bundle import (
    BundleCancelled,
    BundleDispatched,
    BundleFailed,
    BundleRequested,
    BundleSucceeded,
    Member,
)
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import PromotionDispatched, RollbackTriggered
from rollbook.commands.bundle import SettleBundle
from rollbook.commands.promotion import AdvancePromotion, ExpirePromotion
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import BundleId, ModelName
from rollbook.subjects import BUNDLES, model_name
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.state import Promotion
from rollbook_services.registrar.surroundings import Bundles
from rollbook_services.registrar.transitions import ENDED, WAITING
from tests.services.invariants.bundling import (
    GONE,
    MODELS,
    OVER,
    Turn,
    beginning,
    turns,
)
from tests.services.invariants.surroundings import Surroundings
from tests.services.invariants.watch import Watch
from tests.support.scenario import CONDUCTOR
from tests.support.together import World

ENDS: Final = (BundleSucceeded, BundleFailed, BundleCancelled)
NOW: Final = timedelta(0)
ROUNDS: Final = 8
"""Waiting, moving, taken back: each of two models ends three times at most."""


@dataclass
class Pair:
    """An account of two models and their bundles."""

    around: Surroundings = field(default_factory=Surroundings)
    watches: dict[ModelName, Watch] = field(default_factory=dict)
    asked: dict[BundleId, BundleRequested] = field(default_factory=dict)
    ended: set[BundleId] = field(default_factory=set)

    def see(self, placed: Sequence[Envelope[Event]]) -> None:
        """Follow what one request has left."""
        for each in placed:
            name = model_name(each.aggregate)
            if name is not None:
                watch = self.watches.setdefault(name, Watch(self.around))
                watch.see(cast("Envelope[ModelEvent]", each))
            elif each.aggregate == BUNDLES:
                self._bundle(each.event)
            else:
                self.around.see(each)
        for watch in self.watches.values():
            watch.at_rest()
        self._together(placed)

    def _bundle(self, event: Event) -> None:
        if isinstance(event, BundleRequested):
            assert event.bundle == len(self.asked) + 1, "I20: bundles"
            self.asked[event.bundle] = event
        elif isinstance(event, ENDS):
            assert event.bundle not in self.ended, "I11: one end"
            self.ended.add(event.bundle)
        elif isinstance(event, BundleDispatched):
            assert event.bundle not in self.ended, "I11: an end is an end"

    def _together(self, placed: Sequence[Envelope[Event]]) -> None:
        """All members go in one decision, and none goes by itself."""
        gone = Counter(
            asked.event.bundle
            for name, event in dispatched(placed)
            if (asked := self.watches[name].asked[event.promotion]).event.bundle
        )
        wanted = {
            event.bundle: len(self.asked[event.bundle].members)
            for event in (each.event for each in placed)
            if isinstance(event, BundleDispatched)
        }
        assert gone == wanted, "all lanes change, or none"
        for each in placed:
            if isinstance(each.event, RollbackTriggered):
                name = model_name(each.aggregate)
                assert name is not None
                failed = self.watches[name].asked[each.event.failed_promotion]
                assert failed.event.bundle is None, "a member is not taken back alone"


def dispatched(
    placed: Sequence[Envelope[Event]],
) -> Iterator[tuple[ModelName, PromotionDispatched]]:
    for each in placed:
        name = model_name(each.aggregate)
        if name is not None and isinstance(each.event, PromotionDispatched):
            yield name, each.event


@given(history=st.lists(turns(), min_size=15, max_size=60))
def test_all_lanes_change_together_or_none_does(history: list[Turn]) -> None:
    world, pair = beginning(), Pair()
    pair.see(world.ledger)
    for turn in history:
        world = turn.take(world)
        pair.see(world.placed)
        leaves_nothing_behind(world)
    world = ends(world, pair)
    report = recompute(world.ledger)
    assert report.disagreements == (), "I3"


def leaves_nothing_behind(world: World) -> None:
    """What is over has no member that waits; what failed none that moves."""
    for bundle in world.known(BUNDLES, Bundles).bundles.values():
        states = {promotion_of(world, each).state for each in bundle.members}
        if bundle.state in OVER:
            assert not states & WAITING
        if bundle.state in GONE:
            assert states <= ENDED, "half a release is none"


def promotion_of(world: World, member: Member) -> Promotion:
    promotion: Promotion = world.model(member.model).promotions[member.promotion]
    return promotion


def ends(world: World, pair: Pair) -> World:
    """I17: time alone, and a conductor that looks, end every bundle."""
    for _ in range(ROUNDS):
        for command, at in list(due(world)):
            world = world.when(command, by=CONDUCTOR, after=max(at - world.at, NOW))
            pair.see(world.placed)
    assert list(due(world)) == [], "I17: every bundle ends, and each promotion"
    return world


def due(world: World) -> Iterator[tuple[AnyCommand, datetime]]:
    """Say what the conductor asks at last, if nobody else does anything."""
    for name in MODELS:
        for id_ in world.model(name).open:
            promotion: Promotion = world.model(name).promotions[id_]
            if promotion.state in WAITING:
                assert promotion.expires_at is not None
                expire = ExpirePromotion(model=name, promotion=id_)
                yield expire, promotion.expires_at
            else:
                assert promotion.underway is not None
                assert promotion.underway.deadlines is not None
                advance = AdvancePromotion(model=name, promotion=id_)
                yield advance, promotion.underway.deadlines.end_by
    for bundle in world.known(BUNDLES, Bundles).bundles.values():
        if bundle.state not in OVER:
            yield SettleBundle(bundle=bundle.id), world.at
