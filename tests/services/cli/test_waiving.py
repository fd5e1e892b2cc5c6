"""Is it plain who broke the glass, that nothing passed, and who looks at it?"""

import pytest

from rollbook_services.cli.main import run
from tests.services.cli.test_verbs import PROMOTION, WHEN, event, recorded
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
LINE = [
    *("waive", "fraud:3", "--gate", "soak", "--gate", "windows", "--class", "sev1"),
    *("--incident", "INC-88", "-m", "outage"),
]
REQUESTED = event("waiver.requested")
GRANTED = [
    event("gate.waived", gate="soak", until=WHEN),
    event("gate.waived", gate="windows", until=WHEN),
    event("review.opened", due_at=WHEN),
]
REVIEW = {
    "model": "fraud",
    "promotion": 3,
    "review": "r-1",
    "due_at": WHEN,
    "overdue": True,
    "gates": ["soak"],
    "break_glass": "sev1",
    "asked_by": "prn:a",
    "second_person": "prn:b",
}


def test_a_waiver_is_never_said_to_have_passed(
    server: Canned, capsys: Captured
) -> None:
    answer = recorded(REQUESTED, *GRANTED)
    server.say(f"POST {PROMOTION}/waivers", answer, status=201)
    assert run(LINE) == 0
    assert server.heard[-1].body == {
        "break_glass": "sev1",
        "gates": ["soak", "windows"],
        "incident": "INC-88",
        "reason": "outage",
    }
    said = capsys.readouterr()
    assert "WAIVED soak, windows, not passed, until 2026-05-02 09:14:00" in said.out
    assert "rollbook review close fraud id-review.opened" in said.err


def test_a_second_person_is_told_what_to_type(server: Canned, capsys: Captured) -> None:
    server.say(f"POST {PROMOTION}/waivers", recorded(REQUESTED), status=201)
    assert run(LINE) == 0
    said = capsys.readouterr()
    assert "asked to waive soak, windows" in said.out
    assert "WAIVED" not in said.out
    assert "rollbook confirm-waiver fraud:3 id-waiver.requested" in said.err


def test_waivers_are_listed_with_the_word_each_gate_had(
    server: Canned, capsys: Captured
) -> None:
    row = {
        "model": "fraud",
        "promotion": 3,
        "waiver": "w-1",
        "state": "granted",
        "gates": [{"gate": "soak", "status_then": "wait"}],
        "break_glass": "sev1",
        "asked_by": "prn:a",
    }
    server.say("GET /v1/waivers", {"data": [row], "people": {"prn:a": "alice"}})
    assert run(["waivers", "fraud"]) == 0
    assert server.heard[-1].query["model"] == ["fraud"]
    said = capsys.readouterr().out
    assert "soak (wait)" in said
    assert "alice" in said


def test_reviews_that_are_owed_are_listed_and_overdue_ones_stand_out(
    server: Canned, capsys: Captured
) -> None:
    server.say("GET /v1/reviews", {"data": [REVIEW], "people": {"prn:a": "alice"}})
    assert run(["review", "list"]) == 0
    assert server.heard[-1].query["open"] == ["true"]
    said = capsys.readouterr().out
    assert "2026-05-02 09:14:00 OVERDUE" in said
    assert "alice, prn:b" in said
    assert run(["review", "list", "fraud", "--overdue", "--all", "-o", "name"]) == 0
    asked = server.heard[-1].query
    assert (asked["model"], asked["overdue"], "open" in asked) == (
        ["fraud"],
        ["true"],
        False,
    )
    assert capsys.readouterr().out == "r-1\n"


def test_only_a_class_a_gate_and_a_reason_make_a_waiver(server: Canned) -> None:
    for left_out in ("--gate", "--class", "-m"):
        at = LINE.index(left_out)
        line = LINE[:at] + LINE[at + 2 :]
        if left_out == "--gate":
            line = line[: line.index("--gate")] + line[line.index("--gate") + 2 :]
        assert run(line) == 2
    assert server.heard == []
