"""Does an explanation name every gate, what would change it, and who could?"""

import json
from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
MODEL = "/v1/models/default/fraud"
CAROL, DAVE, ALICE = "prn:carol", "prn:dave", "prn:alice"
PEOPLE = {CAROL: "carol", DAVE: "dave", ALICE: "alice"}
VERSION = {"data": {"version": 8, "digest": "sha256:" + "9" * 64}, "seq": 5}
WAITS = "2026-05-02T09:14:00.000Z"


def gate(id_: str, status: str, why: str, **members: Any) -> dict[str, Any]:
    blocks = status not in {"pass", "waived"} and members.get("mode") is None
    said: dict[str, Any] = {
        "kind": id_,
        "mode": "enforce",
        "inputs": [],
        "values": {},
        "waiver": None,
    }
    rest = {"blocks": blocks, "changes_when": [], **members}
    return {"id": id_, "status": status, "why": why, **said, **rest}


QUALITY = gate("quality", "pass", "auc 0.931 >= 0.91", values={"metrics.auc": "0.931"})
SOAK = gate(
    "soak",
    "wait",
    "14 h of 24 h in staging",
    changes_when=[{"by": "time", "what": "the soak ends", "at": WAITS}],
)
SIGN_OFF = gate(
    "sign-off",
    "wait",
    f"0 of 1 slots filled, {ALICE} asked",
    changes_when=[
        {
            "by": "person",
            "what": "approve as one risk-officer",
            "who": [CAROL, DAVE],
            "barred": [{"who": ALICE, "why": "requester"}],
            "at": None,
            "command": "rollbook approve fraud:14 -m …",
        }
    ],
)
FAILS = gate("latency", "fail", "55 < 40 does not hold")


def told(*gates: dict[str, Any], **members: Any) -> dict[str, Any]:
    data = {
        "model": "fraud",
        "version": 8,
        "stage": "prod",
        "promotion": 14,
        "state": "GATING",
        "requester": ALICE,
        "answer": "Waiting for one risk-officer.",
        "not_before": None,
        "gates": list(gates),
        "lane": {"incumbent": 7, "promotion": 11},
        "policy": "tier1",
        "policy_digest": "sha256:77ab",
    }
    return {"data": {**data, **members}, "seq": 88, "people": PEOPLE}


def explains(server: Canned, answer: dict[str, Any]) -> None:
    server.say(f"GET {MODEL}/promotions/14/why", answer)
    server.say(f"GET {MODEL}/versions/8", VERSION)
    server.say(f"GET {MODEL}/versions/8/checks", answer)


def lines_of(capsys: Captured) -> list[str]:
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_gate_has_word_mode_reason_values_and_what_would_change_it(
    server: Canned, capsys: Captured
) -> None:
    explains(server, told(QUALITY, SOAK, SIGN_OFF, not_before=WAITS))
    assert run(["why", "fraud:14"]) == 0
    lines = lines_of(capsys)
    assert lines[:2] == [
        "fraud@8 for prod, which runs fraud@7 fraud:14 is gating, asked by alice",
        "Waiting for one risk-officer.",
    ]
    for line in (
        "pass quality enforce auc 0.931 >= 0.91",
        "values metrics.auc=0.931",
        "wait soak enforce 14 h of 24 h in staging",
        "time the soak ends, 2026-05-02 09:14:00",
        "wait sign-off enforce 0 of 1 slots filled, alice asked",
        "person approve as one risk-officer",
        "who carol, dave",
        "not alice: requester",
        "type rollbook approve fraud:14 -m …",
        "earliest 2026-05-02 09:14:00; people and facts may take longer",
        "policy tier1 sha256:77ab",
    ):
        assert line in lines


def test_what_was_waived_never_looks_like_what_passed(
    server: Canned, capsys: Captured
) -> None:
    waived = gate("rate", "waived", "waived; wait: 1 of at most 1", waiver="w-1")
    explains(server, told(QUALITY, waived))
    assert run(["why", "fraud:14"]) == 0
    lines = lines_of(capsys)
    assert "WAIVED rate enforce waived; wait: 1 of at most 1" in lines
    assert "waiver w-1" in lines
    assert sum(line.startswith("pass ") for line in lines) == 1


def test_a_gate_that_only_warns_says_that_it_does_not_block(
    server: Canned, capsys: Captured
) -> None:
    warns = gate("latency", "fail", "55 < 40", mode="warn")
    explains(server, told(warns))
    assert run(["check", "fraud@8", "--to", "prod"]) == 0
    assert "fail latency warn (warn: does not block) 55 < 40" in lines_of(capsys)


@pytest.mark.parametrize(
    ("gates", "ended"),
    [
        ([QUALITY], 0),
        ([QUALITY, gate("rate", "waived", "waived")], 0),
        ([QUALITY, SOAK], 8),
        ([gate("quality", "unknown", "no record")], 8),
        ([SOAK, FAILS], 5),
    ],
)
def test_a_check_ends_as_its_gates_do(
    server: Canned, gates: list[dict[str, Any]], ended: int
) -> None:
    explains(server, told(*gates, promotion=None, state="NOT_REQUESTED"))
    assert run(["check", "fraud@8", "--to", "prod"]) == ended
    assert run(["why", "fraud@8", "--to", "prod"]) == 0
    assert {heard.method for heard in server.heard} == {"GET"}


def test_nobody_is_told_to_vote_on_what_nobody_asked_for(
    server: Canned, capsys: Captured
) -> None:
    explains(server, told(SIGN_OFF, promotion=None, state="NOT_REQUESTED"))
    assert run(["check", "fraud@8", "--to", "prod"]) == 8
    said = capsys.readouterr().out
    assert "carol, dave" in said
    assert "rollbook approve" not in said


def test_the_next_window_is_named(server: Canned, capsys: Captured) -> None:
    opens = {"by": "time", "what": "the windows let changes through", "at": WAITS}
    shut = gate("windows", "wait", "outside office", changes_when=[opens])
    explains(server, told(shut))
    assert run(["why", "fraud:14", "--tz", "Europe/Berlin"]) == 0
    assert "next window 2026-05-02 11:14:00" in lines_of(capsys)


def test_a_class_of_waivers_is_offered_where_it_reaches_what_is_closed(
    server: Canned, capsys: Captured
) -> None:
    glass = {
        "name": "sev1",
        "roles": ["incident-commander"],
        "second_person": True,
        "incident_required": True,
        "gates": ["soak", "quality"],
    }
    explains(server, told(QUALITY, SOAK, break_glass=[glass]))
    assert run(["why", "fraud:14"]) == 0
    lines = lines_of(capsys)
    assert (
        "waiver sev1 reaches soak; by incident-commander, with a second person" in lines
    )
    assert (
        "rollbook waive fraud:14 --gate soak --class sev1 --incident ID -m …" in lines
    )


def test_what_is_decided_is_told_by_its_record(
    server: Canned, capsys: Captured
) -> None:
    there = told(SOAK, promotion=None, lane={"incumbent": 8, "promotion": 14})
    explains(server, there)
    card = {
        "model": "fraud",
        "promotion": 14,
        "state": "SUCCEEDED",
        "dispatched_at": WAITS,
        "gates": [{"gate": "soak", "status": "waived", "detail": "waived; wait: 1 h"}],
        "votes": [{"vote": "approve", "voter": CAROL, "gate": "sign-off"}],
    }
    server.say(f"GET {MODEL}/promotions/14", {"data": card, "people": PEOPLE})
    assert run(["why", "fraud@8", "--to", "prod", "--as-of", "80"]) == 0
    lines = lines_of(capsys)
    assert "It runs there already." in lines
    assert "WAIVED soak waived; wait: 1 h" in lines
    assert "approve by carol at sign-off" in lines
    assert not [line for line in lines if line.startswith("wait ")]
    assert [heard.query["as_of"] for heard in server.heard] == [["80"]] * 3


def test_programs_get_the_whole_answer(server: Canned, capsys: Captured) -> None:
    explains(server, told(QUALITY, SOAK))
    assert run(["check", "fraud@8", "--to", "prod", "--json"]) == 8
    found = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in found["data"]["gates"]] == ["quality", "soak"]
    assert run(["why", "fraud:14", "-o", "name"]) == 0
    assert capsys.readouterr().out == "fraud:14\n"
