"""An expression that takes too long is found out by a process that can be killed."""

import sys
import time

import pytest

from rollbook.errors import Unavailable
from rollbook_services.registrar import timing
from rollbook_services.registrar.timing import slow

QUICK = (
    "metrics.auc >= champion.metrics.auc - 0.002",
    "size(lineage.datasets) > 0 && lineage.datasets.all(d, d.startsWith('team/'))",
    "value < champion * 1.2",
    "stage.matches('^prod-[a-z]+$')",
)
COPIES = "size(lineage.datasets.map(d, lineage.datasets)) > 1"
PATTERN = r"stage.matches('\\w{1,255}')"


async def test_what_people_write_is_quick_enough() -> None:
    assert await slow(QUICK) == []


async def test_what_takes_too_long_is_named_with_what_to_do() -> None:
    (fault,) = await slow([*QUICK, PATTERN])
    assert fault.startswith(f"{PATTERN} takes ")
    assert fault.endswith(
        "at most 20 ms: leave out macros and patterns, or make several gates of it"
    )


async def test_a_short_circuit_hides_nothing() -> None:
    (fault,) = await slow([f"stage == 'nowhere' && ({PATTERN} || {QUICK[0]})"])
    assert " takes " in fault


async def test_what_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "_SILENT_SECONDS", 0.2)
    begin = time.monotonic()
    (fault,) = await slow([COPIES, *QUICK])
    assert fault.startswith(f"{COPIES} does not come to an end: ")
    assert time.monotonic() - begin < 20


async def test_what_a_cap_refuses_is_never_tried() -> None:
    begin = time.monotonic()
    assert await slow(["1 + " * 20_000, "!(" * 1_000_000]) == []
    assert time.monotonic() - begin < 1


async def test_without_a_process_nobody_is_told_that_all_is_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable, match="does not come up"):
        await slow(QUICK)
