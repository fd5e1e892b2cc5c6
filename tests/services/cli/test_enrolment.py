"""Are an agent's secrets made here, kept by their owner, and told to nobody?"""

import hashlib
import json
from pathlib import Path
from typing import Any

import nkeys
import pytest

from rollbook.agent.config import read
from rollbook.agent.settings import load
from rollbook.tokens import read_token
from rollbook_services.cli.main import run
from tests.services.cli.rollouts import answered
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
KEY = "A" * 43 + "="
KNOWN = {
    "origin": "ledger.test",
    "event_key": KEY,
    "nats_url": "tls://nats.example.com:4222",
    "nats_ca": "-----BEGIN CERTIFICATE-----",
}
DONE = {"seq": 9, "rev": 4, "events": []}
LINE = ["agent", "enrol", "production/eu-1"]
FILE = "agent-production-eu-1.json"


@pytest.fixture
def ready(server: Canned) -> Canned:
    """A server that lets agents in."""
    server.say("GET /v1/installation", answered(KNOWN))
    server.say("POST /v1/agents", DONE, status=201)
    server.say("POST /v1/access/tokens", DONE, status=201)
    return server


def written(name: str = FILE) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(name).read_text())
    return found


def posted(server: Canned) -> list[tuple[str, Any]]:
    return [
        (each.path + ("?dry_run" if "dry_run" in each.query else ""), each.body)
        for each in server.heard
        if each.method == "POST"
    ]


def test_an_agent_reads_the_file_that_enrolling_it_wrote(ready: Canned) -> None:
    assert run(LINE) == 0
    assert Path(FILE).stat().st_mode & 0o777 == 0o600
    flags = {"stage": "production", "target": "eu-1", "root": "served"}
    found = load(Path(FILE), read(None, flags))
    assert (found.user, found.nats_url) == ("agent-production-eu-1", KNOWN["nats_url"])
    assert found.trusted.origin == KNOWN["origin"]
    assert found.nats_ca == KNOWN["nats_ca"]
    [identity] = written()["agents"].values()
    assert (found.seed, found.token) == (identity["seed"], identity["token"])


def test_the_server_hears_a_public_key_and_a_hash_and_no_secret(ready: Canned) -> None:
    assert run(LINE) == 0
    [(_, tried), (token_path, token), (agent_path, agent)] = posted(ready)
    assert (token_path, agent_path) == ("/v1/access/tokens", "/v1/agents")
    assert tried == agent
    identity = written()["agents"]["production/eu-1"]
    made = read_token(identity["token"])
    assert made is not None
    id_, secret = made
    assert token == {
        "token": id_,
        "sha256": hashlib.sha256(secret).hexdigest(),
        "principal": "svc:agent-production-eu-1",
        "roles": ["agent"],
        "place": {"stage": "production", "target": "eu-1"},
        "until": token["until"],
    }
    public = nkeys.from_seed(bytearray(identity["seed"].encode())).public_key.decode()
    assert agent == {
        "agent": "agent-production-eu-1",
        "place": {"stage": "production", "target": "eu-1"},
        "public_key": public,
        "token": id_,
    }
    sent = json.dumps([each.body for each in ready.heard])
    assert identity["seed"] not in sent
    assert identity["token"] not in sent


def test_no_secret_is_shown_but_what_to_do_next_is(
    ready: Canned, capsys: Captured
) -> None:
    assert run([*LINE, "--name", "scorer", "--file", "scorer.json"]) == 0
    said = capsys.readouterr()
    identity = written("scorer.json")["agents"]["production/eu-1"]
    assert identity["seed"] not in said.out + said.err
    assert identity["token"] not in said.out + said.err
    assert "scorer   enrolled for production/eu-1" in said.out
    assert (
        "rollbook agent run --stage production --target eu-1 --credentials scorer.json"
    ) in said.err


def test_a_nats_of_ones_own_is_told_which_user_to_add(
    ready: Canned, capsys: Captured
) -> None:
    assert run(LINE) == 0
    said = capsys.readouterr().err
    [(_, agent), *_] = posted(ready)
    assert "account CLIENTS" in said
    assert agent["public_key"] in said
    assert "rollbook.command.edge.agent-production-eu-1" in said


def test_the_nats_of_rollbook_up_lets_it_in_by_itself(
    ready: Canned, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    data = alone / "data"
    data.mkdir()
    stored = {"url": ready.url, "nats_url": "nats://127.0.0.1:4333", "event_key": KEY}
    file = data / "credentials.json"
    file.write_text(json.dumps(stored))
    file.chmod(0o600)
    monkeypatch.setenv("ROLLBOOK_DATA", str(data))
    ready.say("GET /v1/installation", answered({**KNOWN, "nats_url": None}))
    assert run(LINE) == 0
    assert written()["nats_url"] == "nats://127.0.0.1:4333"
    assert "account CLIENTS" not in capsys.readouterr().err


def test_the_data_directory_of_another_ledger_does_not_count(
    ready: Canned, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = alone / "data"
    data.mkdir()
    stored = {"url": ready.url, "nats_url": "nats://127.0.0.1:4333", "event_key": "B"}
    file = data / "credentials.json"
    file.write_text(json.dumps(stored))
    file.chmod(0o600)
    monkeypatch.setenv("ROLLBOOK_DATA", str(data))
    ready.say("GET /v1/installation", answered({**KNOWN, "nats_url": None}))
    assert run(LINE) == 2
    assert not Path(FILE).exists()


def test_where_nats_is_and_who_signed_it_can_be_said(ready: Canned) -> None:
    Path("ca.pem").write_text("-----BEGIN mine")
    flags = ["--nats-url", "tls://edge:4222", "--nats-ca", "ca.pem"]
    assert run([*LINE, *flags]) == 0
    assert written()["nats_url"] == "tls://edge:4222"
    assert written()["nats_ca"] == "-----BEGIN mine"


def test_where_nobody_knows_where_nats_is_nothing_is_made(
    ready: Canned, capsys: Captured
) -> None:
    ready.say("GET /v1/installation", answered({**KNOWN, "nats_url": None}))
    assert run(LINE) == 2
    assert "--nats-url" in capsys.readouterr().err
    assert not Path(FILE).exists()
    assert [path for path, _ in posted(ready)] == ["/v1/agents?dry_run"]


@pytest.mark.parametrize(
    "line",
    [
        ["agent", "enrol", "production"],
        ["agent", "enrol", "/eu-1"],
        ["agent", "enrol", "a b/eu-1"],
        [*LINE, "--name", "a b"],
        [*LINE, "--ttl", "91d"],
        [*LINE, "--ttl", "soon"],
        [*LINE, "--file", "there.json"],
    ],
)
def test_bad_input_ends_with_2_before_anything_is_sent(
    ready: Canned, line: list[str]
) -> None:
    Path("there.json").write_text("{}")
    assert run(line) == 2
    assert ready.heard == []


def test_what_is_refused_is_refused_before_a_secret_is_written(ready: Canned) -> None:
    ready.refuse("POST /v1/agents", 409, "already-exists")
    assert run(LINE) == 6
    assert not Path(FILE).exists()
    assert [path for path, _ in posted(ready)] == ["/v1/agents?dry_run"]


def test_programs_get_one_object_without_secrets(
    ready: Canned, capsys: Captured
) -> None:
    assert run([*LINE, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["data"]
    assert said["file"] == FILE
    assert said["agent"] == "agent-production-eu-1"
    assert written()["agents"]["production/eu-1"]["token"] not in json.dumps(said)
