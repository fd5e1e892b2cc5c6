"""Whom does something concern that happened outside of promotions?"""

from dataclasses import replace

import pytest

from rollbook.commands.promotion import AdvancePromotion, EvaluatePromotion
from rollbook.names import PromotionId
from rollbook_services.conductor.react.memory import Kind, Open, Stir
from rollbook_services.conductor.react.stirring import stirred
from tests.services.conductor.remembering import STORY, at, event, promotion
from tests.support.agents import MODEL


def happened(
    kind: Kind,
    sequence: int,
    *,
    models: tuple[str, ...] = (),
    stages: tuple[str, ...] = (),
) -> Stir:
    return Stir(
        kind, event(sequence), sequence, at(sequence), models=models, stages=stages
    )


def edge(minute: int, *, said_by: int = 3) -> Stir:
    return replace(happened(Kind.FREEZE, said_by), at=at(minute), is_edge=True)


@pytest.mark.parametrize("kind", Kind)
def test_what_waits_is_judged_again(kind: Kind) -> None:
    [due] = stirred([happened(kind, 9)], [promotion(31)])
    assert due.command == EvaluatePromotion(model=MODEL, promotion=PromotionId(31))
    assert due.id == f"{event(9)}/evaluate/{MODEL}:31"
    assert (due.cause, due.correlation, due.at) == (event(9), STORY, None)


@pytest.mark.parametrize("kind", [Kind.POLICY, Kind.FREEZE])
def test_what_is_under_way_minds_policies_and_freezes(kind: Kind) -> None:
    [due] = stirred([happened(kind, 9)], [promotion(31, is_running=True)])
    assert due.command == AdvancePromotion(model=MODEL, promotion=PromotionId(31))
    assert due.id == f"{event(9)}/advance/{MODEL}:31"


@pytest.mark.parametrize("kind", [Kind.ACCESS, Kind.FLEET])
def test_what_is_under_way_does_not_mind_voters_and_drains(kind: Kind) -> None:
    running = promotion(is_running=True)
    assert not [*stirred([happened(kind, 9)], [running])]


def test_what_was_requested_later_knew_of_it() -> None:
    stir = happened(Kind.FREEZE, 9)
    assert not [*stirred([stir], [promotion(requested=10)])]
    assert [*stirred([stir], [promotion(requested=8)])]


@pytest.mark.parametrize(
    ("models", "stages", "is_concerned"),
    [
        ((), (), True),
        (("acme/fraud",), ("prod",), True),
        (("acme/*",), (), True),
        (("*",), (), True),
        (("other/*", "acme/fraud"), (), True),
        (("acme/fraud-2",), (), False),
        (("other/*",), (), False),
        ((), ("staging",), False),
        (("acme/*",), ("staging",), False),
    ],
)
def test_it_concerns_what_it_covers(
    models: tuple[str, ...], stages: tuple[str, ...], is_concerned: bool
) -> None:
    stir = happened(Kind.FREEZE, 9, models=models, stages=stages)
    concerned: list[Open] = [promotion()]
    assert bool([*stirred([stir], concerned)]) == is_concerned


def test_an_edge_of_a_freeze_concerns_what_was_there_before_it() -> None:
    # Declared by event 3, before the promotion came: that it begins later matters.
    [due] = stirred([edge(20)], [promotion(requested=5)])
    assert due.id == f"{event(3)}/evaluate/{at(20)}/{MODEL}:1"
    assert not [*stirred([edge(4)], [promotion(requested=5)])]


def test_an_edge_is_tried_again_for_what_is_under_way() -> None:
    [due] = stirred([edge(20)], [promotion(is_running=True)])
    assert due.id == f"{event(3)}/advance/{at(20)}/{MODEL}:1"
    assert due.at == at(20)


def test_one_look_stands_for_all_that_happened() -> None:
    stirs = [
        happened(Kind.ACCESS, 9),
        happened(Kind.POLICY, 12),
        happened(Kind.POLICY, 14, models=("other/*",)),
    ]
    [due] = stirred(stirs, [promotion()])
    assert due.id == f"{event(12)}/evaluate/{MODEL}:1"
