"""Under which id is a command sent, and which are sent now?"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.commands.promotion import EvaluatePromotion
from rollbook.names import LARGEST, BundleId, PromotionId
from rollbook_services.conductor.react import everything
from rollbook_services.conductor.react.due import Answer, Due, named, unanswered
from rollbook_services.conductor.react.instants import sortable, sorted_text
from rollbook_services.conductor.react.memory import (
    Bundle,
    Changed,
    Kind,
    Lane,
    Member,
    Memory,
    Policy,
    Stir,
)
from tests.services.conductor.remembering import (
    at,
    event,
    minute,
    promotion,
    timer,
    trigger,
    waiting,
)
from tests.support.agents import MODEL

LONGEST_MODEL = f"{'t' * 100}/{'m' * 100}"


def due(id_: str) -> Due:
    return Due(id_, EvaluatePromotion(model=MODEL, promotion=PromotionId(1)), event(1))


@given(model=st.from_regex(r"\A[a-z]{1,100}/[a-z]{1,100}\Z"), tries=st.integers(0, 99))
def test_every_id_can_be_sent(model: str, tries: int) -> None:
    about = f"{model}:{LARGEST}"
    id_ = named(event(1), "evaluate", at(0), about)
    request = Due(id_, due("x").command, event(1), about).request(tries)
    assert request.id.startswith(id_)
    assert named(event(1), "evaluate", at(1), about) != id_
    assert named(event(1), "evaluate", at(0), about) == id_


def test_a_name_that_fits_is_readable() -> None:
    assert named(event(1), "expire", 31) == f"{event(1)}/expire/31"


def test_a_further_try_has_an_id_of_its_own() -> None:
    assert [due("x/y").request(tries).id for tries in range(3)] == [
        "x/y",
        "x/y/1",
        "x/y/2",
    ]


@pytest.mark.parametrize(
    ("answer", "is_sent"),
    [
        (None, True),
        (Answer(), False),
        (Answer(again_at=minute(5)), True),
        (Answer(again_at=minute(6)), False),
    ],
)
def test_what_was_answered_rests(answer: Answer | None, is_sent: bool) -> None:
    answers = {"x": answer} if answer else {}
    chosen = unanswered(iter([due("x")]), answers, now=minute(5), at_most=9)
    assert bool(chosen) == is_sent


def test_what_is_due_twice_is_sent_once() -> None:
    twice = iter([due("x"), due("x"), due("y")])
    chosen = unanswered(twice, {}, now=minute(0), at_most=9)
    assert [each.id for each in chosen] == ["x", "y"]


def test_much_goes_in_several_rounds() -> None:
    ids = [f"{number}" for number in range(5)]
    answers: dict[str, Answer] = {}
    rounds = []
    while True:
        chosen = unanswered(map(due, ids), answers, now=minute(0), at_most=2)
        if not chosen:
            break
        rounds.append([each.id for each in chosen])
        answers |= {each.id: Answer() for each in chosen}
    assert rounds == [["0", "1"], ["2", "3"], ["4"]]


DAYS = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1))  # noqa: DTZ001


@given(one=DAYS, two=DAYS, hours=st.integers(-12, 12))
def test_instants_sort_like_time(one: datetime, two: datetime, hours: int) -> None:
    early, late = sorted((one.replace(tzinfo=UTC), two.replace(tzinfo=UTC)))
    elsewhere = late.astimezone(timezone(timedelta(hours=hours)))
    assert (sortable(early) < sortable(elsewhere)) == (early < late)
    assert sorted_text(elsewhere.isoformat()) == sortable(late)


def test_no_instant_stays_none() -> None:
    assert sorted_text(None) is None


def test_slots_come_before_time_and_time_before_what_stirs_all() -> None:
    memory = Memory(
        lanes=[Lane([waiting(1, 10)])],
        bundles=[Bundle(BundleId(1), True, [_failed()])],
        timers=[timer("expire", 3, promotion=2)],
        stirs=[Stir(Kind.POLICY, event(9), 9, at(9), models=("*",))],
        open=[promotion(3)],
        changed=[Changed(MODEL, None)],
        policies={"all": Policy(("*",), True)},
    )
    verbs = [each.id.split("/")[1] for each in everything.due(memory, {})]
    assert verbs == ["dispatch", "settle", "expire", "candidates", "evaluate"]


def _failed() -> Member:
    return Member(MODEL, ended=trigger(4))


def test_a_story_too_long_for_the_wire_is_left_to_the_registrar() -> None:
    long = Due("x", due("x").command, event(1), f"{LONGEST_MODEL}:1")
    assert long.request().correlation_id is None


def test_minutes_are_written_to_the_microsecond() -> None:
    assert sortable(minute(0) + timedelta(microseconds=1)) > at(0)
