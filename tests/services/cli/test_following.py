"""Is each fact of a roll-out told once, as a line or as an object?"""

import json
from datetime import UTC
from typing import Any

import pytest

from rollbook.reference import parse_promotion
from rollbook_services.cli.following import Follower
from rollbook_services.cli.main import run
from rollbook_services.cli.output import Output
from tests.services.cli.rollouts import (
    APPLIED,
    BAKES,
    MODEL,
    STARTED,
    analysis,
    answered,
    promotion,
    step,
    target,
)
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]


def follower() -> Follower:
    return Follower(parse_promotion("fraud:3"), Output(zone=UTC))


def lines(told: Follower, found: Any) -> list[str]:
    return [news.line for news in told.news(found)]


def test_a_target_is_told_when_it_should_run_something_else_and_when_it_does() -> None:
    told = follower()
    first = lines(told, promotion("DISPATCHED", target("eu-1")))
    assert "09:31:02  eu-1   desired   fraud@8   25 %" in first
    begun = promotion("PROGRESSING", target("eu-1", "acknowledged"))
    assert lines(told, begun)[1:] == [
        "09:31:07  eu-1   acknowledged   fraud@8   25 %",
    ]
    applied = promotion("PROGRESSING", target("eu-1", "applied"))
    assert lines(told, applied) == [
        "09:31:07  eu-1   applied   fraud@8   25 %   1.2 s",
    ]
    assert lines(told, applied) == []


def test_a_target_whose_share_stays_reads_the_next_document_in_silence() -> None:
    told = follower()
    first = lines(told, promotion("PROGRESSING", target("eu-2", "applied", canary=0)))
    assert not [line for line in first if "eu-2" in line]
    for state in ("desired", "acknowledged", "applied"):
        later = promotion("PROGRESSING", target("eu-2", state, canary=0))
        assert lines(told, later) == []
    drifted = promotion("PROGRESSING", target("eu-2", "drifted", canary=0))
    assert len(lines(told, drifted)) == 1
    more = promotion("PROGRESSING", target("eu-2", "desired", canary=5))
    assert lines(told, more) == ["09:31:02  eu-2   desired   fraud@8   5 %"]


def test_a_target_that_fails_says_why() -> None:
    told = follower()
    failed = target("eu-1", "failed", reason_code="load_failed")
    [*_, line] = lines(told, promotion("PROGRESSING", failed))
    assert "eu-1   failed: load_failed" in line
    assert "9.0 s" not in line  # which is how long the version before it took


def test_a_step_is_told_when_it_begins_and_when_it_bakes() -> None:
    told = follower()
    first = lines(told, promotion())
    assert "09:31:02  wave 1/2, step 2/4, 25 %   begins on eu-1" in first
    baking = step(applied_at=APPLIED, bake_until=BAKES)
    assert lines(told, promotion(now=baking)) == [
        "09:31:07  wave 1/2, step 2/4, 25 %   applied, bakes until 09:44:07",
    ]
    assert lines(told, promotion(now=baking)) == []


def test_a_step_is_applied_after_the_targets_that_applied_it() -> None:
    baking = step(applied_at=APPLIED, bake_until=BAKES)
    told = lines(
        follower(), promotion("PROGRESSING", target("eu-1", "applied"), now=baking)
    )
    assert [line.split("   ")[1].split(",")[0] for line in told[1:]] == [
        "begins on eu-1",
        "applied",
        "applied",
    ]
    assert "eu-1" in told[2]


def test_a_pause_of_the_plan_begins_nothing() -> None:
    paused = promotion("PAUSED", now=step(pause="model-owner"))
    assert not [line for line in lines(follower(), paused) if "begins" in line]


def test_a_change_of_all_targets_at_once_counts_no_steps() -> None:
    whole = step(wave=0, step=0, weight=100)
    found = promotion("PROGRESSING", target("eu-1", canary=100), now=whole)
    found["rollout"] |= {"waves": [{}], "steps": [{}]}
    assert not [line for line in lines(follower(), found) if "begins" in line]


def test_what_was_measured_is_told_once_with_its_limit() -> None:
    told = follower()
    told.news(promotion())
    measured = promotion(analyses=[analysis()])
    assert lines(told, measured) == [
        "09:31:07  error_rate   pass   0.004   value < 0.01   2311 samples",
    ]
    assert lines(told, measured) == []
    worse = promotion(analyses=[analysis(), analysis("0.02", "fail")])
    assert len(lines(told, worse)) == 1


def test_what_was_measured_in_an_earlier_step_is_not_of_this_one() -> None:
    before = analysis(step=0)
    assert not [
        line
        for line in lines(follower(), promotion(analyses=[before]))
        if "error_rate" in line
    ]


def test_a_pause_says_who_ends_it_and_how() -> None:
    pause = {
        "cause": "step",
        "role": "model-owner",
        "reason": "the plan waits",
        "paused_at": STARTED,
    }
    found = promotion("PAUSED", pause=pause)
    told = follower()
    [*_, line] = lines(told, found)
    assert line == (
        "09:31:02  wave 1/2, step 2/4, 25 %   paused   the plan waits; "
        "to go on as model-owner: "
        "rollbook resume fraud:3 -m …"
    )
    assert lines(told, found) == []


def test_gates_that_go_back_and_forth_are_told_each_time() -> None:
    told = follower()
    waits = {"gate": "soak", "status": "wait", "mode": "enforce", "detail": "14 h"}
    for state in ("wait", "pass", "wait"):
        found = {"state": "GATING", "gates": [{**waits, "status": state}]}
        assert any("soak" in line for line in lines(told, found))


def shown(server: Canned, *found: Any) -> None:
    server.say(f"GET {MODEL}/promotions/3", *map(answered, found))
    lane = {"stable": {"promotion": 3}}
    server.say(f"GET {MODEL}/lanes/production", answered(lane))


def test_watching_writes_a_line_for_each_fact_and_ends_with_the_state(
    server: Canned, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook_services.cli.waiting._LOOK_EVERY_SECONDS", 0.001)
    shown(
        server,
        promotion("GATING", rollout=None),
        promotion("PROGRESSING", target("eu-1", "applied")),
        promotion("SUCCEEDED", target("eu-1", "applied", canary=100)),
    )
    assert run(["watch", "fraud:3"]) == 0
    said = capsys.readouterr()
    assert "09:31:07  eu-1   applied   fraud@8   25 %   1.2 s" in said.err
    assert "\x1b" not in said.err
    assert "SUCCEEDED" in said.out


def test_watching_for_programs_writes_an_object_for_each_fact(
    server: Canned, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook_services.cli.waiting._LOOK_EVERY_SECONDS", 0.001)
    shown(
        server,
        promotion("PROGRESSING", target("eu-1", "applied"), analyses=[analysis()]),
        promotion("SUCCEEDED", target("eu-1", "applied", canary=100)),
    )
    assert run(["watch", "fraud:3", "--json"]) == 0
    said = capsys.readouterr()
    told = [json.loads(line) for line in said.err.splitlines()]
    kinds = {each["kind"] for each in told}
    assert kinds == {"state", "step", "target", "analysis"}
    [first, *_] = [each for each in told if each["kind"] == "target"]
    assert first == {
        "at": APPLIED,
        "promotion": "fraud:3",
        "kind": "target",
        "target": "eu-1",
        "state": "applied",
        "version": 8,
        "weight": 25,
        "converged_ms": 1240,
        "reason_code": None,
    }
    assert json.loads(said.out)["data"]["state"] == "SUCCEEDED"


def test_a_failed_gate_does_not_end_watching_but_a_failure_does(
    server: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook_services.cli.waiting._LOOK_EVERY_SECONDS", 0.001)
    gate = {"gate": "quality", "status": "fail", "mode": "enforce", "detail": "auc"}
    shown(server, promotion("GATING", gates=[gate]), promotion("FAILED"))
    assert run(["watch", "fraud:3"]) == 9


def test_quiet_watching_says_nothing_on_the_way(
    server: Canned, capsys: Captured
) -> None:
    shown(server, promotion("SUCCEEDED"))
    assert run(["watch", "fraud:3", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
