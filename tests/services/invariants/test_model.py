"""After any history of requests, under any rules, the invariants of a model hold."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook.refusals import Refusal
from tests.services.invariants import rules
from tests.services.invariants.happenings import turns
from tests.services.invariants.history import (
    Witness,
    agrees,
    beginning,
    ends,
    keep_their_word,
)
from tests.support.scenario import (
    DAVE,
    PIPELINE,
    STAGING,
    fraud,
    promote,
    roll_back,
)

EXAMPLES: Final = settings().max_examples * 3 // 4  # of each of so many rules


@pytest.mark.parametrize("name", list(rules.ALL))
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_the_invariants_hold_after_every_turn(name: str, data: st.DataObject) -> None:
    witness = Witness(beginning(name))
    for turn in data.draw(st.lists(turns(name), min_size=10, max_size=40)):
        witness.lives(turn)
    agrees(witness)
    keep_their_word(witness.world.look())
    ends(witness)


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
