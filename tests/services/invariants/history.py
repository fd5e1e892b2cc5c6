"""How is a random history lived, and what is looked at after every turn of it?"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final, cast

from rollbook.catalogue.approval import ApprovalGranted
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    GateEvaluated,
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
    PromotionRequested,
    PromotionSucceeded,
)
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import (
    AdvancePromotion,
    DispatchPromotion,
    ExpirePromotion,
    RequestCandidates,
)
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook.names import EvidenceKind, GateName, PromotionId, StageName
from rollbook.refusals import Refusal
from rollbook.subjects import model as aggregate_of
from rollbook_services.policy.document import BUILT_IN
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.seeing import explain, incumbent_of
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.transitions import (
    ENDED,
    WAITING,
    PromotionState,
)
from tests.services.invariants import rules
from tests.services.invariants.happenings import ruled_by, take
from tests.services.invariants.surroundings import Surroundings
from tests.services.invariants.turns import Turn
from tests.services.invariants.watch import Watch
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    BOB,
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    approve,
    evaluation,
    promote,
    register,
)
from tests.support.together import World, begun

MOMENT: Final = timedelta(milliseconds=1)
AGGREGATE: Final = aggregate_of(FRAUD)
_NONE: Final = GateName("none")


@cache
def beginning(name: str) -> World:
    """Begin where much can happen: 1 runs in production, 2 in staging, 4 are good."""
    register_ = RegisterModel(model=FRAUD, side_effect_free=True)
    world = begun(soon_over=(BOB, OWNER)).given(register_, by=PIPELINE)
    world = ruled_by(world, rules.PLAIN.get(name, BUILT_IN))
    for number in range(1, 5):
        command = register(number, authors=(RISK.id,) if number == 3 else ())
        world = world.given(command, by=PIPELINE)
        for kind in ("eval", "load"):
            record = evaluation(number, kind=EvidenceKind(kind))
            world = world.given(record, by=PIPELINE)
    for number, stage in ((1, STAGING), (1, PRODUCTION), (2, STAGING)):
        world = world.given(promote(number, stage), by=PIPELINE)
        newest = len(world.model().promotions)
        if stage == PRODUCTION and name not in rules.PLAIN:
            world = world.given(approve(newest, world.look()), by=BOB)
        world = world.given(dispatch(newest), by=CONDUCTOR)
        desired = world.model().lane(stage).desired
        for target in desired.targets if desired else ():
            world = world.applied(FRAUD, stage, target=target)
    world = ruled_by(world, rules.ALL[name])
    if name in rules.BEGUN:
        world = world.given(promote(2, rules.BEGUN[name]), by=PIPELINE)
        world = world.given(dispatch(len(world.model().promotions)), by=CONDUCTOR)
    return world


def dispatch(number: int) -> DispatchPromotion:
    """Ask for the slot."""
    return DispatchPromotion(model=FRAUD, promotion=PromotionId(number))


class Witness:
    """Who has seen all of a world's ledger so far, and what lies around its model."""

    def __init__(self, world: World) -> None:
        """Read what is there already."""
        self.around = Surroundings()
        self.watch = Watch(self.around)
        self.world = world
        for each in world.ledger:
            self._see(each)
        self.watch.at_rest()

    def _see(self, recorded: Envelope[Event]) -> None:
        if recorded.aggregate == AGGREGATE:
            self.watch.see(cast("Envelope[ModelEvent]", recorded))
        else:
            self.around.see(recorded)

    def lives(self, turn: Turn) -> None:
        """Let one more thing happen, and look at all that it led to."""
        before, self.world = self.world, take(self.world, turn)
        if self.world is not before:
            self.looks(before)

    def asks(self, command: AnyCommand, at: datetime) -> None:
        """Let the conductor ask for something, at an instant."""
        before = self.world
        self.world = before.when(command, by=CONDUCTOR, after=at - before.at)
        self.looks(before)

    def looks(self, before: World) -> None:
        """See what the last request led to."""
        if isinstance(self.world.outcome, Refusal):
            assert self.world.ledger == before.ledger, "a no changes nothing"
            assert len(self.world.outcome.message) > 20
        for each in self.world.placed:
            self._see(each)
        self.watch.at_rest()
        are_judged_right(self.world.look(), _judged_in(self.world.placed))
        snapshots_tell_all(before.model(), self.world)
        self._lack_somebody()
        self._is_not_undone()

    def _lack_somebody(self) -> None:
        """I7: what waits for people after a vote could not be filled by any seating."""
        model = self.world.look()
        votes = (each.event for each in self.world.placed)
        voted = {v.promotion: v.gate for v in votes if isinstance(v, ApprovalGranted)}
        for promotion in waiting(model):
            said = promotion.gates.get(voted.get(promotion.id, _NONE))
            if said is not None and said[0] is GateStatus.WAIT:
                self.watch.waits_for_people(promotion.id, self.world.at)

    def _is_not_undone(self) -> None:
        """I10: automation never wants to replace what a person has just brought in."""
        for each in self.world.placed:
            if not isinstance(each.event, PromotionSucceeded):
                continue
            asked = self.watch.asked[each.event.promotion]
            if self._ran_beside(each.event.stage):
                continue  # it replaced nothing that could come back
            if asked.is_forward and not asked.event.automatic:
                wake = RequestCandidates(model=FRAUD)
                then = self.world.when(wake, by=CONDUCTOR, after=timedelta(0))
                wanted = [
                    new.event.stage
                    for new in then.placed
                    if isinstance(new.event, PromotionRequested)
                ]
                assert each.event.stage not in wanted, "I10: undone by automation"

    def _ran_beside(self, stage: StageName) -> bool:
        desired = self.watch.lanes[stage].desired
        return desired is not None and desired.beside is not None


def _judged_in(placed: Iterable[Envelope[Event]]) -> set[PromotionId]:
    """Name the promotions that a decision has judged."""
    judged = (PromotionRequested, GateEvaluated, PromotionReadied, PromotionBlocked)
    events = (each.event for each in placed)
    return {each.promotion for each in events if isinstance(each, judged)}


def are_judged_right(model: Scenario, ids: Iterable[PromotionId]) -> None:
    """No decision leaves a promotion READY, or waiting, that should not be."""
    for promotion in waiting(model):
        if promotion.id not in ids:
            continue
        incumbent = incumbent_of(model.model, promotion.stage).version
        if promotion.kind is not PromotionKind.ROLLBACK:
            assert promotion.incumbent == incumbent, "I12: judged against what runs"
        judged = explain(model.model, promotion, model.context, model.at)
        is_open = all(each.is_open for each in judged)
        assert is_open == (promotion.state is PromotionState.READY)
        said = (each.result for each in judged)
        known = {
            each.gate: (each.status, each.inputs, each.recheck_at) for each in said
        }
        assert promotion.gates == known, "every change of a gate is recorded"


def snapshots_tell_all(model: Model, world: World) -> None:
    """I3: judged again just before it, a dispatch says the same of every gate."""
    context = world.look().context
    own = [each for each in world.placed if each.aggregate == AGGREGATE]
    if not any(isinstance(each.event, PromotionDispatched) for each in own):
        return
    for each in own:
        if isinstance(each.event, PromotionDispatched):
            promotion: Promotion = model.promotions[each.event.promotion]
            judged = explain(model, promotion, context, each.at)
            assert each.event.gates == tuple(one.result for one in judged), "I3"
        model = evolve(model, cast("Envelope[ModelEvent]", each))


def waiting(model: Scenario) -> list[Promotion]:
    """Return the promotions that have not been dispatched."""
    known = [model.model.promotions[id_] for id_ in model.model.open]
    return [each for each in known if each.state in WAITING]


def agrees(witness: Witness) -> None:
    """What was folded and what was watched are the same."""
    model, watch = witness.world.model(), witness.watch
    assert set(model.open) == set(watch.asked) - watch.ended, "I11: open or ended"
    assert len(model.promotions) == len(watch.asked), "I20: none is lost"
    assert len(model.versions) == len(watch.versions), "I20: none is lost"
    for stage, lane in model.lanes.items():
        seen = watch.lanes[stage]
        slot = lane.slot.promotion if lane.slot else None
        stable = lane.stable[-1].version if lane.stable else None
        assert (slot, lane.token) == (seen.slot, seen.token), "I1: the slot"
        assert (lane.desired, lane.revision) == (seen.desired, seen.revision), "I2"
        assert stable == seen.stable
        held = watch.holds.held.get(stage)
        assert (lane.hold.id if lane.hold else None) == (held[0] if held else None)


def keep_their_word(model: Scenario) -> None:
    """I14: without an event no gate changes before it said it would."""
    for promotion in waiting(model):
        judged = explain(model.model, promotion, model.context, model.at)
        first = [each.result for each in judged]
        for at in _instants(model.at, [each.recheck_at for each in first]):
            then = explain(model.model, promotion, model.context, at)
            for said, now in zip(first, (each.result for each in then), strict=True):
                is_due = said.recheck_at is not None and said.recheck_at <= at
                assert is_due or now.status is said.status, f"I14: {said} at {at}"


def _instants(
    since: datetime, rechecks: Sequence[datetime | None]
) -> Iterator[datetime]:
    """Choose instants around which something may change, and some in between."""
    yield from (since + timedelta(days=days) for days in (1, 3, 30))
    for recheck in {each for each in rechecks if each is not None}:
        yield from (since + (recheck - since) / 2, recheck - MOMENT)


def ends(witness: Witness) -> None:
    """I17: advancing time alone ends every promotion, in a bounded number of steps."""
    # Each of them once, and after each a rollback by rule, which triggers nothing.
    bound = 2 * len(witness.world.model().open)
    for _ in range(bound):
        open_ = witness.world.look().model.open
        if not open_:
            break
        promotion = witness.world.model().promotions[open_[0]]
        if promotion.state in WAITING:
            assert promotion.expires_at is not None, "I17: everything has a deadline"
            command: AnyCommand = ExpirePromotion(model=FRAUD, promotion=promotion.id)
            at = promotion.expires_at
        else:
            assert promotion.underway is not None
            assert promotion.underway.deadlines is not None, "I17: a deadline"
            command = AdvancePromotion(model=FRAUD, promotion=promotion.id)
            at = promotion.underway.deadlines.end_by
        witness.asks(command, max(at, witness.world.at))
        ended = witness.world.model().promotions[promotion.id]
        assert ended.state in ENDED, "I17: its time is over"
    assert not witness.world.model().open, "I17: no wait is for ever"
