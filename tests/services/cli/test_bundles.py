"""Is a bundle asked for with what each member's requester saw running?"""

from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.services.cli.test_verbs import event, recorded
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
LINE = ["bundle", "request", "a@1", "b@2", "--to", "prod", "-m", "together"]
REQUESTED = recorded(event("bundle.requested", bundle=4))


def says(server: Canned, model: str, version: int, **told: Any) -> None:
    path = f"GET /v1/models/default/{model}/versions/{version}"
    server.say(path, {"data": {"version": version}})
    lane = {"incumbent": told.pop("runs", None)}
    data = {"model": model, "version": version, "stage": "prod", "gates": []}
    server.say(f"{path}/checks", {"data": {**data, "lane": lane, **told}})


def test_each_member_says_what_was_seen_or_what_is_expected(
    server: Canned, capsys: Captured
) -> None:
    says(server, "a", 1, runs=7)
    says(server, "b", 2)
    server.say("POST /v1/bundles", REQUESTED, status=201)
    assert run(LINE) == 0
    assert server.heard[-1].body == {
        "stage": "prod",
        "members": [
            {"model": "a", "version": 1, "expected_incumbent": 7},
            {"model": "b", "version": 2, "expected_incumbent": None},
        ],
        "reason": "together",
    }
    assert "bundle 4   requested   a@1, b@2 for prod" in capsys.readouterr().out
    assert run([*LINE, "--expect", "a=any", "--expect", "b=3"]) == 0
    members = server.heard[-1].body["members"]
    assert [each["expected_incumbent"] for each in members] == ["any", 3]
    assert run([*LINE, "--expect", "c=3"]) == 2
    assert "c: it is not in the bundle" in capsys.readouterr().err


def test_one_protected_member_is_enough_to_be_asked(server: Canned) -> None:
    says(server, "a", 1)
    says(server, "b", 2, protected=True)
    server.say("POST /v1/bundles", REQUESTED, status=201)
    assert run(LINE) == 2
    assert {heard.method for heard in server.heard} == {"GET"}
    assert run([*LINE, "--yes"]) == 0


def test_a_dry_run_of_a_bundle_shows_the_gates_of_each_member(
    server: Canned, capsys: Captured
) -> None:
    says(server, "a", 1, answer="Nothing is in the way: ask for it.")
    says(server, "b", 2, answer="Would wait for soak.", protected=True)
    server.say("POST /v1/bundles", REQUESTED)
    assert run([*LINE, "--dry-run"]) == 0
    assert server.heard[-1].query["dry_run"] == ["true"]
    said = capsys.readouterr().out
    assert "this is a dry run" in said
    assert "Nothing is in the way" in said
    assert "Would wait for soak." in said


@pytest.mark.parametrize(("last", "ended"), [("SUCCEEDED", 0), ("GATING", 8)])
def test_a_bundle_is_waited_for_member_by_member(
    server: Canned, last: str, ended: int
) -> None:
    says(server, "a", 1)
    says(server, "b", 2)
    members = [{"model": "a", "promotion": 5}, {"model": "b", "promotion": 6}]
    asked = event("bundle.requested", bundle=4, members=members)
    server.say("POST /v1/bundles", recorded(asked), status=201)
    lane = {"data": {"stable": {"promotion": 9}}, "seq": 12}
    for model, number, state in (("a", 5, "SUCCEEDED"), ("b", 6, last)):
        path = f"GET /v1/models/default/{model}"
        data = {"state": state, "stage": "prod", "gates": []}
        server.say(f"{path}/promotions/{number}", {"data": data, "seq": 12})
        server.say(f"{path}/lanes/prod", lane)
    assert run([*LINE, "--wait", "--timeout", "0.1s"]) == ended


def test_a_bundle_is_shown_with_how_each_member_stands(
    server: Canned, capsys: Captured
) -> None:
    members = [
        {"model": "a", "version": 1, "promotion": 5, "now": {"state": "SUCCEEDED"}},
        {
            "model": "b",
            "version": 2,
            "promotion": 6,
            "now": {"state": "FAILED"},
            "taken_back_by": 7,
        },
    ]
    data = {"bundle": 4, "state": "FAILED", "stage": "prod", "members": members}
    server.say("GET /v1/bundles/4", {"data": {**data, "because_of": "b"}})
    assert run(["bundle", "show", "4"]) == 0
    said = capsys.readouterr().out
    assert "a@1   a:5 is succeeded" in said
    assert "b@2   b:6 is failed, taken back by b:7" in said
    server.say("GET /v1/bundles", {"data": [data]})
    assert run(["bundle", "list", "--state", "failed"]) == 0
    assert server.heard[-1].query["state"] == ["FAILED"]
    assert "a@1, b@2" in capsys.readouterr().out


@pytest.mark.parametrize(("state", "ended"), [("SUCCEEDED", 0), ("FAILED", 9)])
def test_a_rollback_waits_for_every_lane(
    server: Canned, state: str, ended: int
) -> None:
    back = [{"model": "a", "promotion": 8}, {"model": "b", "promotion": 9}]
    answer = recorded(event("bundle.rolled_back", rollbacks=back))
    server.say("POST /v1/bundles/4/rollbacks", answer, status=201)
    lane = {"data": {"stable": {"promotion": 9}}, "seq": 12}
    for model, number, last in (("a", 8, "SUCCEEDED"), ("b", 9, state)):
        path = f"GET /v1/models/default/{model}"
        data = {"state": last, "stage": "prod", "gates": []}
        server.say(f"{path}/promotions/{number}", {"data": data, "seq": 12})
        server.say(f"{path}/lanes/prod", lane)
    assert run(["bundle", "rollback", "4", "-m", "latency", "--wait"]) == ended
