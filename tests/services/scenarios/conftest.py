"""What is true of every story, however it goes?"""

from collections.abc import Iterator

import pytest

from rollbook_services.registrar.deciding import evolve_any, initial
from rollbook_services.registrar.hindsight.recompute import recompute
from rollbook_services.registrar.surroundings import State
from tests.services.scenarios.story import Story
from tests.support.together import World


@pytest.fixture
def story() -> Iterator[Story]:
    """Tell a story; then its ledger is read again, from the first event on."""
    told = Story()
    yield told
    every_decision_follows(told.world)
    a_replay_gives_the_same(told.world)


def every_decision_follows(world: World) -> None:
    """Each word of a gate and each snapshot is found again from what lay before."""
    report = recompute(world.ledger)
    assert report.disagreements == ()
    assert report.not_comparable == 0
    assert report.agreed == report.decisions > 0


def a_replay_gives_the_same(world: World) -> None:
    """Nothing is remembered that the ledger does not say."""
    states: dict[str, State] = {}
    for each in world.ledger:
        before = states.get(each.aggregate) or initial(each.aggregate)
        states[each.aggregate] = evolve_any(before, each)
    assert states == world.states
