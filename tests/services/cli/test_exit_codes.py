"""With which exit code does each command line end, and what does stderr say?"""

import json
from pathlib import Path
from typing import Any

import pytest

from rollbook.problems import CODES
from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
LANES = "GET /v1/lanes"
MODEL = "/v1/models/default/fraud"
VERSION = {"data": {"version": 8, "digest": "sha256:" + "9" * 64}, "seq": 5}
LANE = {"data": {"incumbent": 7, "stable": {"promotion": 3}}, "seq": 5}
CHECKED = {"data": {"lane": {"incumbent": 7}, "protected": False, "gates": []}}
REQUESTED = {
    "seq": 9,
    "rev": 4,
    "events": [
        {"type": "io.rollbook.promotion.requested.v1", "data": {"promotion": 3}}
    ],
}


def promotion(state: str, **members: Any) -> dict[str, Any]:
    data = {"state": state, "stage": "production", "gates": [], **members}
    return {"data": data, "seq": 9, "people": {}}


def test_a_read_that_works_ends_with_0_and_answers_on_stdout(
    server: Canned, capsys: Captured
) -> None:
    server.say(LANES, {"data": [], "seq": 4, "as_of": {"seq": 4, "at": None}})
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seq"] == 4


@pytest.mark.parametrize("code", sorted(CODES))
def test_each_problem_ends_with_the_exit_code_of_the_one_table(
    server: Canned, capsys: Captured, code: str
) -> None:
    known = CODES[code]
    status = 422 if known.http == 503 else known.http  # no waiting for retries here
    server.refuse("GET /v1/inbox", status, code)
    assert run(["inbox"]) == known.exit
    said = capsys.readouterr()
    assert said.out == ""
    assert f"[{code}]" in said.err


def test_a_refusal_shows_every_fault_every_gate_and_what_is_near(
    server: Canned, capsys: Captured
) -> None:
    members: dict[str, Any] = {
        "errors": [{"pointer": "/metrics/auc", "message": "not finite"}],
        "gates": [{"gate": "sign-off", "status": "wait", "detail": "0 of 1"}],
        "near": ["fraud"],
        "by": "svc:ci-bot",
    }
    server.refuse("GET /v1/inbox", 409, "gate-failed", **members)
    assert run(["inbox"]) == 5
    said = capsys.readouterr().err
    for told in (
        "/metrics/auc: not finite",
        "sign-off: 0 of 1",
        "near: fraud",
        "ci-bot",
    ):
        assert told in said


@pytest.mark.parametrize(
    "line",
    [
        ["nonsense"],
        ["status", "--nonsense"],
        ["promote", "fraud@8"],
        ["promote", "fraud", "--to", "staging"],
        ["approve", "fraud@8"],
        ["version", "show", "a b@1"],
        ["rollback", "fraud", "-m", "x"],
        ["why", "fraud@8"],
        ["why", "fraud:3", "--to", "production"],
        ["why", "fraud", "--to", "production"],
        ["check", "fraud@8"],
        ["waive", "fraud:3", "--class", "sev1", "-m", "x"],
        ["review", "close", "fraud", "r", "--finding", "perhaps", "-m", "x"],
        ["freeze", "declare", "--exempt", "none", "--exempt", "rollback", "-m", "x"],
        ["bundle", "request", "fraud@8", "--to", "production", "-m", "x"],
        ["policy", "lint", "nowhere.yaml"],
        ["policy", "diff", "no/such"],
        ["analysis", "record", "fraud:3", "--metric", "a=b", "--samples", "1"],
        ["register", "fraud"],
        ["status", "--tz", "Nowhere/City"],
    ],
)
def test_bad_usage_ends_with_2_and_nothing_is_sent(
    server: Canned, capsys: Captured, line: list[str]
) -> None:
    assert run(line) == 2
    assert server.heard == []
    assert capsys.readouterr().err


def test_an_unknown_command_names_the_nearest(capsys: Captured) -> None:
    assert run(["promot"]) == 2
    assert "did you mean promote" in capsys.readouterr().err


def test_an_unreachable_server_ends_with_69(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("ROLLBOOK_URL", "http://127.0.0.1:9")
    assert run(["status"]) == 69
    assert "does not answer" in capsys.readouterr().err


def test_an_interruption_ends_with_130(
    server: Canned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rollbook_services.cli.api.Api.read", interrupt)
    assert run(["status"]) == 130


def test_a_field_that_is_not_there_is_bad_usage(
    server: Canned, capsys: Captured
) -> None:
    server.say(
        "GET /v1/inbox", {"data": [{"model": "fraud", "promotion": 3}], "seq": 1}
    )
    assert run(["inbox", "--json=model"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"model": "fraud"}]
    assert run(["inbox", "--json=nothing"]) == 2


def test_a_bare_json_does_not_take_the_next_word(
    server: Canned, capsys: Captured
) -> None:
    server.say(LANES, {"data": [], "seq": 4})
    assert run(["status", "--json", "fraud"]) == 0
    assert server.heard[0].query["model"] == ["fraud"]


def asks_for_production(server: Canned) -> None:
    server.say(f"GET {MODEL}/versions/8", VERSION)
    server.say(f"GET {MODEL}/versions/8/checks", CHECKED)
    server.say(f"GET {MODEL}/lanes/production", LANE)
    server.say(f"POST {MODEL}/promotions", REQUESTED, status=201)


@pytest.mark.parametrize(
    ("until", "states", "exit_code"),
    [
        ("live", ["GATING", "READY", "DISPATCHED", "SUCCEEDED"], 0),
        ("ready", ["GATING", "READY"], 0),
        ("dispatched", ["GATING", "PROGRESSING"], 0),
        ("dispatched", ["PAUSED"], 0),
        ("ready", ["VERIFYING"], 0),
        ("live", ["PAUSED", "VERIFYING", "SUCCEEDED"], 0),
        ("live", ["VERIFYING"], 8),
        ("live", ["GATING", "REJECTED"], 7),
        ("live", ["CANCELLED"], 7),
        ("live", ["DISPATCHED", "FAILED"], 9),
        ("live", ["ERRORED"], 9),
        ("live", ["ABORTED"], 9),
        ("live", ["SUPERSEDED"], 6),
        ("live", ["GATING"], 8),
        ("deployed", ["DISPATCHED", "PROGRESSING", "VERIFYING"], 0),
        ("deployed", ["SUCCEEDED"], 0),
        ("deployed", ["PAUSED"], 8),
        ("deployed", ["PROGRESSING", "FAILED"], 9),
        ("deployed", ["SUPERSEDED"], 6),
        ("deployed", ["EXPIRED"], 7),
    ],
)
def test_waiting_ends_as_the_promotion_does(
    server: Canned,
    monkeypatch: pytest.MonkeyPatch,
    until: str,
    states: list[str],
    exit_code: int,
) -> None:
    monkeypatch.setattr("rollbook_services.cli.waiting._LOOK_EVERY_SECONDS", 0.001)
    asks_for_production(server)
    shown = [promotion(state) for state in states]
    server.say(f"GET {MODEL}/promotions/3", *shown)
    line = ["promote", "fraud@8", "--to", "production", f"--wait={until}"]
    assert run([*line, "--timeout", "0.3s"]) == exit_code


def test_what_stands_still_while_it_proves_itself_is_deployed(
    server: Canned,
) -> None:
    asks_for_production(server)
    paused = promotion("PAUSED", pause={"returns_to": "VERIFYING"})
    server.say(f"GET {MODEL}/promotions/3", paused)
    line = ["promote", "fraud@8", "--to", "production", "--timeout", "0.01s"]
    assert run([*line, "--wait=deployed"]) == 0
    assert run([*line, "--wait=live"]) == 8


def test_an_interrupted_wait_ends_with_130_and_says_how_to_go_on(
    server: Canned, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    asks_for_production(server)
    server.say(f"GET {MODEL}/promotions/3", promotion("PROGRESSING"))
    monkeypatch.setattr("rollbook_services.cli.waiting.time.sleep", interrupt)
    assert run(["promote", "fraud@8", "--to", "production", "--wait=deployed"]) == 130
    assert "rollbook watch fraud:3" in capsys.readouterr().err
    assert [heard.path for heard in server.heard if heard.method == "POST"] == [
        f"{MODEL}/promotions"
    ]


def test_a_gate_that_fails_ends_the_waiting_with_5_unless_it_is_waited_through(
    server: Canned, capsys: Captured
) -> None:
    asks_for_production(server)
    failed = [{"gate": "quality", "status": "fail", "mode": "enforce", "detail": "auc"}]
    server.say(f"GET {MODEL}/promotions/3", promotion("GATING", gates=failed))
    line = ["promote", "fraud@8", "--to", "production", "--wait", "--timeout", "0.01s"]
    assert run(line) == 5
    assert "quality" in capsys.readouterr().err
    assert run([*line, "--wait-through-failures"]) == 8


def test_a_promotion_says_what_its_requester_saw_running(server: Canned) -> None:
    asks_for_production(server)
    assert run(["promote", "fraud@8", "--to", "production", "-m", "weekly"]) == 0
    assert server.heard[-1].body == {
        "stage": "production",
        "version": 8,
        "kind": "forward",
        "expected_incumbent": 7,
        "reason": "weekly",
    }


@pytest.mark.parametrize(("said", "sent"), [("6", 6), ("none", None), ("any", "any")])
def test_what_is_expected_can_be_said(server: Canned, said: str, sent: object) -> None:
    asks_for_production(server)
    assert run(["promote", "fraud@8", "--to", "production", "--expect", said]) == 0
    assert server.heard[-1].body["expected_incumbent"] == sent


def test_the_same_key_is_the_same_request(server: Canned) -> None:
    asks_for_production(server)
    line = ["promote", "fraud@8", "--to", "production", "--key", "run-1"]
    assert run(line) == 0
    assert server.heard[-1].headers["Idempotency-Key"] == "run-1"


def test_a_command_reads_what_the_one_before_it_wrote(server: Canned) -> None:
    asks_for_production(server)
    server.say(LANES, {"data": [], "seq": 9})
    assert run(["promote", "fraud@8", "--to", "production"]) == 0
    assert run(["status"]) == 0
    assert server.heard[-1].query["min_seq"] == ["9"]


def test_registering_a_new_model_makes_it_first(
    server: Canned, alone: Path, capsys: Captured
) -> None:
    (alone / "model.bin").write_bytes(b"weights")
    unknown = {"code": "not-found", "reason": "unknown_model", "detail": "no model"}
    done = {
        "seq": 3,
        "rev": 2,
        "events": [
            {"type": "io.rollbook.version.registered.v1", "data": {"version": 1}}
        ],
    }
    server.answers[f"POST {MODEL}/versions"] = [(404, unknown), (201, done)]
    server.say("POST /v1/models", {"seq": 2, "rev": 1, "events": []}, status=201)
    assert run(["register", "fraud", "--path", "model.bin", "--key", "k"]) == 0
    keys = [heard.headers["Idempotency-Key"] for heard in server.heard]
    assert keys == ["k", "k/model", "k"]
    body = server.heard[-1].body
    assert body["artifact"]["size_bytes"] == 7
    assert body["artifact"]["uri"] == (alone / "model.bin").resolve().as_uri()
    assert "fraud@1   registered   sha256:" in capsys.readouterr().out
