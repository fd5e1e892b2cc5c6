"""Are the freezes that have to be minded the ones that are listed?"""

from typing import Any

import pytest

from rollbook_services.cli.main import run
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]


def freeze(id_: str, state: str, **members: Any) -> dict[str, Any]:
    return {
        "freeze": id_,
        "state": state,
        "covers": {"models": ["acme/*"], "stages": []},
        "from_at": "2026-05-02T09:14:00Z",
        "until": None,
        "in_flight": "pause",
        "exempt": ["rollback"],
        "waivable": True,
        "declared_by": "prn:a",
        "reason": "year end",
        **members,
    }


def test_what_holds_or_is_to_come_is_listed_and_what_is_over_on_request(
    server: Canned, capsys: Captured
) -> None:
    rows = [
        freeze("f-1", "open"),
        freeze("f-2", "upcoming", until="2026-05-03T09:14:00Z"),
        freeze("f-3", "over"),
        freeze("f-4", "lifted", lifted_at="2026-05-02T10:00:00Z"),
    ]
    server.say("GET /v1/freezes", {"data": rows, "people": {"prn:a": "alice"}})
    assert run(["freeze", "list", "-o", "name"]) == 0
    assert capsys.readouterr().out.split() == ["f-1", "f-2"]
    assert run(["freeze", "list", "--all"]) == 0
    said = capsys.readouterr().out
    for word in (
        "acme/* in every stage",
        "until it is lifted",
        "2026-05-03 09:14:00",
        "lifted 2026-05-02 10:00:00",
        "rollback, waivers",
        "alice",
    ):
        assert word in said


def test_the_freezes_over_a_lane_are_asked_for(server: Canned) -> None:
    server.say("GET /v1/freezes", {"data": []})
    assert run(["freeze", "list", "--model", "fraud", "--stage", "prod"]) == 0
    asked = server.heard[-1].query
    assert (asked["model"], asked["stage"]) == (["fraud"], ["prod"])
