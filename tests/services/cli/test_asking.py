"""What is sent to the server, and what is refused before anything is?"""

from pathlib import Path

import pytest

from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
STORED = "GET /v1/events/stored"
TOKENS = "/v1/access/tokens"
PEOPLE = "/v1/access/people"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["--role", "risk officer"], "release-manager"),
        (["--role", "agent"], "--stage"),
        (["--role", "viewer", "--stage", "staging", "--target", "a"], "--role agent"),
        (["--role", "viewer", "--file", "kept"], "exists"),
    ],
)
def test_a_token_that_cannot_be_made_leaves_no_name(
    server: Canned, capsys: Captured, line: list[str], named: str
) -> None:
    Path("kept").touch()
    assert run(["token", "create", "zoe", *line]) == 2
    assert named in capsys.readouterr().err
    assert server.heard == []


def test_a_slip_in_a_role_is_refused_before_a_name_is_kept(
    server: Canned, capsys: Captured
) -> None:
    server.refuse(f"POST {TOKENS}", 422, "invalid-request")
    assert run(["token", "create", "zoe", "--role", "viewr"]) == 2
    [heard] = server.heard
    assert (heard.path, heard.query["dry_run"]) == (TOKENS, ["true"])


def test_a_token_may_be_for_a_role_that_policies_name(
    server: Canned, capsys: Captured
) -> None:
    server.say(f"POST {TOKENS}", {"seq": 2, "rev": 2, "events": []}, status=201)
    server.say("POST /v1/access/people", {"principal": "prn:abc"}, status=201)
    assert run(["token", "create", "zoe", "--role", "risk-officer"]) == 0
    assert [heard.path for heard in server.heard][1:] == [PEOPLE, TOKENS]
    assert server.heard[-1].body["roles"] == ["risk-officer"]
    assert "as risk-officer" in capsys.readouterr().err


def test_an_export_asks_once_for_each_page(
    server: Canned, tmp_path: Path, capsys: Captured
) -> None:
    rows = [{"seq": seq, "body": f'{{"ä":{seq}}}'} for seq in (1, 2, 3)]
    server.say(
        STORED,
        {"data": rows[:2], "next": "more", "seq": 3},
        {"data": rows[2:], "next": None, "seq": 3},
    )
    file = tmp_path / "all.jsonl"
    assert run(["events", "export", "--until", "3", "--file", str(file)]) == 0
    assert file.read_text() == '{"ä":1}\n{"ä":2}\n{"ä":3}\n'
    assert [heard.query.get("after") for heard in server.heard] == [None, ["more"]]
    assert "3 events, 1 to 3" in capsys.readouterr().err


def test_an_event_is_shown_as_of_a_moment(server: Canned) -> None:
    server.say("GET /v1/events/9", {"type": "x"})
    assert run(["events", "show", "9", "--as-of", "5"]) == 0
    assert server.heard[0].query["as_of"] == ["5"]


def test_an_actor_is_asked_for_as_typed(server: Canned) -> None:
    server.say("GET /v1/events", {"data": [], "seq": 3})
    assert run(["events", "list", "--actor", "Zoë"]) == 0
    assert [(heard.path, heard.query["actor"]) for heard in server.heard] == [
        ("/v1/events", ["Zoë"])
    ]
