"""When is another try worth it, and how long is waited before?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.agent.config import Retry
from rollbook.agent.desired import Mark
from rollbook.agent.driver import Fault, Unapplied
from rollbook.agent.retrying import Tries, failed, is_final, rest

MARK = Mark(3, 2)
AWAY = Unapplied(Fault.ARTIFACT_UNREACHABLE, "away", is_passing=True)
RETRY = Retry(tries=5, within=120.0, first_pause=1.0, longest_pause=60.0)


def again(
    before: Tries | None, why: Unapplied = AWAY, *, now: float, chance: float = 1.0
) -> Tries | None:
    return failed(before, why, RETRY, mark=MARK, began_at=now, now=now, chance=chance)


def test_pauses_double_until_the_tries_are_over() -> None:
    tries, pauses, now = again(None, now=10.0), [], 10.0
    while tries is not None:
        pauses.append(tries.due_at - now)
        now = tries.due_at
        tries = again(tries, now=now)
    assert pauses == [1.0, 2.0, 4.0, 8.0]


@given(chance=st.floats(0, 1, exclude_max=True))
def test_chance_keeps_agents_out_of_step_but_never_doubles_a_pause(
    chance: float,
) -> None:
    tries = again(None, now=0.0, chance=chance)
    assert tries is not None
    assert 0.5 <= tries.due_at <= 1.0


@pytest.mark.parametrize(
    "fault", [Fault.DIGEST_MISMATCH, Fault.LOAD_FAILED, Fault.HEALTH_FAILED]
)
def test_what_is_the_versions_fault_is_never_tried_again(fault: Fault) -> None:
    assert again(None, Unapplied(fault, "no", is_passing=True), now=0.0) is None
    assert is_final(fault.value)


def test_what_does_not_pass_is_not_tried_again_soon() -> None:
    why = Unapplied(Fault.PERMISSION_DENIED, "no")
    assert again(None, why, now=0.0) is None
    assert not is_final(Fault.PERMISSION_DENIED.value)
    assert not is_final(None)


def test_no_pause_ends_after_the_time_that_was_given() -> None:
    slow = failed(None, AWAY, RETRY, mark=MARK, began_at=0.0, now=119.5, chance=1.0)
    assert slow is None
    tries = failed(None, AWAY, RETRY, mark=MARK, began_at=0.0, now=118.0, chance=1.0)
    assert tries is not None
    assert again(tries, now=tries.due_at) is None


def test_a_newer_document_begins_to_count_anew() -> None:
    tries = again(None, now=0.0)
    assert tries is not None
    newer = again(replace(tries, mark=Mark(2, 2), count=4), now=1000.0)
    assert newer is not None
    assert newer.count == 1


def test_the_longest_pause_is_kept_however_often_it_is_tried() -> None:
    patient = Retry(tries=10_000, within=1e9, longest_pause=60.0)
    tries = Tries(MARK, began_at=0.0, count=5_000)
    later = failed(tries, AWAY, patient, mark=MARK, began_at=0.0, now=1.0, chance=1.0)
    assert later is not None
    assert later.due_at == 61.0


def test_the_nearest_try_says_how_long_to_rest() -> None:
    first, second = Tries(MARK, 0.0, 1, 9.0), Tries(MARK, 0.0, 1, 7.0)
    assert rest({}, 5.0) is None
    assert rest({"a": first, "b": second}, 5.0) == 2.0
    assert rest({"a": first}, 50.0) == 0.0
