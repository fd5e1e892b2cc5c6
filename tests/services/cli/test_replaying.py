"""Does the command line say where the past, or the rules, would have come out else?"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook.catalogue.promotion import GateEvaluated
from rollbook.envelope import Envelope
from rollbook.event import Event
from rollbook_services.cli.main import run
from tests.services.cli.ledger import export, lines_of
from tests.services.registrar.test_trial import begun, expired, live
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
RULES = """\
apiVersion: rollbook/v1
kind: ReleasePolicy
metadata: {name: fraud-rules}
spec:
  applies_to: {models: [acme/fraud]}
  stages:
    - {name: staging, targets: [default]}
    - name: production
      targets: [default]
      after: {stages: [staging]}
      gates: [GATES]
"""
REVIEWED = "{id: sign-off, kind: approvals, slots: [{role: reviewer}]}"
SOAK = "{id: soak, kind: soak, in: staging, for: 20d}"
SCANNED = "{id: scan, kind: evidence, evidence: scan, on_missing: wait}"


@pytest.fixture
def happened(tmp_path: Path) -> str:
    """Version 1 was approved and runs in production."""
    return str(export(tmp_path / "events.jsonl", live().envelopes))


def rules(path: Path, *gates: str) -> str:
    file = path / "rules.yaml"
    file.write_text(RULES.replace("GATES", ", ".join(gates)))
    return str(file)


def tried(capsys: Captured, *line: str) -> tuple[int, str]:
    capsys.readouterr()
    code = run(["policy", "trial", *line])
    return code, capsys.readouterr().out


def test_the_same_rules_would_have_changed_nothing(
    tmp_path: Path, happened: str, capsys: Captured
) -> None:
    file = rules(tmp_path, REVIEWED)
    code, said = tried(capsys, file, "--against-history", "--events", happened)
    assert code == 0
    assert "acme/fraud:2" in said
    assert "2 same, 0 would have been blocked" in said
    code, said = tried(capsys, file, "--events", happened, "--differences")
    assert (code, "acme/fraud:2" in said) == (0, False)


def test_stricter_rules_would_have_blocked_and_name_the_gate(
    tmp_path: Path, happened: str, capsys: Captured
) -> None:
    file = rules(tmp_path, REVIEWED, SOAK)
    line = [file, "--events", happened, "--model", "acme/fraud", "--json"]
    code, said = tried(capsys, *line)
    found = json.loads(said)
    assert code == 1
    blocked = [row for row in found["data"] if row["outcome"] != "same"]
    assert [row["gates"] for row in blocked] == [["soak"]]
    assert found["summary"]["would_have_been_blocked"] == 1
    code, said = tried(capsys, *line[:-1])
    assert "would have been blocked" in said
    assert "soak (" in said


def test_looser_rules_would_have_let_pass_what_expired(
    tmp_path: Path, capsys: Captured
) -> None:
    late = str(export(tmp_path / "late.jsonl", expired(begun()).envelopes))
    code, said = tried(capsys, rules(tmp_path), "--events", late)
    assert code == 1
    assert "would have passed" in said
    assert "2026-" in said


def test_what_nobody_recorded_then_is_counted_apart(
    tmp_path: Path, happened: str, capsys: Captured
) -> None:
    file = rules(tmp_path, REVIEWED, SCANNED)
    code, said = tried(capsys, file, "--events", happened)
    assert code == 0
    assert "1 not answerable" in said


def test_verdicts_are_chosen_by_sequence_instant_or_day(
    tmp_path: Path, happened: str, capsys: Captured
) -> None:
    file = rules(tmp_path, REVIEWED, SOAK)
    for bound in ("2099-01-01", "2099-01-01T00:00Z", "100000"):
        assert tried(capsys, file, "--events", happened, "--since", bound)[0] == 0
        assert tried(capsys, file, "--events", happened, "--until", bound)[0] == 1
    for bound in ("soon", "2026-05-02T09:14"):
        assert tried(capsys, file, "--events", happened, "--since", bound)[0] == 2


def test_what_is_no_policy_is_not_tried(
    tmp_path: Path, happened: str, capsys: Captured
) -> None:
    file = rules(tmp_path, "{kind: nonsense}")
    assert run(["policy", "trial", file, "--events", happened]) == 2
    assert "rules.yaml: spec.stages[1].gates[0]" in capsys.readouterr().err


def test_the_server_is_asked_where_no_file_is_given(
    server: Canned, tmp_path: Path, capsys: Captured
) -> None:
    serves(server, lines_of(live().envelopes))
    code, said = tried(capsys, rules(tmp_path, REVIEWED))
    assert (code, "2 same" in said) == (0, True)
    assert run(["events", "recompute"]) == 0


def serves(server: Canned, bodies: list[bytes]) -> None:
    rows = [{"seq": at, "body": body.decode()} for at, body in enumerate(bodies, 1)]
    half = len(rows) // 2
    first = {"data": rows[:half], "next": "more", "seq": len(rows)}
    rest = {"data": rows[half:], "next": None, "seq": len(rows)}
    server.answers["GET /v1/events/stored"] = [(200, first), (200, rest)] * 9
    server.say("GET /v1/events", {"data": [], "seq": len(rows)})


def test_decisions_that_follow_from_the_ledger_agree(
    happened: str, capsys: Captured
) -> None:
    assert run(["events", "recompute", "--events", happened]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "decisions agree" in said.err


def other_word(envelope: Envelope[Event]) -> Envelope[Event]:
    event = envelope.event
    if not isinstance(event, GateEvaluated) or event.result.gate != "sign-off":
        return envelope
    said = event.result.model_copy(update={"detail": "nobody minds"})
    return replace(envelope, event=event.model_copy(update={"result": said}))


def test_what_does_not_follow_ends_with_10_and_is_shown(
    tmp_path: Path, capsys: Captured
) -> None:
    told = [other_word(each) for each in live().envelopes]
    line = ["events", "recompute", "--events", str(export(tmp_path / "x.jsonl", told))]
    assert run(line) == 10
    assert "nobody minds" in capsys.readouterr().out
    assert run([*line, "--json"]) == 10
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["agreed"] < found["decisions"]
    assert found["data"][0]["aggregate"] == "model.acme.fraud"


def test_a_file_that_was_changed_is_no_ledger(
    tmp_path: Path, happened: str, server: Canned, capsys: Captured
) -> None:
    changed = Path(happened).read_bytes().replace(b"staging", b"stagind")
    file = tmp_path / "changed.jsonl"
    file.write_bytes(changed)
    assert run(["events", "recompute", "--events", str(file)]) == 10
    assert "(signature)" in capsys.readouterr().err
    serves(server, changed.splitlines())
    assert run(["events", "recompute"]) == 10
    assert "is not the next one" in capsys.readouterr().err
