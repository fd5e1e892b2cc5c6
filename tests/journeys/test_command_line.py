"""Do the journeys of pipeline, reviewer, operator and auditor go as they are told?

Against `rollbook up` and two agents, as real processes.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.shell import DIGEST, Rollbook, register, running, shell


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run everything once for this file."""
    with running(tmp_path_factory.mktemp("journey")) as found:
        yield found


@pytest.fixture
def rollbook(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Rollbook:
    """Type command lines in an empty directory."""
    return shell(data, tmp_path, monkeypatch=monkeypatch, capsys=capsys)


def test_a_pipeline_registers_and_a_retry_is_the_same_version(
    rollbook: Rollbook,
) -> None:
    Path("model.bin").write_text("weights")
    line = ["register", "pipe", "--path", "model.bin", "--label", "a", "--key", "run-1"]
    first, again = rollbook(*line), rollbook(*line)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert first.out.startswith("pipe@1   registered   sha256:")
    assert "(recorded before)" in again.out
    Path("model.bin").write_text("other weights")
    other = rollbook("register", "pipe", "--path", "model.bin", "--label", "a")
    assert other.code == 6
    assert "already-exists" in other.err
    versions = rollbook("version", "list", "pipe", "--json=version,label").json()
    assert versions == [{"version": 1, "label": "a"}]


def test_bad_input_is_refused_with_field_and_remedy(rollbook: Rollbook) -> None:
    Path("m").write_text("m")
    refused = rollbook("register", "bad", "--path", "m", "--metric", "auc=nan")
    assert (refused.code, "auc" in refused.err) == (2, True)
    assert rollbook("version", "list", "nobody").code == 3
    assert rollbook("version", "show", "nobody@1").code == 3
    assert rollbook("model", "create", "a.b").code == 2
    assert rollbook("model", "create", "x" * 300).code == 2


def test_a_person_cannot_approve_alone_and_another_can(rollbook: Rollbook) -> None:
    assert register(rollbook, "fraud").code == 0
    staged = rollbook("promote", "fraud@1", "--to", "staging", "--wait", as_="alice")
    assert staged.code == 0, staged.err
    line = ["promote", "fraud@1", "--to", "production", "-m", "weekly"]
    waited = rollbook(*line, "--wait", "--timeout", "0.2s", as_="alice")
    assert waited.code == 8, waited.err
    assert "sign-off" in waited.err
    card = rollbook("inbox", as_="bob")
    assert "rollbook approve fraud:2" in card.out
    refused = rollbook("approve", "fraud:2", "-m", "ok", as_="alice")
    assert refused.code == 4
    assert "[separation-of-duties]" in refused.err
    approved = rollbook("approve", "fraud:2", "-m", "ok", as_="bob")
    assert approved.code == 0, approved.err
    assert "You approve fraud@1 sha256:" in approved.err
    assert "dispatch follows" in approved.out


def test_a_rejected_promotion_ends_the_waiting_with_7(rollbook: Rollbook) -> None:
    assert register(rollbook, "turned").code == 0
    assert rollbook("promote", "turned@1", "--to", "staging", "--wait").code == 0
    asked = rollbook("promote", "turned@1", "--to", "production", "-o", "name")
    assert asked.out.strip() == "turned:2"
    assert rollbook("reject", "turned:2", "-m", "not yet", as_="bob").code == 0
    assert rollbook("approve", "turned:2", "-m", "late", as_="bob").code == 6


def test_what_moved_meanwhile_is_a_conflict_that_names_the_present(
    rollbook: Rollbook,
) -> None:
    assert register(rollbook, "moved").code == 0
    line = ["promote", "moved@1", "--to", "development"]
    assert rollbook(*line, "--wait").code == 0
    assert register(rollbook, "moved", "2").code == 0
    late = rollbook("promote", "moved@2", "--to", "development", "--expect", "none")
    assert (late.code, "[incumbent-moved]" in late.err) == (6, True)
    assert rollbook("rollback", "moved#development", "-m", "x").code == 5
    assert rollbook("promote", "moved@2", "--to", "nowhere").code == 3


def test_aliases_move_only_from_where_they_were_seen(rollbook: Rollbook) -> None:
    assert register(rollbook, "named").code == 0
    assert rollbook("alias", "set", "named", "champion", "1").code == 0
    shown = rollbook("version", "show", "named@champion", "-o", "name")
    assert shown.out.strip() == "named@1"
    stale = rollbook("alias", "set", "named", "champion", "1", "--expect", "none")
    assert stale.code == 6
    assert rollbook("alias", "unset", "named", "champion").code == 0
    assert rollbook("alias", "list", "named", "--json=alias").json() == []
    moment = rollbook("alias", "list", "named", "--json").json()["seq"] - 1
    then = rollbook("alias", "list", "named", "--json", "--as-of", str(moment))
    assert [row["alias"] for row in then.json()["data"]] == ["champion"]


def test_evidence_is_recorded_listed_and_revoked(rollbook: Rollbook) -> None:
    assert register(rollbook, "proved").code == 0
    added = rollbook(
        "evidence", "add", "proved@1", "--kind", "bias", "--verdict", "pass",
        "--metric", "gap=0.01", "--dataset", f"tx@{DIGEST}", "-o", "name",
    )  # fmt: skip
    assert added.code == 0, added.err
    revoked = rollbook("evidence", "revoke", "proved", added.out.strip(), "-m", "wrong")
    assert revoked.code == 0, revoked.err
    listed = rollbook("evidence", "list", "proved@1", "--json=kind,live").json()
    assert listed == [{"kind": "bias", "live": False}]
    other = ["--kind", "bias", "--verdict", "pass", "--digest", DIGEST]
    assert rollbook("evidence", "add", "proved@1", *other).code == 5


def test_a_quarantined_version_goes_nowhere(rollbook: Rollbook) -> None:
    assert register(rollbook, "sick").code == 0
    assert rollbook("quarantine", "sick@1", "-m", "leak").code == 0
    assert "quarantined" in rollbook("version", "list", "sick").out
    assert rollbook("promote", "sick@1", "--to", "development").code == 5
    own = rollbook("version", "release", "sick@1", "-m", "fine")
    assert (own.code, "[separation-of-duties]" in own.err) == (4, True)


def test_versions_are_amended_compared_deprecated_and_retired(
    rollbook: Rollbook,
) -> None:
    assert register(rollbook, "edited").code == 0
    assert register(rollbook, "edited", "2").code == 0
    amended = rollbook(
        "version", "amend", "edited@2", "--metric", "auc=0.95", "-m", "typo"
    )
    assert amended.code == 0, amended.err
    compared = rollbook("version", "compare", "edited@1", "edited@2")
    assert "metrics.auc" in compared.out
    assert "+0.019" in compared.out
    assert rollbook("version", "deprecate", "edited@1", "-m", "old").code == 0
    assert rollbook("version", "retire", "edited@1", "-m", "old").code == 0
    assert rollbook("promote", "edited@1", "--to", "development").code == 5


def test_an_auditor_reads_what_was_live_when_and_why(rollbook: Rollbook) -> None:
    for content in ("1", "2"):
        assert register(rollbook, "seen", content).code == 0
    for version in ("1", "2"):
        line = ["promote", f"seen@{version}", "--to", "staging", "--wait"]
        assert rollbook(*line, "-m", f"take {version}").code == 0
    back = rollbook("rollback", "seen#staging", "-m", "slow", "--wait")
    assert back.code == 0, back.err
    rows = rollbook("history", "seen#staging", "--json").json()["data"]
    assert [row["version"] for row in rows] == [1, 2, 1]
    assert [row["reason"] for row in rows] == ["take 1", "take 2", "slow"]
    table = rollbook("history", "seen", "--stage", "staging")
    assert "still live" in table.out
    assert "operator" in table.out
    assert "ledger position" in table.err
    moment = str(rows[1]["from_seq"])
    board = rollbook("status", "seen", "--json", "--as-of", moment).json()["data"]
    assert board[0]["stable"]["version"] == 2
    changed = rollbook("diff", "seen", "--from", moment)
    assert changed.code == 0, changed.err
    assert "lanes seen/staging" in changed.out
    held = rollbook("status", "seen", "--json").json()["data"][0]["hold"]
    assert held["reason"]
    assert rollbook("unhold", "seen#staging", "-m", "over").code == 0
    assert rollbook("hold", "seen", "--stage", "staging", "-m", "again").code == 0
    shown = rollbook("version", "show", "seen#staging~1", "-o", "name")
    assert shown.out.strip() == "seen@2"


def test_events_are_listed_shown_and_exported_to_the_byte(rollbook: Rollbook) -> None:
    assert register(rollbook, "told").code == 0
    listed = rollbook("events", "list", "--model", "told", "--json").json()
    assert [row["type"] for row in listed["data"]] == [
        "io.rollbook.model.registered.v2",
        "io.rollbook.version.registered.v1",
    ]
    seq = listed["data"][-1]["seq"]
    raw = rollbook("events", "show", str(seq), "--raw")
    assert json.loads(raw.out)["data"]["version"] == 1
    exported = rollbook("events", "export", "--model", "told", "--file", "told.jsonl")
    assert exported.code == 0, exported.err
    assert Path("told.jsonl").read_text().splitlines()[-1] == raw.out
    tailed = rollbook("events", "tail", "--since", str(seq - 1), "--count", "1")
    assert tailed.out.split()[0] == str(seq)
    assert rollbook("events", "show", "999999").code == 3


def test_lineage_is_drawn_in_each_form(rollbook: Rollbook) -> None:
    assert register(rollbook, "made").code == 0
    tree = rollbook("lineage", "made@1")
    assert tree.code == 0, tree.err
    assert "tx" in tree.out
    for form, word in {
        "dot": "digraph",
        "mermaid": "graph LR",
        "json": "nodes",
    }.items():
        assert word in rollbook("lineage", "made@1", "--up", "--format", form).out
    radius = rollbook("lineage", "dataset:tx", "--blast-radius").json()["data"]
    assert "version:made@1" in [node["id"] for node in radius["versions"]]


def test_views_are_rebuilt_and_equal_a_fresh_replay(rollbook: Rollbook) -> None:
    listed = rollbook("projection", "list", "-o", "name")
    assert sorted(listed.out.split()) == ["audit", "lineage", "stage"]
    rebuilt = rollbook("projection", "rebuild", "stage")
    assert (rebuilt.code, "rebuilt" in rebuilt.out) == (0, True), rebuilt.err
    compared = rollbook("projection", "compare")
    assert compared.code == 0, compared.err
    assert compared.out.count("equals a fresh replay") == 3
    assert rollbook("doctor").code == 0


def test_a_revoked_token_opens_nothing(rollbook: Rollbook, data: Path) -> None:
    file = data.parent / "carl.token"
    line = ["token", "create", "carl", "--role", "viewer", "--file", str(file)]
    made = rollbook(*line, "--json")
    assert made.code == 0, made.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert rollbook("status", as_="carl").code == 0
    id_ = made.json()["data"]["id"]
    assert id_ in rollbook("token", "list").out
    assert rollbook("token", "revoke", id_, "-m", "left").code == 0
    refused = rollbook("status", as_="carl")
    assert (refused.code, "[unauthenticated]" in refused.err) == (4, True)
    assert rollbook(*line).code == 2, "a file that exists is not overwritten"
    assert rollbook("token", "create", "x", "--role", "viewer", as_="bob").code == 4


def test_a_version_whose_bytes_were_exchanged_is_never_served(
    rollbook: Rollbook,
) -> None:
    assert register(rollbook, "swapped").code == 0
    Path("swapped-1.bin").write_text("something else")
    failed = rollbook("promote", "swapped@1", "--to", "staging", "--wait")
    assert failed.code == 9
    assert "digest_mismatch" in failed.err
