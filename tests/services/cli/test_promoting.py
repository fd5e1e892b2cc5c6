"""Is nothing recorded by a dry run, and does a protected stage ask for its name?"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rollbook_services.cli import protection
from rollbook_services.cli.main import run
from tests.services.cli.test_why import MODEL, QUALITY, SOAK, explains, told
from tests.support.canned import Canned

Captured = pytest.CaptureFixture[str]
LINE = ["promote", "fraud@8", "--to", "prod", "-m", "weekly"]
PROMOTIONS = f"{MODEL}/promotions"
WOULD = {
    "seq": 9,
    "rev": 4,
    "events": [
        {"type": "io.rollbook.promotion.requested.v2", "data": {"promotion": 15}},
        {"type": "io.rollbook.gate.evaluated.v2", "data": {}},
        {"type": "io.rollbook.gate.evaluated.v2", "data": {}},
    ],
}


@pytest.fixture
def asks(server: Canned) -> Callable[..., None]:
    """Let the server answer a request for a stage."""

    def ask(**members: Any) -> None:
        nobody = {"promotion": None, "state": "NOT_REQUESTED", **members}
        explains(server, told(QUALITY, SOAK, **nobody))
        server.say(f"POST {PROMOTIONS}", WOULD, status=201)

    return ask


def test_a_dry_run_tells_what_would_be_recorded_and_every_gate(
    server: Canned, asks: Callable[..., None], capsys: Captured
) -> None:
    asks(protected=True)
    assert run([*LINE, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "fraud:15   would ask for fraud@8 in prod" in said
    assert "would record: promotion.requested, 2 gate.evaluated" in said
    assert "14 h of 24 h in staging" in said
    [posted] = [heard for heard in server.heard if heard.method == "POST"]
    assert posted.query["dry_run"] == ["true"]
    assert posted.body["expected_incumbent"] == 7


def test_a_dry_run_is_one_object_for_programs(
    asks: Callable[..., None], capsys: Captured
) -> None:
    asks()
    assert run([*LINE, "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["data"]
    assert len(found["would_record"]) == 3
    assert found["why"]["version"] == 8


def test_a_dry_run_is_refused_like_the_request_itself(
    server: Canned, asks: Callable[..., None]
) -> None:
    asks()
    server.refuse(f"POST {PROMOTIONS}", 409, "incumbent-moved")
    assert run([*LINE, "--dry-run"]) == 6


def test_without_a_terminal_a_protected_stage_takes_yes(
    server: Canned, asks: Callable[..., None], capsys: Captured
) -> None:
    asks(protected=True)
    assert run(LINE) == 2
    assert "prod is protected" in capsys.readouterr().err
    assert {heard.method for heard in server.heard} == {"GET"}
    assert run([*LINE, "--yes"]) == 0
    assert server.heard[-1].method == "POST"


@pytest.mark.parametrize(("typed", "ended"), [("prod", 0), ("staging", 2)])
def test_on_a_terminal_the_name_of_a_protected_stage_is_typed(
    server: Canned,
    asks: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    ended: int,
) -> None:
    asks(protected=True)
    monkeypatch.setattr(protection, "is_a_terminal", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *_, **__: typed)
    assert run(LINE) == ended
    assert (server.heard[-1].method == "POST") == (ended == 0)


def test_what_is_not_protected_asks_nothing(
    server: Canned, asks: Callable[..., None]
) -> None:
    asks(protected=False)
    assert run(LINE) == 0
    assert "dry_run" not in server.heard[-1].query
