"""After any history of requests the invariants of a model hold."""

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rollbook.refusals import Refusal
from rollbook_services.registrar.decider import evolve
from rollbook_services.registrar.judging import explain, incumbent_of
from rollbook_services.registrar.state import Model
from rollbook_services.registrar.transitions import WAITING, PromotionState
from tests.services.invariants.requests import Step, steps
from tests.services.invariants.watch import Watch
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    fraud,
    promote,
    roll_back,
)

histories = st.lists(steps, min_size=10, max_size=60)


def beginning() -> Scenario:
    """Begin where much can happen: 1 runs in production, 2 in staging."""
    return fraud(3).in_production(1).in_staging(2)


def waiting_promotions_are_judged_right(model: Scenario) -> None:
    """No decision leaves a promotion READY, or waiting, that should not be."""
    for id_ in model.model.open:
        promotion = model.model.promotions[id_]
        if promotion.state not in WAITING:
            continue
        incumbent = incumbent_of(model.model, promotion.stage).version
        assert promotion.incumbent == incumbent, "I12: judged against what runs"
        judged = explain(model.model, promotion, model.context, model.at)
        is_open = all(each.is_open for each in judged)
        assert is_open == (promotion.state is PromotionState.READY)
        said = {each.result.gate: each.result for each in judged}
        known = {name: (each.status, each.inputs) for name, each in said.items()}
        assert promotion.gates == known, "every change of a gate is recorded"


@given(history=histories)
def test_the_invariants_hold_after_every_decision(history: list[Step]) -> None:
    model, watch, seen = beginning(), Watch(), 0
    for step in history:
        before = model.history
        model = step.ask(model)
        if isinstance(model.outcome, Refusal):
            assert model.history == before
            assert len(model.outcome.message) > 20
        for recorded in model.history[seen:]:
            watch.see(recorded)
        seen = len(model.history)
        watch.at_rest()
        waiting_promotions_are_judged_right(model)
    assert set(model.model.open) == set(watch.asked) - watch.ended


@given(history=histories)
def test_a_replay_gives_the_same_state_and_the_same_snapshot(
    history: list[Step],
) -> None:
    model = beginning()
    for step in history:
        model = step.ask(model)
    replayed = Model(FRAUD)
    for recorded in model.history:
        replayed = evolve(replayed, recorded)
    assert replayed == model.model
    adapter = TypeAdapter(Model)
    written = adapter.dump_json(replayed)
    assert written == adapter.dump_json(model.model)
    assert adapter.validate_json(written) == replayed


@given(order=st.permutations(range(1, 7)), failing=st.sets(st.integers(1, 6)))
def test_rollbacks_in_a_row_reach_different_versions_then_none(
    order: list[int], failing: set[int]
) -> None:
    model = fraud(6)
    for number in order:
        asked = model.given(promote(number, STAGING), by=PIPELINE)
        asked = asked.dispatched(len(asked.model.promotions))
        fails = number in failing
        model = asked.failed(STAGING) if fails else asked.applied(STAGING)
    reached = []
    while not isinstance(
        (asked := model.when(roll_back(STAGING), by=DAVE)).outcome, Refusal
    ):
        model = asked.applied(STAGING)
        reached.append(model.stack(STAGING)[-1])
    succeeded = [number for number in order if number not in failing]
    newest_runs = bool(succeeded) and order[-1] == succeeded[-1]
    assert reached == succeeded[::-1][1 if newest_runs else 0 :]
