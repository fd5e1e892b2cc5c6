"""I13: the same command, sent at any later time, gets its first answer."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

from hypothesis import given
from hypothesis import strategies as st

from rollbook.commands.model import RegisterModel
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor
from rollbook.ledger.memory import MemoryLedger
from rollbook.subjects import model as aggregate_of
from rollbook_services.registrar.command_handler import Recorded, Result
from rollbook_services.registrar.state import Model
from tests.services.invariants.history import dispatch
from tests.services.invariants.requests import evenly
from tests.services.invariants.turns import ALWAYS, ASKING, RARE, likely
from tests.services.registrar.registering import Clock, Desk, desk
from tests.support.scenario import (
    CONDUCTOR,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    promote,
    register,
)

Asked = tuple[AnyCommand, Actor]
LATER: Final = timedelta(days=40)
numbers: Final = st.lists(evenly(50 * 40 * 40), min_size=2, max_size=8)
BEGINNING: Final[Sequence[Asked]] = (
    (RegisterModel(model=FRAUD), PIPELINE),
    (register(1), PIPELINE),
    (register(2), PIPELINE),
    (promote(1, STAGING), PIPELINE),
    (dispatch(1), CONDUCTOR),
)


@given(numbers=numbers)
async def test_a_command_gets_its_first_answer_at_any_later_time(
    numbers: list[int],
) -> None:
    clock = Clock()
    with TemporaryDirectory() as folder:
        one = await desk(MemoryLedger(), Path(folder) / "one", clock)
        told: list[tuple[Asked, Result]] = []
        for number in [*range(len(BEGINNING)), *numbers]:
            asked = await read(one, number, len(told), clock)
            answer = await one.ask(f"c{len(told)}", asked[0], by=asked[1])
            told.append((asked, answer))
        clock.now += LATER
        head = await one.ledger.head()
        two = await desk(one.ledger, Path(folder) / "two", clock)
        for place, (asked, answer) in enumerate(told):
            if left_something(answer):
                again = await two.ask(f"c{place}", asked[0], by=asked[1])
                is_the_same(again, answer)
        assert await two.ledger.head() == head, "I13: nothing is added"


async def read(one: Desk, number: int, told: int, clock: Clock) -> Asked:
    """Read a request from a number, in the state that the registrar knows."""
    if told < len(BEGINNING):
        return BEGINNING[told]
    model = cast("Model", (await one.cache.load(aggregate_of(FRAUD))).state)
    seen = Scenario(model, at=clock.now, asked=told)
    number, first = divmod(number, 40)
    kind, second = divmod(number, 40)
    kinds = [*likely(seen), *ALWAYS]
    name = kinds[kind % len(kinds)]
    name = RARE[second % len(RARE)] if name == "rare" else name
    return ASKING[name](seen, first, second)


def left_something(answer: Result) -> bool:
    """Tell whether an answer can be found again: a no leaves nothing."""
    return isinstance(answer, Recorded) and bool(answer.envelopes)


def is_the_same(again: Result, first: Result) -> None:
    assert isinstance(again, Recorded), again
    assert isinstance(first, Recorded)
    assert again.replayed
    assert [each.id for each in again.envelopes] == [e.id for e in first.envelopes]
    assert again.rev == first.rev
