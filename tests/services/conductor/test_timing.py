"""What is looked at when an instant has come?"""

import pytest

from rollbook.commands.promotion import (
    AdvancePromotion,
    EvaluatePromotion,
    ExpirePromotion,
)
from rollbook.names import PromotionId
from rollbook_services.conductor.react.memory import Timer
from rollbook_services.conductor.react.timing import timed
from tests.services.conductor.remembering import STORY, at, event, timer
from tests.support.agents import MODEL


def test_no_instant_has_come_nothing_is_due() -> None:
    assert list(timed([])) == []


def test_what_waited_too_long_expires() -> None:
    [due] = timed([timer("expire", 3)])
    assert due.command == ExpirePromotion(model=MODEL, promotion=PromotionId(1))
    assert due.id == f"{event(7)}/expire/1"
    assert (due.cause, due.correlation, due.at) == (event(7), STORY, at(3))


def test_a_gate_is_judged_again_when_time_may_have_changed_its_word() -> None:
    [due] = timed([timer("gate/soak", 3)])
    assert due.command == EvaluatePromotion(model=MODEL, promotion=PromotionId(1))
    assert due.id == f"{event(7)}/evaluate/{at(3)}/1"


@pytest.mark.parametrize(
    "name", ["acknowledge", "step", "end", "wake", "bake", "experiment"]
)
def test_what_is_under_way_advances(name: str) -> None:
    [due] = timed([timer(name, 3)])
    assert due.command == AdvancePromotion(model=MODEL, promotion=PromotionId(1))
    assert due.id == f"{event(7)}/advance/{at(3)}/1"


@pytest.mark.parametrize(
    ("timers", "id_"),
    [
        pytest.param(
            [timer("gate/soak", 3), timer("gate/rate", 9, said_by=8)],
            f"{event(8)}/evaluate/{at(9)}/1",
            id="the last instant",
        ),
        pytest.param(
            [timer("gate/soak", 9, said_by=8), timer("expire", 3)],
            f"{event(7)}/expire/1",
            id="its end beats every gate",
        ),
    ],
)
def test_one_look_stands_for_all_instants_of_a_promotion(
    timers: list[Timer], id_: str
) -> None:
    assert [due.id for due in timed(timers)] == [id_]
    assert [due.id for due in timed(reversed(timers))] == [id_]


def test_each_promotion_is_looked_at() -> None:
    due = timed([timer("end", 3), timer("gate/soak", 3, promotion=2)])
    assert [each.id[37:] for each in due] == [
        f"advance/{at(3)}/1",
        f"evaluate/{at(3)}/2",
    ]
