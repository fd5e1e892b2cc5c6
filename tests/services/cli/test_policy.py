"""Can rules be looked over, understood, proposed, agreed to and compared?"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollbook_services.cli.main import run
from rollbook_services.cli.policy.template import TEMPLATES
from rollbook_services.cli.policy.times import recurring
from tests.services.cli.test_verbs import event, recorded
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
TIER1 = Path(__file__).parents[1] / "policy" / "tier1-online.yaml"
RULES = """\
apiVersion: rollbook/v1
kind: ReleasePolicy
metadata: {name: tier1}
spec:
  applies_to: {models: [fraud]}
  stages:
    - name: prod
      gates: [{kind: approvals, slots: [{role: reviewer}]}]
"""
DIGEST, OTHER = "sha256:" + "7" * 64, "sha256:" + "8" * 64
POLICIES = "/v1/policies"
DOCUMENT: dict[str, Any] = yaml.safe_load(RULES)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Write rules that are right."""
    return written(tmp_path, RULES)


def written(folder: Path, text: str) -> Path:
    file = folder / "rules.yaml"
    file.write_text(text)
    return file


def holds(server: Canned, document: dict[str, Any] | None = None) -> None:
    proposed = {"digest": OTHER, "state": "proposed", "proposed_by": "prn:a"}
    data = {"policy": "tier1", "digest": DIGEST, "document": document or DOCUMENT}
    people = {"prn:a": "alice"}
    answer = {"data": {**data, "revisions": [proposed]}, "seq": 9, "people": people}
    server.say(f"GET {POLICIES}/tier1", answer)
    stricter = json.loads(json.dumps(DOCUMENT).replace("reviewer", "risk-officer"))
    for word, digest, said in (
        ("active", DIGEST, DOCUMENT),
        (DIGEST, DIGEST, DOCUMENT),
        ("sha256:7777", DIGEST, DOCUMENT),
        (OTHER, OTHER, stricter),
        ("8888", OTHER, stricter),
    ):
        answer = {"data": {"digest": digest, "document": said}, "seq": 9}
        server.say(f"GET {POLICIES}/tier1/revisions/{word}", answer)


def test_a_policy_is_looked_over_without_a_server(
    alone: Path, rules: Path, capsys: Captured
) -> None:
    assert run(["policy", "lint", str(rules)]) == 0
    assert run(["policy", "lint", str(TIER1)]) == 0
    assert "warning" in capsys.readouterr().out


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_one_begins_with_is_right(
    alone: Path, tmp_path: Path, capsys: Captured, name: str
) -> None:
    assert run(["policy", "template", name]) == 0
    file = written(tmp_path, capsys.readouterr().out)
    assert run(["policy", "lint", str(file)]) == 0
    assert run(["policy", "explain", str(file)]) == 0


def test_every_fault_has_its_line_place_and_remedy(
    alone: Path, tmp_path: Path, capsys: Captured
) -> None:
    wrong = RULES.replace("name: prod", "name: prod\n      protectd: true")
    file = written(tmp_path, wrong.replace("role: reviewer", "roll: reviewer"))
    assert run(["policy", "lint", str(file), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["data"]
    places = {(each["line"], each["path"]) for each in found}
    assert (8, "spec.stages[0].protectd") in places
    assert len(found) > 1
    assert all(each["remedy"] for each in found)
    assert run(["policy", "lint", str(file)]) == 2
    assert "spec.stages[0].protectd" in capsys.readouterr().out


def test_what_cannot_hold_is_found_on_its_line(
    alone: Path, tmp_path: Path, capsys: Captured
) -> None:
    text = RULES.replace("name: prod", "name: prod\n      expires_after: 0s")
    assert run(["policy", "lint", str(written(tmp_path, text)), "-o", "name"]) == 2
    assert ":8" in capsys.readouterr().out


def knows(server: Canned, *lanes: dict[str, str], **metrics: list[str]) -> None:
    server.say("GET /v1/lanes", {"data": list(lanes), "seq": 9})
    server.say("GET /v1/metrics-carried", {"data": metrics, "seq": 9})


def test_the_server_tells_what_runs_and_what_was_measured(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    lane = {"model": "fraud", "stage": "canteen", "status": "SETTLED"}
    knows(server, lane, evaluation=["recall"])
    assert run(["policy", "lint", str(rules), "--server"]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "there is no stage `canteen`, and fraud is there" in said


def test_the_server_is_asked_as_if_it_were_proposed(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    knows(server)
    fault = {
        "path": "spec.stages[0].gates[0].slots[0].role",
        "line": None,
        "message": "nobody holds it",
        "remedy": "let somebody",
    }
    server.refuse(f"POST {POLICIES}", 422, "policy-invalid", faults=[fault])
    assert run(["policy", "lint", str(rules), "--server"]) == 2
    assert server.heard[-1].query["dry_run"] == ["true"]
    assert server.heard[-1].body["document"] == DOCUMENT
    [line] = [
        each.split()
        for each in capsys.readouterr().out.splitlines()
        if "nobody holds it" in each
    ]
    assert line[:2] == ["error", "8"]
    told = "spec.applies_to.models[0]: a stage is free; name it"
    answer = recorded(event("policy.proposed", warnings=[told]))
    server.say(f"POST {POLICIES}", answer)
    assert run(["policy", "lint", str(rules), "--server"]) == 0
    assert "a stage is free" in capsys.readouterr().out


def test_a_tie_with_other_rules_is_an_error(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    knows(server)
    server.refuse(f"POST {POLICIES}", 422, "policy-invalid", reason="policy_tie")
    assert run(["policy", "lint", str(rules), "--server"]) == 2
    assert "no: policy-invalid" in capsys.readouterr().out


def test_rules_are_told_in_plain_sentences(alone: Path, capsys: Captured) -> None:
    assert run(["policy", "explain", str(TIER1)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for sentence in (
        "holds for acme/fraud and acme/credit-*",
        "changed by a proposal with which one policy-owner agrees, besides who made it",
        "live always names what is stable in prod",
        "asked for automation asks for the newest version whose facts are in",
        "first the version succeeded in staging",
        "soak: it was stable in staging for 1d without a break",
        "while nothing can be known, it waits, which only warns",
        "approved by sign-off: one model-owner and one risk-officer, all different",
        "never by who asked for it or who made the version",
        "every Monday, Tuesday, Wednesday and Thursday from 09:00 for 7h",
        "never within year-end: every year from 18 December 00:00 for 7d",
        "how often at most 1 in 4h",
        "error_rate: value < 0.01, of 2000 samples or more 2 bad records in a row",
        "taken back by itself once it has failed, or when a person asks for it",
        "sev1: incident-commander with a second person may waive soak, windows",
        "if that is late, head-of-risk has to agree to the next",
    ):
        assert sentence in said


def test_rules_of_the_server_are_told_too(server: Canned, capsys: Captured) -> None:
    holds(server)
    assert run(["policy", "explain", "tier1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["data"]
    assert found["stages"][0]["stage"] == "prod"
    says = [each["says"] for each in found["stages"][0]["says"]]
    assert any("one reviewer" in each for each in says)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY", "every day from 09:00"),
        ("FREQ=WEEKLY", "every Monday from 09:00"),
        ("FREQ=WEEKLY;BYDAY=MO", "every Monday from 09:00"),
        ("FREQ=YEARLY", "every year from 5 January 09:00"),
        ("FREQ=MONTHLY;BYMONTHDAY=1", "FREQ=MONTHLY;BYMONTHDAY=1 from 2026-01-05T"),
        ("FREQ=WEEKLY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=1MO from"),
    ],
)
def test_usual_times_are_said_in_words(rule: str, words: str) -> None:
    assert recurring(rule, "2026-01-05T09:00").startswith(words)


def test_a_proposal_says_its_digest_and_who_comes_next(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    proposed = event("policy.proposed", policy="tier1", digest=DIGEST, warnings=["w"])
    server.say(f"POST {POLICIES}", recorded(proposed), status=201)
    line = ["policy", "propose", str(rules), "-m", "stricter"]
    assert run([*line, "--key", "k"]) == 0
    heard = server.heard[-1]
    assert heard.body == {"document": DOCUMENT, "reason": "stricter"}
    assert heard.headers["Idempotency-Key"] == "k"
    said = capsys.readouterr()
    assert f"tier1   proposed   {DIGEST}" in said.out
    assert f"rollbook policy endorse tier1 {DIGEST}" in said.err
    assert "warning  w" in said.err
    assert run([*line, "--dry-run"]) == 0
    assert server.heard[-1].query["dry_run"] == ["true"]
    assert "this is a dry run" in capsys.readouterr().out


def test_what_is_no_policy_is_not_even_sent(
    server: Canned, tmp_path: Path, capsys: Captured
) -> None:
    file = written(tmp_path, RULES.replace("kind: Rel", "name: {a: 1}\nkind: &x Rel"))
    assert run(["policy", "propose", str(file), "-m", "x"]) == 2
    assert server.heard == []
    assert "line 3" in capsys.readouterr().err


def test_the_servers_faults_are_told_on_the_lines_of_the_file(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    fault = {"path": "spec.stages[0].name", "message": "m", "remedy": "r"}
    server.refuse(f"POST {POLICIES}", 422, "policy-invalid", faults=[fault])
    assert run(["policy", "propose", str(rules), "-m", "x"]) == 2
    assert "spec.stages[0].name, line 7: m; r" in capsys.readouterr().err


def test_a_trial_is_shown_to_endorsers(
    server: Canned, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.say("GET /v1/events", {"data": [], "seq": 0})
    server.say("GET /v1/events/stored", {"data": [], "seq": 0})
    server.say(f"POST {POLICIES}", recorded(), status=201)
    assert run(["policy", "propose", str(rules), "-m", "x", "--trial"]) == 0
    assert server.heard[-1].body["trial"] == {
        "until_sequence": 0,
        "same": 0,
        "would_have_been_blocked": 0,
        "would_have_passed": 0,
        "not_answerable": 0,
    }


@pytest.mark.parametrize(
    ("verb", "collection", "told"),
    [
        ("endorse", "endorsements", "endorsed"),
        ("activate", "activations", "holds now for fraud"),
    ],
)
def test_the_beginning_of_a_digest_will_do(
    server: Canned, capsys: Captured, verb: str, collection: str, told: str
) -> None:
    holds(server)
    answer = recorded(event("policy.activated", models=["fraud"]))
    server.say(f"POST {POLICIES}/tier1/{collection}", answer, status=201)
    assert run(["policy", verb, "tier1", "sha256:7777"]) == 0
    assert server.heard[-1].body["digest"] == DIGEST
    assert told in capsys.readouterr().out


def test_the_only_proposal_needs_no_digest(server: Canned, capsys: Captured) -> None:
    holds(server)
    path = f"POST {POLICIES}/tier1/activations"
    server.say(path, recorded(event("policy.activated", models=["fraud"])), status=201)
    assert run(["policy", "activate", "tier1"]) == 0
    assert server.heard[-1].body == {"digest": OTHER}
    revisions = [{"digest": each, "state": "proposed"} for each in (DIGEST, OTHER)]
    for there, ended in ((revisions, 2), ([], 3)):
        server.say(f"GET {POLICIES}/tier1", {"data": {"revisions": there}})
        assert run(["policy", "activate", "tier1"]) == ended
    assert f"{DIGEST}, {OTHER}" in capsys.readouterr().err


def test_policies_are_listed_with_what_is_proposed(
    server: Canned, capsys: Captured
) -> None:
    row = {
        "policy": "tier1",
        "digest": DIGEST,
        "models": ["acme/*"],
        "activated_at": "2026-05-02T09:14:00Z",
        "activated_by": "prn:a",
        "proposals": [{"digest": OTHER, "proposed_by": "prn:b"}],
    }
    gone = {"policy": "old", "digest": None, "retired_at": "2026-05-02T10:00:00Z"}
    people = {"prn:a": "alice", "prn:b": "bob"}
    server.say(f"GET {POLICIES}", {"data": [row, gone], "people": people})
    assert run(["policy", "list"]) == 0
    said = capsys.readouterr().out
    for word in (DIGEST, f"{OTHER} by bob", "alice", "retired 2026-05-02 10:00:00"):
        assert word in said


def test_rules_are_shown_as_the_file_that_makes_them(
    server: Canned, tmp_path: Path, capsys: Captured
) -> None:
    holds(server)
    assert run(["policy", "show", "tier1"]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out) == DOCUMENT
    assert said.out.startswith("apiVersion:")
    assert f"proposed   {OTHER} by alice" in said.err
    assert run(["policy", "lint", str(written(tmp_path, said.out))]) == 0
    assert run(["policy", "show", "tier1", "--digest", "8888"]) == 0
    assert "risk-officer" in capsys.readouterr().out


def test_a_name_under_which_nothing_holds_is_not_found(server: Canned) -> None:
    server.say(f"GET {POLICIES}/tier1", {"data": {"document": None}, "seq": 9})
    assert run(["policy", "show", "tier1"]) == 3
    assert run(["policy", "diff", "tier1"]) == 3
    assert run(["policy", "explain", "unheard-of"]) == 3


@pytest.mark.parametrize(
    "sides", [["tier1"], ["tier1", "tier1@8888"], ["tier1@active", "tier1@8888"]]
)
def test_what_holds_is_compared_with_what_is_proposed(
    server: Canned, capsys: Captured, sides: list[str]
) -> None:
    holds(server)
    assert run(["policy", "diff", *sides]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"--- tier1@{DIGEST}", f"+++ tier1@{OTHER}"]
    changed = [line for line in lines[2:] if line[0] in "+-"]
    assert [line[0] for line in changed] == ["-", "+"]
    assert "reviewer" in changed[0]
    assert "risk-officer" in changed[1]


def test_a_file_is_compared_with_what_holds_under_its_name(
    server: Canned, rules: Path, capsys: Captured
) -> None:
    holds(server)
    assert run(["policy", "diff", str(rules)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "say the same" in said.err
    assert run(["policy", "diff", "tier1@8888", str(rules), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["data"]
    assert found["after"] == str(rules)
    assert any("reviewer" in line for line in found["diff"])


def test_whoever_retires_rules_is_told_that_others_have_to_agree(
    server: Canned, capsys: Captured
) -> None:
    path = f"POST {POLICIES}/tier1/retirements"
    server.say(path, recorded(event("policy.retirement_requested")), status=201)
    assert run(["policy", "retire", "tier1", "-m", "over"]) == 0
    said = capsys.readouterr()
    assert "asked to retire it" in said.out
    assert "rollbook policy retire tier1" in said.err
    server.say(path, recorded(event("policy.retired")), status=201)
    assert run(["policy", "retire", "tier1", "-m", "over"]) == 0
    assert "tier1   retired" in capsys.readouterr().out
