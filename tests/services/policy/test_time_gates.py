"""Gates that wait for a moment: windows, freezes, soak, rate and hold."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollbook.catalogue.calendar import InFlight
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import GateName, Version
from rollbook_services.policy.facts import Facts, Freeze, Hold, Stay, Waived
from rollbook_services.policy.gate import Answer, By, judge
from rollbook_services.policy.gates.freeze import FreezeGate
from rollbook_services.policy.gates.hold import HoldGate
from rollbook_services.policy.gates.rate import Rate
from rollbook_services.policy.gates.soak import Soak
from rollbook_services.policy.gates.windows import Windows
from rollbook_services.policy.window import Window
from rollbook_services.policy.words import length
from tests.services.policy.cases import (
    BOB,
    DAVE,
    FACTS,
    PRODUCTION,
    STAGING,
    START,
    event,
    lane,
    version,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
OFFICE = Window(
    name="office",
    kind="allow",
    zone="Europe/Berlin",
    start="2026-01-05T09:00",
    lasts=7 * HOUR,
    rrule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH",
)
YEAR_END = Window(
    name="year-end",
    kind="deny",
    zone="Europe/Berlin",
    start="2026-12-18T00:00",
    lasts=timedelta(days=7),
    rrule="FREQ=YEARLY",
)
FREEZE = Freeze(
    id=event("f"),
    by=DAVE,
    reason="the data centre moves",
    from_at=START - HOUR,
    until=None,
    in_flight=InFlight.FINISH,
    exempt=(),
    waivable=True,
)


def waits(answer: Answer) -> list[By]:
    assert answer.status is GateStatus.WAIT
    return [change.by for change in answer.changes_when]


def frozen(*freezes: Freeze) -> Facts:
    return replace(FACTS, freezes=freezes)


# Windows


def test_an_allow_window_must_be_open_where_there_is_one() -> None:
    gate = Windows(windows=(OFFICE,))
    inside = gate.evaluate(FACTS, START)
    assert (inside.status, inside.detail) == (GateStatus.PASS, "inside office")
    assert inside.recheck_at == START + 6 * HOUR
    after = gate.evaluate(FACTS, START + 6 * HOUR)
    assert waits(after) == [By.TIME]
    assert after.detail == "outside office; next open at 2026-11-25 08:00 UTC"
    assert after.recheck_at == after.changes_when[0].at == START + 23 * HOUR
    assert after.values == {"office": "allow, shut"}


def test_deny_beats_allow() -> None:
    gate = Windows(windows=(OFFICE, YEAR_END))
    monday = datetime.fromisoformat("2026-12-21T10:00:00Z")
    said = gate.evaluate(FACTS, monday)
    assert waits(said) == [By.TIME]
    assert said.detail == "closed by year-end; next open at 2026-12-28 08:00 UTC"
    assert said.values == {"office": "allow, open", "year-end": "deny, open"}
    # The next edge: office shuts. It changes nothing, and is no reason to be late.
    assert said.recheck_at == datetime.fromisoformat("2026-12-21T15:00:00Z")


def test_without_allow_windows_all_is_open_but_what_is_denied() -> None:
    gate = Windows(windows=(YEAR_END,))
    said = gate.evaluate(FACTS, START)
    assert (said.status, said.detail) == (GateStatus.PASS, "no window is against it")
    assert said.recheck_at == datetime.fromisoformat("2026-12-17T23:00:00Z")


def test_windows_that_never_open_again_are_told() -> None:
    once = OFFICE.model_dump() | {"rrule": "FREQ=DAILY;COUNT=1"}
    gate = Windows(windows=(Window.model_validate(once),))
    said = gate.evaluate(FACTS, START)
    assert waits(said) == [By.RELEASE_MANAGER]
    assert said.recheck_at is None
    assert "office never let anything through" in said.changes_when[0].what


def test_a_change_under_way_learns_of_the_next_edge() -> None:
    assert Windows(windows=(OFFICE, YEAR_END)).next_edge(START) == START + 6 * HOUR


# Freezes


def test_a_freeze_names_who_declared_it_and_why() -> None:
    assert FreezeGate().evaluate(FACTS, START).status is GateStatus.PASS
    said = FreezeGate().evaluate(frozen(FREEZE), START)
    assert waits(said) == [By.RELEASE_MANAGER]
    assert said.detail == f"frozen by {DAVE}: the data centre moves"
    assert said.inputs == (FREEZE.id,)
    assert said.changes_when[0].command == f"rollbook freeze lift {FREEZE.id} -m …"
    assert said.recheck_at is None


def test_a_freeze_holds_from_its_beginning_to_its_end() -> None:
    until = START + 2 * HOUR
    facts = frozen(replace(FREEZE, from_at=START + HOUR, until=until))
    said = [FreezeGate().evaluate(facts, START + at * HOUR) for at in range(3)]
    assert [each.status.value for each in said] == ["pass", "wait", "pass"]
    assert [each.recheck_at for each in said] == [START + HOUR, until, None]
    assert [change.by for change in said[1].changes_when] == [
        By.TIME,
        By.RELEASE_MANAGER,
    ]
    assert said[1].changes_when[0].at == until


def test_exempt_kinds_pass() -> None:
    exempt = replace(
        FREEZE, exempt=(PromotionKind.ROLLBACK,), until=START + HOUR, waivable=False
    )
    back = replace(frozen(exempt), kind=PromotionKind.ROLLBACK)
    said = FreezeGate().evaluate(back, START)
    assert (said.status, said.recheck_at) == (GateStatus.PASS, None)
    assert FreezeGate().is_waivable(back, START)
    assert waits(FreezeGate().evaluate(frozen(exempt), START))


def test_every_freeze_has_to_be_over() -> None:
    other = replace(FREEZE, id=event("e"), until=START + HOUR, reason="stocktaking")
    said = FreezeGate().evaluate(frozen(FREEZE, other), START)
    assert said.inputs == (FREEZE.id, other.id)
    assert "stocktaking" in said.detail
    assert waits(FreezeGate().evaluate(frozen(FREEZE, other), START + HOUR))


@pytest.mark.parametrize(
    ("waivable", "status"), [(True, GateStatus.WAIVED), (False, GateStatus.WAIT)]
)
def test_a_waiver_reaches_only_a_freeze_that_allows_it(
    waivable: bool, status: GateStatus
) -> None:
    waived = Waived(
        event("b"), GateName("freeze"), "sev1", DAVE, BOB, until=START + HOUR
    )
    facts = frozen(FREEZE, replace(FREEZE, id=event("e"), waivable=waivable))
    (said,) = judge([FreezeGate()], replace(facts, waivers=(waived,)), START)
    assert said.result.status is status
    assert said.is_open is waivable


# Soak


def stayed(*stays: Stay) -> Facts:
    facts = version(proven_in={STAGING: event("5")})
    return replace(facts, stays={STAGING: stays})


def soak(hours: int = 24) -> Soak:
    return Soak.model_validate({"kind": "soak", "in": STAGING, "for": f"{hours}h"})


def test_a_soak_says_how_far_it_is_and_when_it_ends() -> None:
    since = START - 14 * HOUR - 28 * MINUTE
    said = soak().evaluate(stayed(Stay(Version(1), since, None)), START)
    assert waits(said) == [By.TIME]
    assert said.detail == "14 h 28 min of 24 h in staging"
    assert said.recheck_at == said.changes_when[0].at == since + 24 * HOUR
    done = soak().evaluate(stayed(Stay(Version(1), since, None)), since + 24 * HOUR)
    assert (done.status, done.recheck_at) == (GateStatus.PASS, None)
    assert done.inputs == (event("5"),)


def test_stays_are_not_added_up() -> None:
    half = (
        Stay(Version(1), START - 30 * HOUR, START - 15 * HOUR),
        Stay(Version(2), START - 15 * HOUR, START - 14 * HOUR),
        Stay(Version(1), START - 14 * HOUR, START - 2 * HOUR),
        Stay(Version(2), START - 2 * HOUR, None),
    )
    said = soak().evaluate(stayed(*half), START)
    assert waits(said) == [By.PIPELINE]
    assert said.detail == "15 h of 24 h in staging"
    assert said.recheck_at is None
    command = "rollbook promote acme/fraud@1 --to staging -m …"
    assert said.changes_when[0].command == command


def test_stays_that_touch_are_one_and_others_are_not() -> None:
    first = Stay(Version(1), START - 30 * HOUR, START - 15 * HOUR)
    second = Stay(Version(1), START - 15 * HOUR, None)
    assert soak().evaluate(stayed(first, second), START).status is GateStatus.PASS
    apart = replace(second, since=START - 14 * HOUR)
    assert waits(soak().evaluate(stayed(first, apart), START)) == [By.TIME]


def test_a_past_stay_counts_after_it_ended() -> None:
    past = Stay(Version(1), START - 30 * HOUR, START - 2 * HOUR)
    other = Stay(Version(2), START - 2 * HOUR, None)
    assert soak().evaluate(stayed(past, other), START).status is GateStatus.PASS


moments = st.lists(
    st.tuples(st.integers(0, 300), st.integers(1, 3)),
    max_size=8,
    unique_by=lambda m: m[0],
).map(sorted)


def stays_of(became: Sequence[tuple[int, int]]) -> tuple[Stay, ...]:
    """Let versions become stable at some minutes; one ends where the next begins."""
    ends = [START + at * MINUTE for at, _ in became[1:]] + [None]
    return tuple(
        Stay(Version(number), START + at * MINUTE, end)
        for (at, number), end in zip(became, ends, strict=True)
    )


def longest_run(became: Sequence[tuple[int, int]], minute: int) -> int:
    """Scan minute by minute for the longest run of version 1."""
    longest = run = 0
    for at in range(minute):
        stable = [number for since, number in became if since <= at]
        run = run + 1 if stable and stable[-1] == 1 else 0
        longest = max(longest, run)
    return longest


@given(became=moments, minute=st.integers(0, 400), wanted=st.integers(1, 200))
def test_a_soak_is_the_longest_run_that_a_scan_finds(
    became: list[tuple[int, int]], minute: int, wanted: int
) -> None:
    known = [each for each in became if each[0] <= minute]
    gate = Soak(stage=STAGING, lasts=wanted * MINUTE)
    facts = stayed(*stays_of(known)) if known else FACTS
    said = gate.evaluate(facts, START + minute * MINUTE)
    run = longest_run(known, minute)
    assert (said.status is GateStatus.PASS) == (run >= wanted)
    assert said.detail.startswith(f"{length(run * MINUTE)} of ")
    reached = next(
        (at for at in range(minute, 700) if longest_run(known, at) >= wanted), None
    )
    if said.status is GateStatus.WAIT:
        expected = None if reached is None else START + reached * MINUTE
        assert said.recheck_at == expected


# Rate


def test_as_many_as_allowed_are_too_many() -> None:
    gate = Rate.model_validate({"kind": "rate", "max": 2, "per": "4h"})
    times = tuple(START - at * HOUR for at in (5, 3, 1))
    said = gate.evaluate(lane(dispatched_at=times), START)
    assert waits(said) == [By.TIME]
    assert said.detail == "2 of at most 2 changes in 4 h"
    assert said.recheck_at == said.changes_when[0].at == START + HOUR
    one = gate.evaluate(lane(dispatched_at=times[:2]), START)
    assert (one.status, one.recheck_at) == (GateStatus.PASS, None)


@given(
    hours=st.lists(st.integers(0, 20), max_size=12).map(sorted),
    most=st.integers(1, 4),
    per=st.integers(1, 10),
)
def test_rate_is_free_again_at_the_first_moment_a_scan_finds(
    hours: list[int], most: int, per: int
) -> None:
    gate = Rate(max=most, per=per * HOUR)
    facts = lane(dispatched_at=tuple(START - at * HOUR for at in reversed(hours)))

    def lies_within(later: int) -> int:
        return sum(1 for at in hours if at + later < per)

    said = gate.evaluate(facts, START)
    assert (said.status is GateStatus.PASS) == (lies_within(0) < most)
    free = next(later for later in range(100) if lies_within(later) < most)
    assert said.recheck_at == (START + free * HOUR if free else None)


# Hold


def test_a_hold_stops_automation_only() -> None:
    held = lane(hold=Hold(event("9"), DAVE, None, START + HOUR, "incident"))
    by_person = HoldGate().evaluate(held, START)
    assert (by_person.status, by_person.recheck_at) == (GateStatus.PASS, None)
    said = HoldGate().evaluate(replace(held, automatic=True), START)
    assert waits(said) == [By.TIME, By.RELEASE_MANAGER]
    assert said.recheck_at == START + HOUR
    command = f"rollbook unhold acme/fraud#{PRODUCTION} -m …"
    assert said.changes_when[1].command == command
    over = HoldGate().evaluate(replace(held, automatic=True), START + HOUR)
    assert over.status is GateStatus.PASS


def test_a_hold_without_an_end_is_lifted_by_people() -> None:
    held = lane(hold=Hold(event("9"), DAVE, None, None, "incident"))
    said = HoldGate().evaluate(replace(held, automatic=True), START)
    assert (waits(said), said.recheck_at) == ([By.RELEASE_MANAGER], None)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (Rate, {"max": 0, "per": "1h"}),
        (Rate, {"max": 101, "per": "1h"}),
        (Rate, {"max": 1, "per": "0s"}),
        (Soak, {"in": "staging", "for": "0s"}),
        (Soak, {"in": "staging"}),
    ],
)
def test_settings_without_a_meaning_are_refused(
    kind: type[Rate] | type[Soak], written: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(written)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (3600, "1 h"),
        (52_080, "14 h 28 min"),
        (86_400, "24 h"),
        (86_400 * 2 + 59, "48 h 59 s"),
        (86_400 * 3 + 7_260, "3 d 2 h"),
    ],
)
def test_lengths_are_told_in_two_units(seconds: int, told: str) -> None:
    assert length(timedelta(seconds=seconds)) == told
