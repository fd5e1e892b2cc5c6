"""Which path does each command that records something take, and what does it say?"""

from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
PROMOTION = "/v1/models/default/fraud/promotions/3"
WHEN = "2026-05-02T09:14:00Z"
SAID = {"reason": "x"}
EVERYWHERE: dict[str, Any] = {"models": [], "stages": []}


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"id": f"id-{kind}", "type": f"io.rollbook.{kind}.v1", "data": data}


def recorded(*events: dict[str, Any]) -> dict[str, Any]:
    return {"seq": 9, "rev": 4, "events": list(events)}


@pytest.mark.parametrize(
    ("line", "path", "body", "told"),
    [
        ("cancel fraud:3 -m x", f"{PROMOTION}/cancellations", SAID, "cancelled"),
        ("abort fraud:3 -m x", f"{PROMOTION}/aborts", SAID, "aborted"),
        ("pause fraud:3 -m x", f"{PROMOTION}/pauses", SAID, "paused"),
        (
            "resume fraud:3 --wave 1 --step 2 -m x",
            f"{PROMOTION}/resumptions",
            {"wave": 1, "step": 2, **SAID},
            "resumed",
        ),
        (
            "model create fraud --owner risk --side-effect-free",
            "/v1/models",
            {
                "model": "fraud",
                "owners": ["risk"],
                "labels": {},
                "side_effect_free": True,
            },
            "fraud   created",
        ),
        (
            "agent drain scorer -m x",
            "/v1/agents/scorer/drains",
            SAID,
            "scorer   drained",
        ),
        (
            "agent undrain scorer -m x",
            "/v1/agents/scorer/undrains",
            SAID,
            "scorer   takes part again",
        ),
        (
            "drift accept fraud --stage prod --target eu-1 -m x",
            "/v1/models/default/fraud/lanes/prod/drift-acceptances",
            {"target": "eu-1", **SAID},
            "drift of eu-1 accepted",
        ),
        (
            "resume fraud:3 --step 2 --accept p99_ms -m x",
            f"{PROMOTION}/resumptions",
            {"step": 2, "accept": ["p99_ms"], **SAID},
            "resumed, p99_ms accepted",
        ),
        (
            "request-changes fraud:3 --binding sha256:b -m x",
            f"{PROMOTION}/change-requests",
            {"binding": "sha256:b", "comment": "x"},
            "changes asked for",
        ),
        (
            "confirm-waiver fraud:3 w-1",
            f"{PROMOTION}/waivers/w-1/confirmations",
            {},
            "not passed",
        ),
        (
            "review close fraud r-1 --finding not-justified -m x",
            "/v1/models/default/fraud/reviews/r-1/closures",
            {"finding": "not_justified", "notes": "x"},
            "closed: not-justified",
        ),
        (
            "analysis record fraud:3 --metric error_rate=0.01 --champion error_rate=0 "
            f"--samples 2000 --from {WHEN} --until {WHEN}",
            f"{PROMOTION}/analyses",
            {
                "metrics": {
                    "candidate": {"error_rate": 0.01},
                    "champion": {"error_rate": 0.0},
                },
                "samples": 2000,
                "from_at": WHEN,
                "until_at": WHEN,
            },
            "analysis recorded",
        ),
        (
            "freeze declare -m x",
            "/v1/freezes",
            {"covers": EVERYWHERE, "waivable": False, **SAID},
            "frozen   every model in every stage",
        ),
        (
            "freeze declare --model acme/* --stage prod --stage eu --exempt none "
            f"--from {WHEN} --until {WHEN} --in-flight abort --waivable --incident I-1 "
            "-m x",
            "/v1/freezes",
            {
                "covers": {"models": ["acme/*"], "stages": ["prod", "eu"]},
                "from_at": WHEN,
                "until": WHEN,
                "in_flight": "abort",
                "exempt": [],
                "waivable": True,
                "incident": "I-1",
                **SAID,
            },
            "frozen   acme/* in prod, eu",
        ),
        (
            "freeze stop-the-line -m x",
            "/v1/freezes",
            {
                "covers": EVERYWHERE,
                "stops_the_line": True,
                "in_flight": "pause",
                **SAID,
            },
            "the line is stopped",
        ),
        (
            "freeze stop-the-line --abort --stage prod --incident I-1 -m x",
            "/v1/freezes",
            {
                "covers": {"models": [], "stages": ["prod"]},
                "stops_the_line": True,
                "in_flight": "abort",
                "incident": "I-1",
                **SAID,
            },
            "every model in prod",
        ),
        ("freeze lift f-1 -m x", "/v1/freezes/f-1/lifts", SAID, "lifted"),
        ("bundle cancel 2 -m x", "/v1/bundles/2/cancellations", SAID, "cancelled"),
        ("bundle rollback 2 -m x", "/v1/bundles/2/rollbacks", SAID, "rolling back"),
        ("policy retire tier1 -m x", "/v1/policies/tier1/retirements", SAID, "retired"),
        (
            "person link prn:a prn:b -m x",
            "/v1/access/links",
            {"principals": ["prn:a", "prn:b"], **SAID},
            "are one person",
        ),
    ],
)
def test_a_command_says_what_it_was_told_to(
    server: Canned,
    capsys: Captured,
    line: str,
    path: str,
    body: dict[str, Any],
    told: str,
) -> None:
    server.say(f"POST {path}", recorded(), status=201)
    assert run([*line.split(), "--key", "k-1"]) == 0
    heard = server.heard[-1]
    assert (heard.path, heard.body) == (path, body)
    assert heard.headers["Idempotency-Key"] == "k-1"
    said = capsys.readouterr().out
    assert told in said
    assert "rev 4   seq 9" in said


def test_changes_are_asked_for_of_what_is_shown(
    server: Canned, capsys: Captured
) -> None:
    server.say(f"GET {PROMOTION}", {"data": {"binding": "sha256:b", "stage": "prod"}})
    server.say(f"POST {PROMOTION}/change-requests", recorded(), status=201)
    assert run(["request-changes", "fraud:3", "-m", "a model card, please"]) == 0
    assert server.heard[-1].body["binding"] == "sha256:b"
    assert "You ask for changes to fraud@" in capsys.readouterr().err


def test_a_freeze_says_how_it_is_lifted(server: Canned, capsys: Captured) -> None:
    answer = recorded(event("freeze.declared"))
    server.say("POST /v1/freezes", answer, status=201)
    assert run(["freeze", "declare", "-m", "x"]) == 0
    lifting = "rollbook freeze lift id-freeze.declared"
    assert lifting in capsys.readouterr().err
    assert run(["freeze", "stop-the-line", "-m", "x", "-o", "name"]) == 0
    assert capsys.readouterr().out == "id-freeze.declared\n"


def test_people_are_linked_by_the_names_that_are_known(
    server: Canned, capsys: Captured
) -> None:
    known = [{"name": "alice", "principal": "prn:a"}]
    server.say("GET /v1/access/people", {"data": known})
    server.say("POST /v1/access/links", recorded(), status=201)
    assert run(["person", "link", "alice", "prn:b", "-m", "x"]) == 0
    assert server.heard[-1].body["principals"] == ["prn:a", "prn:b"]
    assert run(["person", "link", "alise", "prn:b", "-m", "x"]) == 2
    assert "no person called 'alise'" in capsys.readouterr().err
    assert server.heard[-1].method == "GET"


def test_people_are_listed_with_all_accounts_of_one_person(
    server: Canned, capsys: Captured
) -> None:
    names = {"prn:a": "alice", "prn:b": "alice", "prn:c": "bob"}
    rows = [{"name": name, "principal": principal} for principal, name in names.items()]
    server.say("GET /v1/access/people", {"data": rows, "people": names})
    first, second = ["prn:a", "prn:b"], ["prn:d", "prn:b"]
    links = [{"data": {"principals": each}} for each in (first, second)]
    server.say("GET /v1/events", {"data": links, "seq": 9})
    assert run(["person", "list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["alice", "prn:a", "prn:b,", "prn:d"],
        ["alice", "prn:b", "prn:a,", "prn:d"],
        ["bob", "prn:c", "-"],
    ]
