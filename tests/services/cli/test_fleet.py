"""Can agents be looked at, drained and taken away, and their targets be seen?"""

import json
from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.services.cli.rollouts import (
    MODEL,
    STARTED,
    answered,
    promotion,
    step,
    target,
)
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
SCORER: dict[str, Any] = {
    "agent": "scorer-eu-1",
    "stage": "production",
    "target": "eu-1",
    "state": "present",
    "since": STARTED,
    "drained": True,
    "drained_at": STARTED,
    "reason": "disks are changed",
    "session": "one",
    "token": "a" * 16,
    "public_key": "U" + "A" * 55,
    "last_heard_at": None,
    "enrolled_at": STARTED,
    "enrolled_by": "prn:a",
}
DONE = {"seq": 9, "rev": 4, "events": []}


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [[cell for cell in line.split("  ") if cell.strip()] for line in lines]


def test_agents_are_listed_with_place_state_and_rest(
    server: Canned, capsys: Captured
) -> None:
    server.say("GET /v1/agents", answered([SCORER]))
    assert run(["agent", "list", "--state", "present", "--limit", "5"]) == 0
    head, row = cells(capsys.readouterr().out)
    shown = dict(zip([each.strip() for each in head], row, strict=False))
    assert shown["AGENT"].strip() == "scorer-eu-1"
    assert shown["PLACE"].strip() == "production/eu-1"
    assert shown["DRAINED"].strip() == "since 2026-05-01 09:31:02"
    assert server.heard[-1].query == {"state": ["present"], "limit": ["5"]}


def test_where_nobody_is_enrolled_the_list_says_how(
    server: Canned, capsys: Captured
) -> None:
    server.say("GET /v1/agents", answered([]))
    assert run(["agent", "list"]) == 0
    assert "rollbook agent enrol" in capsys.readouterr().err


def test_an_agent_is_shown_with_what_its_target_runs(
    server: Canned, capsys: Captured
) -> None:
    shown = {**SCORER, "targets": [target("eu-1", "applied")]}
    server.say("GET /v1/agents/scorer-eu-1", answered(shown))
    assert run(["agent", "show", "scorer-eu-1"]) == 0
    said = capsys.readouterr().out
    assert "present since 2026-05-01 09:31:02" in said
    assert "fraud@7 75 %, fraud@8 25 %" in said
    assert run(["agent", "show", "scorer-eu-1", "--json=agent,state"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "agent": "scorer-eu-1",
        "state": "present",
    }


def test_an_agent_nobody_knows_ends_with_3(server: Canned) -> None:
    server.refuse("GET /v1/agents/nobody", 404, "not-found")
    assert run(["agent", "show", "nobody"]) == 3


def test_a_drained_agent_can_be_undrained_and_the_command_says_so(
    server: Canned, capsys: Captured
) -> None:
    server.say("POST /v1/agents/scorer/drains", DONE, status=201)
    assert run(["agent", "drain", "scorer", "-m", "disks"]) == 0
    assert "rollbook agent undrain scorer" in capsys.readouterr().err


def revocable(server: Canned, token: str | None = "a" * 16) -> None:
    server.say("GET /v1/agents/scorer", answered({**SCORER, "token": token}))
    server.say("POST /v1/agents/scorer/revocations", DONE, status=201)
    server.say(f"POST /v1/access/tokens/{token}/revocations", DONE, status=201)


def test_revoking_an_agent_ends_its_token_too(server: Canned, capsys: Captured) -> None:
    revocable(server)
    assert run(["agent", "revoke", "scorer", "-m", "gone", "--key", "k"]) == 0
    sent = [heard for heard in server.heard if heard.method == "POST"]
    assert [each.path for each in sent] == [
        "/v1/agents/scorer/revocations",
        f"/v1/access/tokens/{'a' * 16}/revocations",
    ]
    assert [each.headers["Idempotency-Key"] for each in sent] == ["k", "k/token"]
    assert {each.body["reason"] for each in sent} == {"gone"}
    assert f"token {'a' * 16} too" in capsys.readouterr().out


def test_an_agent_that_is_revoked_already_still_loses_its_token(
    server: Canned,
) -> None:
    revocable(server)
    again = {"reason": "already_revoked"}
    server.refuse("POST /v1/agents/scorer/revocations", 409, "already-exists", **again)
    assert run(["agent", "revoke", "scorer", "-m", "gone"]) == 0
    assert server.heard[-1].path.startswith("/v1/access/tokens/")


def test_an_agent_without_a_token_of_ours_is_revoked_alone(
    server: Canned, capsys: Captured
) -> None:
    revocable(server, token=None)
    assert run(["agent", "revoke", "scorer", "-m", "gone"]) == 0
    assert len([each for each in server.heard if each.method == "POST"]) == 1
    assert "nobody but you knows its token" in capsys.readouterr().out


def test_who_may_not_revoke_ends_nothing(server: Canned) -> None:
    revocable(server)
    server.refuse("POST /v1/agents/scorer/revocations", 403, "forbidden")
    assert run(["agent", "revoke", "scorer", "-m", "gone"]) == 4
    assert not server.heard[-1].path.startswith("/v1/access/tokens/")


DRIFT = {
    "model": "fraud",
    "drift": "d-1",
    "stage": "production",
    "target": "eu-1",
    "state": "accepted",
    "policy": "require_acceptance",
    "observed": {"stable": "sha256:7"},
    "detected_at": STARTED,
    "accepted_by": "prn:a",
    "accepted_reason": "hot fix",
    "ended_at": None,
}


def test_drifts_that_are_not_over_are_listed(server: Canned, capsys: Captured) -> None:
    named = {**answered([DRIFT]), "people": {"prn:a": "alice"}}
    server.say("GET /v1/drifts", named)
    assert run(["drift", "list", "fraud", "--stage", "production"]) == 0
    said = capsys.readouterr().out
    assert "accepted" in said
    assert "alice: hot fix" in said
    query = server.heard[-1].query
    assert query == {"model": ["fraud"], "stage": ["production"], "open": ["true"]}
    assert run(["drift", "list", "--all"]) == 0
    assert server.heard[-1].query == {}


def test_nothing_drifted_is_said_in_a_line(server: Canned, capsys: Captured) -> None:
    server.say("GET /v1/drifts", answered([]))
    assert run(["drift", "list"]) == 0
    assert "every target runs what is desired" in capsys.readouterr().err


def test_status_of_targets_shows_what_runs_and_who_lags(
    server: Canned, capsys: Captured
) -> None:
    drift = {"state": "open", "policy": "alert", "detected_at": STARTED}
    lost = [{"agent": "scorer-us-1", "state": "lost", "drained": False}]
    server.say(
        "GET /v1/targets",
        answered(
            [
                target("eu-1", "applied", drift=drift),
                target("eu-2", "failed", reason_code="load_failed", straggler=True),
                target("us-1", agents=lost, desired=None, lagging=False, runs=[]),
            ]
        ),
    )
    assert run(["status", "fraud", "--targets", "--stage", "production"]) == 0
    head, eu_1, eu_2, us_1 = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["LANE", "TARGET", "DESIRED", "RUNS", "STATE"]
    for told in ("fraud@7 75 %, fraud@8 25 %", "applied", "1.2 s", "open (alert)"):
        assert told in eu_1
    assert "failed: load_failed, straggler" in eu_2
    assert "1 since 2026-05-01 09:31:02" in eu_2
    assert "scorer-us-1 lost" in us_1
    assert "\x1b" not in head + eu_1 + eu_2 + us_1
    query = server.heard[-1].query
    assert query == {"model": ["fraud"], "stage": ["production"]}


def test_the_board_says_how_far_a_rollout_is(server: Canned, capsys: Captured) -> None:
    rollout = {**step(), "waves": 2, "steps": 4}
    lane = {
        "model": "fraud",
        "stage": "production",
        "status": "MOVING",
        "slot": {"promotion": 3, "rollout": rollout},
        "open": [
            {"model": "fraud", "promotion": 3, "state": "PROGRESSING"},
            {"model": "fraud", "promotion": 4, "state": "GATING"},
        ],
    }
    server.say("GET /v1/lanes", answered([lane]))
    assert run(["status"]) == 0
    said = capsys.readouterr().out
    assert "fraud:3 progressing (wave 1/2, step 2/4, 25 %), fraud:4 gating" in said


def test_only_who_lags_can_be_asked_for(server: Canned, capsys: Captured) -> None:
    server.say("GET /v1/targets", answered([]))
    assert run(["status", "--targets", "--lagging"]) == 0
    assert server.heard[-1].query == {"lagging": ["true"]}
    assert "no target lags" in capsys.readouterr().err
    for alone in (["--lagging"], ["--stage", "production"]):
        assert run(["status", *alone]) == 2


def test_targets_are_told_as_of_a_moment_and_as_json(
    server: Canned, capsys: Captured
) -> None:
    server.say("GET /v1/targets", answered([target("eu-1")]))
    line = ["status", "--targets", "--as-of", "12", "--json=target,state"]
    assert run(line) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"target": "eu-1", "state": "desired"}
    ]
    assert server.heard[-1].query["as_of"] == ["12"]
    assert run(["status", "--targets", "-o", "name"]) == 0
    assert capsys.readouterr().out == "fraud#production/eu-1\n"


def test_a_promotion_is_resumed_where_it_is_shown_to_stand(
    server: Canned, capsys: Captured
) -> None:
    paused = promotion("PAUSED", now=step(wave=1, step=2))
    server.say(f"GET {MODEL}/promotions/3", answered(paused))
    server.say(f"POST {MODEL}/promotions/3/resumptions", DONE, status=201)
    assert run(["resume", "fraud:3", "-m", "fine"]) == 0
    assert server.heard[-1].body == {"wave": 1, "step": 2, "reason": "fine"}
    said = capsys.readouterr().err
    assert "stands at wave 2/2, step 3/4, 25 % (--wave 1 --step 2)" in said


def test_a_pause_of_the_plan_stands_in_the_inbox(
    server: Canned, capsys: Captured
) -> None:
    card = {
        "kind": "pause",
        "model": "fraud",
        "promotion": 3,
        "version": 8,
        "incumbent": 7,
        "stage": "production",
        "requester": "svc:ci",
        "role": "model-owner",
        "barred": None,
    }
    server.say("GET /v1/inbox", answered([card]))
    assert run(["inbox"]) == 0
    said = capsys.readouterr().out
    assert "somebody with the role model-owner to let it go on" in said
    assert "rollbook resume fraud:3 -m" in said
