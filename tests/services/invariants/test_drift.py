"""After any interleaving of reports and changes, fences stand and drifts are told.

Under each drift policy: a lower token or revision never changes the lane; drifts are
told once, corrected once and never while a change is under way; and what has to be
accepted, and nothing else, keeps back what comes.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from pydantic import TypeAdapter

from rollbook.catalogue.lane import DriftPolicy
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import PromotionDispatched
from rollbook.commands.promotion import CancelPromotion
from rollbook.commands.target import ReportTarget
from rollbook.names import GateName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.seeing import explain
from rollbook_services.registrar.state import Model, Promotion
from rollbook_services.registrar.transitions import WAITING
from tests.services.invariants.drifting import Account
from tests.services.invariants.reports import (
    STRATEGIES,
    VERSIONS,
    Turn,
    asked,
    beginning,
    dispatch,
    histories,
    settled,
    take,
)
from tests.services.registrar.targets import LIVE, WHY, accept
from tests.support.scenario import CONDUCTOR, DAVE, FRAUD, PIPELINE, Scenario, promote
from tests.support.together import World

KEPT = TypeAdapter(Model)
DRIFT = GateName("drift")
EACH = [(drift, strategy) for drift in DriftPolicy for strategy in STRATEGIES]


def lives(
    drift: DriftPolicy, strategy: str, history: list[Turn]
) -> tuple[World, Account]:
    """Live a history; every turn of it is looked at."""
    world, account = beginning(drift, strategy), Account(drift)
    for each in world.ledger:
        account.see(each)
    for turn in history:
        before, world = world, take(world, turn)
        is_fenced(before, world, turn)
        for each in world.placed:
            account.see(each)
        account.agrees(world.model().lane(LIVE))
        keeps_back_what_it_should(world.look(), account)
    return world, account


def is_fenced(before: World, after: World, turn: Turn) -> None:
    """A report of an earlier token or revision never changes the lane."""
    command, _ = asked(before, turn)
    if not isinstance(command, ReportTarget):
        return
    lane, said = before.model().lane(LIVE), command.report
    if (said.token, said.revision) == (lane.token, lane.revision):
        return
    assert after.model().lane(LIVE) == lane
    assert after.placed == ()
    if said.token != lane.token or said.revision > lane.revision:
        assert after.refused().reason is Why.STALE_TOKEN


def keeps_back_what_it_should(model: Scenario, account: Account) -> None:
    """Judge all that waits, as it is and as if nothing had drifted."""
    lane = model.lane(LIVE)
    clean = replace(model.model, lanes={LIVE: replace(lane, drifts={})})
    for id_ in model.model.open:
        promotion = model.model.promotions[id_]
        if promotion.state not in WAITING:
            continue
        now = words(model, model.model, promotion)
        otherwise = words(model, clean, promotion)
        is_back = promotion.kind is PromotionKind.ROLLBACK
        if is_back or account.policy is not DriftPolicy.REQUIRE_ACCEPTANCE:
            assert now == otherwise, "a drift keeps nothing back"
        else:
            assert now == {**otherwise, DRIFT: not account.unaccepted()}


def words(model: Scenario, state: Model, promotion: Promotion) -> dict[GateName, bool]:
    """Say which gates of a promotion are open."""
    judged = explain(state, promotion, model.context, model.at)
    return {each.result.gate: each.is_open for each in judged}


@pytest.mark.parametrize(("drift", "strategy"), EACH)
@given(history=histories)
def test_fences_stand_and_each_drift_is_told_once(
    drift: DriftPolicy, strategy: str, history: list[Turn]
) -> None:
    world, _ = lives(drift, strategy, history)
    model = world.model()
    assert KEPT.validate_json(KEPT.dump_json(model)) == model


@pytest.mark.parametrize(("drift", "strategy"), EACH)
@given(history=histories)
def test_the_next_version_waits_for_acceptance_where_it_has_to_and_only_there(
    drift: DriftPolicy, strategy: str, history: list[Turn]
) -> None:
    world, _ = lives(drift, strategy, history)
    world = wanted(alone(settled(world)))
    drifts = world.model().lane(LIVE).drifts
    left = [name for name, each in drifts.items() if not each.accepted]
    must_wait = drift is DriftPolicy.REQUIRE_ACCEPTANCE and bool(left)
    assert is_dispatched(world) is not must_wait
    for target in left:
        assert is_dispatched(world) is not must_wait
        world = world.given(accept(target), by=DAVE)
    assert is_dispatched(world)


def alone(world: World) -> World:
    """Withdraw all that waits."""
    for id_ in world.model().open:
        withdraw = CancelPromotion(model=FRAUD, promotion=id_, reason=WHY)
        world = world.given(withdraw, by=DAVE)
    return world


def wanted(world: World) -> World:
    """Ask for another version than the one that is stable."""
    lane = world.model().lane(LIVE)
    other = 1 + lane.stable[-1].version % VERSIONS
    hold = lane.hold.id if lane.hold else None
    return world.given(promote(other, LIVE, acknowledge_hold=hold), by=PIPELINE)


def is_dispatched(world: World) -> bool:
    """Tell whether what was asked for last could go now."""
    go = dispatch(len(world.model().promotions))
    tried = world.when(go, by=CONDUCTOR)
    if isinstance(tried.outcome, Refusal):
        assert tried.outcome.reason is Why.NOT_READY
        assert tried.outcome.detail["gates"] == ["drift"]
        return False
    return tried.kinds(PromotionDispatched) == 1


@pytest.mark.parametrize("drift", [*DriftPolicy])
@given(history=histories)
def test_every_decision_among_drifts_is_recomputed_and_agrees(
    drift: DriftPolicy, history: list[Turn]
) -> None:
    world, _ = lives(drift, "by steps", history)
    report = recompute(world.ledger)
    assert report.disagreements == ()
    assert report.agreed == report.decisions > 0
