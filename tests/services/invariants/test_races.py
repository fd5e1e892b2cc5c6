"""I12: of many who want the same lane over the same version at most one gets it."""

from collections.abc import Sequence
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionRebased,
    PromotionSuperseded,
)
from rollbook.names import PromotionId
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.transitions import WAITING, PromotionState
from tests.services.invariants.history import dispatch
from tests.services.invariants.rules import REVIEW, ruled
from tests.support.governed import under
from tests.support.scenario import (
    BOB,
    CONDUCTOR,
    PIPELINE,
    PRODUCTION,
    Scenario,
    approve,
    fraud,
    promote,
)

MOST: Final = 6
ENDING: Final = ruled({}, {"gates": [REVIEW], "on_rebase": "end"})
QUEUED: Final = ruled(
    {}, {"gates": [REVIEW], "on_rebase": "revalidate", "queue": "fifo"}
)
racers: Final = st.permutations(range(2, 2 + MOST)).flatmap(
    lambda order: st.integers(2, MOST).map(lambda many: order[:many])
)
orders: Final = st.permutations(range(MOST))


def racing(rules: Policy, versions: Sequence[int], approved: Sequence[int]) -> Scenario:
    """1 runs; these are asked for over it, and some of them are approved."""
    model = under(fraud(1 + MOST), rules).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(approve(2, model), by=BOB).dispatched(2).applied(PRODUCTION)
    for number in versions:
        model = model.in_staging(number)
    for number in versions:
        wish = promote(number, PRODUCTION, expected_incumbent=1)
        model = model.given(wish, by=PIPELINE)
    racing = model.model.open
    for place in approved:
        id_ = racing[place % len(racing)]
        if model.model.promotions[id_].state is PromotionState.GATING:
            model = model.given(approve(id_, model), by=BOB)
    return model


@pytest.mark.parametrize("rules", [ENDING, QUEUED], ids=["end", "revalidate"])
@given(versions=racers, approved=st.lists(st.integers(0, 9), max_size=9), order=orders)
def test_one_racer_goes_and_every_other_ends_or_is_judged_again(
    rules: Policy, versions: list[int], approved: list[int], order: list[int]
) -> None:
    model = racing(rules, versions, approved)
    racers = [each for each in model.model.promotions if each > 2 + len(versions)]
    waiting = set(model.model.open)
    dispatched: list[PromotionId] = []
    for place in order:  # as many conductors, in whatever order they come
        model = model.when(dispatch(racers[place % len(racers)]), by=CONDUCTOR)
        new = [each for each in _events(model) if isinstance(each, PromotionDispatched)]
        dispatched += [each.promotion for each in new]
        if new:
            names_the_winner(model, waiting - {new[0].promotion}, new[0].promotion)
    assert len(dispatched) <= 1, "I12: at most one"
    assert bool(dispatched) == (model.lane(PRODUCTION).slot is not None)


def names_the_winner(
    model: Scenario, losers: set[PromotionId], winner: PromotionId
) -> None:
    """Check that each other one ends, or is bound to the winner, in the same batch."""
    ended = {
        each.promotion: each.superseded_by
        for each in _events(model)
        if isinstance(each, PromotionSuperseded)
    }
    rebased = {
        each.promotion: each.to_version
        for each in _events(model)
        if isinstance(each, PromotionRebased)
    }
    version = model.promotion(winner).version
    assert set(ended) | set(rebased) == losers, "I12: every other one"
    assert set(ended.values()) <= {winner}, "I12: names the winner"
    assert set(rebased.values()) <= {version}, "I12: judged against the winner"
    for id_ in rebased:
        assert model.promotion(id_).state in WAITING
        assert model.promotion(id_).incumbent == version


def _events(model: Scenario) -> Sequence[object]:
    return model.outcome if isinstance(model.outcome, Sequence) else ()
