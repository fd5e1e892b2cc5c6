"""Does the picture of a roll-out show what is going on, and what it waits for?"""

import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from rollbook.reference import parse_promotion
from rollbook_services.cli import waiting
from rollbook_services.cli.live import BAR, FRAMES, bar, left, live, picture, spinner
from rollbook_services.cli.main import run
from rollbook_services.cli.output import Output
from tests.services.cli.rollouts import (
    APPLIED,
    BAKES,
    MODEL,
    analysis,
    answered,
    promotion,
    step,
    target,
)
from tests.support.canned import Canned

NOW = datetime(2026, 5, 1, 9, 31, 36, tzinfo=UTC)
FRAUD = parse_promotion("fraud:3")
OUTPUT = Output(zone=UTC, colour=True)


def drawn(found: Any, *, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        width=120,
        force_terminal=colour,
        color_system="standard" if colour else None,
    )
    console.print(picture(FRAUD, found, OUTPUT, NOW))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def line_of(text: str, *words: str) -> str:
    [found] = [
        line for line in text.splitlines() if all(each in line for each in words)
    ]
    return found


def test_the_title_says_what_changes_and_how_it_stands() -> None:
    first = drawn(promotion()).splitlines()[0]
    assert "fraud:3   fraud 7 → 8 in production   progressing" in first


def test_each_target_has_a_bar_its_versions_state_and_time() -> None:
    text = drawn(
        promotion("PROGRESSING", target("eu-1", "applied"), target("eu-2", canary=0))
    )
    applied = line_of(text, "eu-1 ")
    assert "✓" in applied
    assert applied.count("█") == BAR // 4
    assert "fraud@7 75 %, fraud@8 25 %" in applied
    assert "applied  1.2 s" in applied
    waiting_ = line_of(text, "eu-2")
    assert set(waiting_) & set(FRAMES)
    assert "█" not in waiting_
    assert "9.0 s" not in waiting_


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"agents": [{"agent": "a", "state": "lost"}]}, "agent lost"),
        (
            {"agents": [{"agent": "a", "state": "present", "drained": True}]},
            "drained",
        ),
        ({"reason_code": "load_failed", "state": "failed"}, "✗"),
        ({"reason_code": "load_failed", "state": "failed"}, "failed: load_failed"),
        ({"state": "drifted"}, "!"),
    ],
)
def test_what_keeps_a_target_from_its_work_is_shown(
    said: dict[str, Any], told: str
) -> None:
    found = promotion("PROGRESSING", {**target("eu-1"), **said})
    assert told in line_of(drawn(found), "eu-1  ")


def test_the_step_counts_and_its_bake_runs_down() -> None:
    baking = step(applied_at=APPLIED, bake_until=BAKES)
    text = drawn(promotion(now=baking))
    assert "wave 1/2, step 2/4, 25 %, bakes, 12:31 left" in text
    assert "waits for the bake of this step" in text


def test_a_step_that_is_not_applied_says_whom_it_waits_for_and_until_when() -> None:
    text = drawn(promotion("PROGRESSING", target("eu-1")))
    assert "25 %, has until 13:31:02" in text
    assert "waits for eu-1" in text


def test_what_is_measured_stands_beside_its_limit() -> None:
    now = step(applied_at=APPLIED, bake_until=BAKES)
    text = drawn(promotion(now=now, analyses=[analysis("0.02", "fail")]))
    assert "✗ error_rate 0.02   value < 0.01   2311 samples" in text
    assert "waits for the bake of this step, and error_rate" in text


def test_a_pause_says_who_ends_it_and_what_to_type() -> None:
    pause = {"cause": "step", "role": "model-owner"}
    text = drawn(promotion("PAUSED", pause=pause))
    assert "stands still" in text
    assert "waits for somebody with the role model-owner to resume it" in text
    assert "rollbook resume fraud:3 -m …" in text


def test_while_it_waits_its_gates_are_shown() -> None:
    gates = [
        {"gate": "quality", "status": "pass", "mode": "enforce", "detail": "auc"},
        {"gate": "soak", "status": "wait", "mode": "enforce", "detail": "14 of 24 h"},
        {"gate": "rate", "status": "fail", "mode": "warn", "detail": "2 of 1"},
    ]
    text = drawn({**promotion("GATING", gates=gates), "targets": []})
    assert "✓ pass" in line_of(text, "quality")
    assert "14 of 24 h" in line_of(text, "soak   ")
    assert "✗" in line_of(text, "rate")
    assert "waits for soak" in text


def test_of_many_targets_those_in_trouble_are_shown() -> None:
    many = [target(f"t-{number:02}", "applied") for number in range(50)]
    many[41] = target("t-41", "failed")
    text = drawn(promotion("PROGRESSING", *many))
    assert "t-41" in text
    assert "and 38 more" in text
    assert len(re.findall(r"t-\d\d", text)) == 12


def test_an_ended_promotion_waits_for_nothing() -> None:
    text = drawn(promotion("SUCCEEDED", target("eu-1", "applied", canary=100)))
    assert "succeeded" in text
    assert "waits for" not in text


def test_colours_are_only_for_terminals() -> None:
    found = promotion("PROGRESSING", target("eu-1", "applied"))
    assert "\x1b[32m" in drawn(found, colour=True)
    assert "\x1b" not in drawn(found)


@pytest.mark.parametrize(
    ("seconds", "told"), [(751, "12:31"), (3_725, "1:02:05"), (-5, "0:00"), (9, "0:09")]
)
def test_the_time_that_is_left_is_counted_down_to_nothing(
    seconds: int, told: str
) -> None:
    assert left((NOW + timedelta(seconds=seconds)).isoformat(), NOW) == told


def test_a_small_share_is_still_to_be_seen() -> None:
    assert bar(1).plain.count("█") == 1
    assert bar(0).plain.count("█") == 0
    assert bar(100).plain == "█" * BAR


def test_the_spinner_turns_with_time() -> None:
    turned = {spinner(NOW + timedelta(seconds=tenth / 10)) for tenth in range(10)}
    assert turned == set(FRAMES)


def test_a_terminal_is_drawn_on_until_the_end() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=120, force_terminal=True)
    with live(FRAUD, OUTPUT, console, lambda: NOW) as tell:
        tell(promotion("PROGRESSING", target("eu-1")))
        tell(promotion("SUCCEEDED", target("eu-1", "applied", canary=100)))
    assert "succeeded" in screen.getvalue()
    assert "fraud@8" in screen.getvalue()


def test_whoever_sits_at_a_terminal_gets_the_picture(
    server: Canned, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(waiting, "is_watched", lambda: True)
    ended = promotion("SUCCEEDED", target("eu-1", "applied", canary=100))
    server.say(f"GET {MODEL}/promotions/3", answered(ended))
    lane = {"stable": {"promotion": 3}}
    server.say(f"GET {MODEL}/lanes/production", answered(lane))
    assert run(["watch", "fraud:3"]) == 0
    said = capsys.readouterr()
    assert "█" * BAR in said.err
    assert "SUCCEEDED" in said.out
