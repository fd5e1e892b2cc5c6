"""Does the inbox say of each of its four kinds what to type next?"""

from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
APPROVAL = {
    "kind": "approval",
    "model": "fraud",
    "promotion": 14,
    "version": 8,
    "incumbent": 7,
    "stage": "prod",
    "requester": "prn:a",
    "reason": "weekly",
    "barred": None,
    "gates": [
        {"gate": "quality", "status": "pass", "detail": "auc 0.93"},
        {"gate": "rate", "status": "waived", "detail": "waived; wait"},
        {"gate": "latency", "status": "fail", "mode": "warn", "detail": "55 < 40"},
        {"gate": "sign-off", "status": "wait", "detail": "waiting for one reviewer"},
    ],
}
WAIVER = {
    "kind": "waiver",
    "model": "fraud",
    "promotion": 14,
    "waiver": "w-1",
    "break_glass": "sev1",
    "incident": "INC-88",
    "gates": [{"gate": "soak", "status_then": None}],
    "asked_by": "prn:a",
    "barred": None,
}
REVIEW = {
    "kind": "review",
    "model": "fraud",
    "promotion": 14,
    "review": "r-1",
    "break_glass": "sev1",
    "gates": ["soak"],
    "due_at": "2026-05-02T09:14:00Z",
    "overdue": True,
    "asked_by": "prn:a",
}
POLICY = {
    "kind": "policy",
    "policy": "tier1",
    "digest": "sha256:77ab",
    "needs": 1,
    "role": "policy-owner",
    "proposed_by": "prn:a",
}


def shown(server: Canned, capsys: Captured, *rows: dict[str, Any]) -> str:
    answer = {"data": list(rows), "seq": 9, "people": {"prn:a": "alice"}}
    server.say("GET /v1/inbox", answer)
    assert run(["inbox"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (APPROVAL, ["7 -> 8 in prod", "alice", "rollbook approve fraud:14 -m …"]),
        (
            WAIVER,
            [
                "waive soak under sev1, INC-88",
                "a second person",
                "rollbook confirm-waiver fraud:14 w-1",
            ],
        ),
        (
            REVIEW,
            [
                "2026-05-02 09:14:00 OVERDUE",
                "rollbook review close fraud r-1 --finding justified -m …",
            ],
        ),
        (
            POLICY,
            [
                "new rules sha256:77ab",
                "1 policy-owner",
                "rollbook policy endorse tier1 sha256:77ab",
            ],
        ),
    ],
    ids=["approval", "waiver", "review", "policy"],
)
def test_each_kind_says_what_it_is_about_and_what_to_type(
    server: Canned, capsys: Captured, row: dict[str, Any], words: list[str]
) -> None:
    said = shown(server, capsys, row)
    for word in (str(row["kind"]), "alice", *words):
        assert word in said


def test_only_what_blocks_is_waited_for(server: Canned, capsys: Captured) -> None:
    said = shown(server, capsys, APPROVAL)
    assert "waiting for one reviewer" in said
    for other in ("auc 0.93", "waived; wait", "55 < 40"):
        assert other not in said


@pytest.mark.parametrize(
    ("barred", "word"),
    [
        ("requester", "you asked for it"),
        ("producer", "you made the version"),
        ("author", "authors"),
        ("activator", "first under it"),
        ("voted", "given"),
        ("role", "another role"),
    ],
)
def test_who_may_not_is_told_why(
    server: Canned, capsys: Captured, barred: str, word: str
) -> None:
    said = shown(server, capsys, {**APPROVAL, "barred": barred})
    assert word in said
    assert "rollbook approve" not in said


def test_a_row_has_the_name_that_the_next_command_takes(
    server: Canned, capsys: Captured
) -> None:
    server.say("GET /v1/inbox", {"data": [APPROVAL, POLICY], "seq": 9})
    assert run(["inbox", "-o", "name"]) == 0
    assert capsys.readouterr().out == "fraud:14\ntier1\n"
