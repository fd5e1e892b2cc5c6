"""Whose turn is it in a free lane?"""

import pytest

from rollbook.commands.promotion import DispatchPromotion
from rollbook.names import PromotionId
from rollbook_services.conductor.react.dispatching import dispatches
from rollbook_services.conductor.react.due import Answer
from rollbook_services.conductor.react.memory import Lane
from tests.services.conductor.remembering import STORY, event, trigger, waiting
from tests.support.agents import MODEL


@pytest.mark.parametrize(
    ("lane", "promotion", "cause"),
    [
        pytest.param(Lane([waiting(1, 10)]), 1, 10, id="nobody ever held it"),
        pytest.param(
            Lane([waiting(1, 10)], freed=trigger(5)), 1, 10, id="free when it got ready"
        ),
        pytest.param(
            Lane([waiting(1, 10)], freed=trigger(20)), 1, 20, id="freed while it waited"
        ),
        pytest.param(
            Lane([waiting(3, 12), waiting(4, 11)]), 4, 11, id="the oldest comes first"
        ),
    ],
)
def test_the_oldest_that_waits_is_dispatched(
    lane: Lane, promotion: int, cause: int
) -> None:
    [due] = dispatches([lane], {})
    request = due.request()
    assert request.command == DispatchPromotion(
        model=MODEL, promotion=PromotionId(promotion)
    )
    assert request.id == f"{event(cause)}/dispatch/{promotion}"
    assert request.causation_id == event(cause)
    assert request.correlation_id == STORY


def test_nobody_waits_nothing_is_due() -> None:
    assert list(dispatches([Lane([])], {})) == []


def test_each_lane_has_its_own_queue() -> None:
    lanes = [Lane([waiting(1, 10)]), Lane([waiting(2, 11)])]
    assert len(list(dispatches(lanes, {}))) == 2


def test_after_a_no_the_next_one_has_its_turn() -> None:
    lane = Lane([waiting(1, 10), waiting(2, 11)], freed=trigger(20))
    [first] = dispatches([lane], {})
    [second] = dispatches([lane], {first.id: Answer()})
    assert second.command == DispatchPromotion(model=MODEL, promotion=PromotionId(2))
    assert second.id != first.id
    assert not [*dispatches([lane], {first.id: Answer(), second.id: Answer()})]


def test_after_a_yes_nobody_has_a_turn() -> None:
    lane = Lane([waiting(1, 10), waiting(2, 11)])
    [first] = dispatches([lane], {})
    assert not [*dispatches([lane], {first.id: Answer(has_begun=True)})]
