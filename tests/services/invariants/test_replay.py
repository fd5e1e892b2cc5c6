"""I3, I13: a ledger says all: read again, whole or in parts, it gives the same."""

from functools import reduce
from typing import Final, NoReturn, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rollbook.catalogue.model import ModelEvent
from rollbook.envelope import Envelope
from rollbook_services.registrar.evolve import evolve
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.state import InOrder, Model
from tests.services.invariants import rules
from tests.services.invariants.happenings import ruled_by, take, turns
from tests.services.invariants.history import beginning
from tests.services.invariants.turns import Turn
from tests.support.scenario import FRAUD, PIPELINE, STAGING, promote
from tests.support.together import World

FORBIDDEN: Final = (
    "rollbook_services.policy.expression.engine.compile_",
    "rollbook_services.policy.window._ahead",
)
NAMES: Final = list(rules.ALL)
STATE: Final[TypeAdapter[Model]] = TypeAdapter(Model)
histories: Final = st.lists(turns(), min_size=8, max_size=30)


def lived(name: str, history: list[Turn]) -> World:
    world = beginning(name)
    for turn in history:
        world = take(world, turn)
    return world


def folded(model: Model, recorded: list[Envelope[ModelEvent]]) -> Model:
    return reduce(evolve, recorded, model)


def told(world: World) -> list[Envelope[ModelEvent]]:
    return cast("list[Envelope[ModelEvent]]", list(world.history()))


@given(
    name=st.sampled_from(NAMES),
    history=histories,
    cut=st.integers(0, 400),
)
def test_a_crash_at_any_event_changes_nothing(
    name: str, history: list[Turn], cut: int
) -> None:
    """What was folded is written down anywhere, read by another, and folded on."""
    world = lived(name, history)
    recorded = told(world)
    before = STATE.dump_json(folded(Model(FRAUD), recorded[:cut]))
    after = folded(STATE.validate_json(before), recorded[cut:])
    assert after == world.model(), "I13"
    assert STATE.dump_json(after) == STATE.dump_json(world.model()), "I13: every byte"


@given(name=st.sampled_from(NAMES), history=histories)
def test_every_decision_is_found_again(name: str, history: list[Turn]) -> None:
    report = recompute(lived(name, history).ledger)
    assert report.disagreements == (), "I3"
    assert report.agreed == report.decisions > 0
    assert report.not_comparable == 0


@given(names=st.sets(st.text(min_size=1)))
def test_a_set_is_written_in_order(names: set[str]) -> None:
    """Else the same state would have other bytes in another process."""
    written = TypeAdapter(InOrder[str]).dump_python(frozenset(names))
    assert written == sorted(names)


@pytest.mark.parametrize("asked", FORBIDDEN)
def test_a_replay_asks_no_expression_and_no_time_zone(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another release of either, or none, the state is the same."""
    world = judged()
    monkeypatch.setattr(asked, forbidden)
    with pytest.raises(AssertionError, match="a replay asks nobody"):
        world.when(promote(4, STAGING), by=PIPELINE)
    assert folded(Model(FRAUD), told(world)) == world.model(), "I13"


def judged() -> World:
    """A promotion whose gates asked an expression and two windows."""
    policy = rules.ruled({"gates": [rules.QUALITY], "windows": [rules.OFFICE]})
    world = ruled_by(beginning("built-in"), policy)
    return world.given(promote(3, STAGING), by=PIPELINE)


def forbidden(*asked: object) -> NoReturn:
    raise AssertionError(f"a replay asks nobody: {asked}")
