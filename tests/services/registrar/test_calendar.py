"""The rules of freezes: who closes which lanes, until when, and who opens them."""

from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.calendar import FreezeDeclared, FreezeLifted, InFlight, Lanes
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.envelope import Actor
from rollbook.names import EventId, ModelName, Reason, StageName
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.governing import freezes_over
from tests.services.registrar.installation import (
    COMMANDER,
    EVERYBODY,
    MANAGER,
    OWNER,
    VIEWER,
    Installation,
    activate,
    nobody_acted,
    propose,
    written,
)
from tests.support.scenario import START, person

RISK = person("r", "risk-officer")
HOUR = timedelta(hours=1)
NOW = START + timedelta(minutes=1)  # when the first request comes


@pytest.fixture
def house() -> Installation:
    """One policy, whose risk-officers may freeze its model."""
    document = written("tier1", "acme/fraud", freeze_by=["risk-officer"])
    then = nobody_acted(*EVERYBODY, RISK).given(propose(document), by=OWNER)
    return then.given(activate(document), by=OWNER)


def freeze(*models: str, stages: tuple[str, ...] = (), **changes: Any) -> DeclareFreeze:
    covers = Lanes(models=models, stages=tuple(StageName(each) for each in stages))
    return DeclareFreeze(covers=covers, reason=Reason("year end"), **changes)


def lift(id_: str) -> LiftFreeze:
    return LiftFreeze(freeze=EventId(id_), reason=Reason("over"))


def frozen(house: Installation, model: str) -> list[EventId]:
    return [each.freeze.id for each in freezes_over(house.calendar, ModelName(model))]


@pytest.mark.parametrize("by", [MANAGER, COMMANDER])
def test_a_manager_or_a_commander_closes_any_lane(by: Actor) -> None:
    then = nobody_acted().given(freeze(), by=by).then(FreezeDeclared)
    [declared] = then.calendar.freezes.values()
    assert declared.freeze.id == then.ids[FreezeDeclared]
    assert (declared.freeze.by, declared.freeze.from_at) == (by.id, then.at)
    assert declared.freeze.exempt == (PromotionKind.ROLLBACK,)
    assert frozen(then, "acme/fraud") == frozen(then, "x") == [declared.freeze.id]
    assert then.calendar.rev == 1


def test_whom_the_policy_lists_closes_the_lanes_of_its_models_by_name(
    house: Installation,
) -> None:
    house.given(freeze("acme/fraud"), by=RISK).then(FreezeDeclared)
    needed = ["incident-commander", "release-manager"]
    for models in ((), ("acme/*",), ("acme/churn",), ("acme/fraud", "acme/churn")):
        told = house.when(freeze(*models), by=RISK)
        told.then_refused(Why.FORBIDDEN)
        assert set(needed) <= set(told.refusal.detail["needed"])
    told = house.when(freeze("acme/fraud"), by=VIEWER)
    told.then_refused(Why.FORBIDDEN, needed=sorted([*needed, "risk-officer"]))


def test_only_a_manager_opens_the_lanes_again(house: Installation) -> None:
    closed = house.given(freeze("acme/fraud"), by=RISK)
    id_ = closed.ids[FreezeDeclared]
    for actor in (RISK, COMMANDER):
        closed.when(lift(id_), by=actor).then_refused(
            Why.FORBIDDEN, needed=["release-manager"]
        )
    then = closed.given(lift(id_), by=MANAGER).then(FreezeLifted)
    assert frozen(then, "acme/fraud") == []
    then.when(lift(id_), by=MANAGER).then_refused(Why.UNKNOWN_FREEZE, freezes=[])


def test_an_unknown_freeze_names_the_open_ones() -> None:
    closed = nobody_acted().given(freeze(), by=MANAGER)
    closed.when(lift("0" * 36), by=MANAGER).then_refused(
        Why.UNKNOWN_FREEZE, freezes=[closed.ids[FreezeDeclared]]
    )


def test_a_freeze_covers_what_it_names() -> None:
    house = nobody_acted()
    some = house.given(freeze("acme/credit-*", "default/churn"), by=MANAGER)
    assert frozen(some, "acme/credit-eu")
    assert frozen(some, "churn")
    assert not frozen(some, "acme/fraud")
    assert some.event(FreezeDeclared).covers.models == ("acme/credit-*", "churn")


def test_what_can_name_no_lane_is_refused(house: Installation) -> None:
    for wrong in ("acme fraud", "default/*", "a/b/c"):
        told = house.when(freeze(wrong), by=MANAGER).then_refused(Why.INVALID)
        assert "covers.models" in told.refusal.message
    told = house.when(freeze(stages=("prod",)), by=MANAGER)
    told.then_refused(Why.UNKNOWN_STAGE, stage="prod")
    for stage in ("live", "production"):
        house.given(freeze(stages=(stage,)), by=MANAGER)


def test_a_freeze_ends_after_it_begins_and_not_in_the_past() -> None:
    house = nobody_acted()
    late = freeze(from_at=NOW + HOUR, until=NOW + HOUR)
    for ended in (freeze(until=NOW), late):
        told = house.when(ended, by=MANAGER).then_refused(Why.INVALID)
        assert told.refusal.message.startswith("until")
    then = house.given(freeze(from_at=NOW + HOUR, until=NOW + 2 * HOUR), by=MANAGER)
    [declared] = then.calendar.freezes.values()
    assert not declared.freeze.is_closed(NOW)
    assert declared.freeze.is_closed(NOW + HOUR)
    assert not declared.freeze.is_closed(NOW + 2 * HOUR)


def test_a_beginning_that_has_passed_is_now() -> None:
    then = nobody_acted().given(freeze(from_at=START), by=MANAGER)
    assert then.event(FreezeDeclared).from_at is None


def test_stopping_the_line_is_now_and_lets_nothing_finish() -> None:
    house = nobody_acted()
    then = house.given(freeze(stops_the_line=True), by=COMMANDER)
    assert then.event(FreezeDeclared).in_flight is InFlight.PAUSE
    harder = freeze(stops_the_line=True, in_flight=InFlight.ABORT)
    then = house.given(harder, by=COMMANDER)
    assert then.event(FreezeDeclared).in_flight is InFlight.ABORT
    later = freeze(stops_the_line=True, from_at=NOW + HOUR)
    told = house.when(later, by=COMMANDER).then_refused(Why.INVALID)
    assert told.refusal.message.startswith("from_at")


def test_a_freeze_that_ran_out_is_forgotten_with_the_next_event() -> None:
    short = nobody_acted().given(freeze(until=NOW + HOUR), by=MANAGER)
    id_ = short.ids[FreezeDeclared]
    over = short.when(lift(id_), by=MANAGER, after=HOUR)
    over.then_refused(Why.UNKNOWN_FREEZE, freezes=[])
    next_ = short.given(freeze("acme/fraud"), by=MANAGER, after=2 * HOUR)
    assert set(next_.calendar.freezes) == {next_.ids[FreezeDeclared]}
