"""Does an agent remember what it must, and nothing half?"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rollbook.agent import reports
from rollbook.agent.config import Config
from rollbook.agent.desired import Heading
from rollbook.agent.outside import Outside
from rollbook.agent.settings import Settings, load
from rollbook.agent.state import (
    LONGEST_QUEUE,
    KeyState,
    Outcome,
    Remembered,
    StateFile,
    opened,
)
from rollbook.agent.state import load as load_state
from rollbook.agent.transitions import Transitions
from rollbook.commands.target import ReportedState, ReportTarget
from rollbook.commands.wire import Request
from rollbook.errors import Misconfigured
from rollbook.names import PromotionId, StageName, TargetName, Version
from tests.support.agents import PLACE, sha256_of

AT = datetime(2026, 5, 1, tzinfo=UTC)
STATE = KeyState(
    model="acme/fraud",
    revision=3,
    token=2,
    outcome=Outcome.PENDING,
    seq=7,
    applied_revision=2,
    served={sha256_of(b"one"): Version(1)},
)
CLOCK = Outside(is_stopping=lambda: False, now=lambda: AT)
HEADING = Heading("key", PLACE, PLACE.stage, 3, 2, PromotionId(3))


def report(seq: int) -> Request:
    return reports.make(
        HEADING,
        {},
        ReportedState.ACKNOWLEDGED,
        agent="agent",
        seq=seq,
        at=AT,
    )


def test_what_was_remembered_is_there_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state" / "production.main.json"
    with opened(file) as state:
        state.remember(Remembered().with_key("key", STATE, report=report(7)))
    with opened(file) as state:
        assert state.remembered.keys == {"key": STATE}
        assert state.remembered.reports == (report(7),)


def test_a_draft_that_a_kill_left_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with opened(file) as state:
        state.remember(Remembered().with_key("key", STATE, report=report(7)))
    (tmp_path / "state.json.1234abcd").write_text("{")
    with opened(file) as state:
        assert state.remembered.keys == {"key": STATE}
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "state.json",
        "state.lock",
    ]


def test_a_damaged_memory_is_not_silently_begun_anew(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"keys": {"key"')
    with pytest.raises(Misconfigured, match="damaged"), opened(file):
        pass


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with opened(file), pytest.raises(Misconfigured, match="another"), opened(file):
        pass


def test_what_was_only_noted_is_written_with_the_next_change(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with opened(file) as state:
        state.remember(state.remembered.with_key("key", STATE, report=report(7)))
        state.note(state.remembered.without(report(7)))
        assert load_state(file).reports == (report(7),)
        state.write_notes()
        assert load_state(file).reports == ()
        assert load_state(file) == state.remembered


def test_the_session_is_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with opened(file) as state:
        session = state.remembered.session
        state.remember(state.remembered.with_key("key", STATE, report=report(7)))
        state.note(state.remembered.without(report(7)))
        state.write_notes()
    with opened(file) as state:
        assert state.remembered.session == session != ""
    with opened(tmp_path / "other.json") as state:
        assert state.remembered.session != session


def test_the_memory_of_the_release_before_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    old = {
        "keys": {
            "key": {
                "model": "acme/fraud",
                "revision": 3,
                "token": 2,
                "version": 1,
                "digest": sha256_of(b"one"),
                "outcome": "applied",
                "seq": 7,
            }
        },
        "reports": [report(7).model_dump(mode="json")],
    }
    file.write_text(json.dumps(old))
    with opened(file) as state:
        known = state.remembered.keys["key"]
        assert known.mark == STATE.mark
        assert known.outcome is Outcome.APPLIED
        assert state.remembered.reports == (report(7),)


def test_reports_are_counted_over_all_lanes_of_a_model(tmp_path: Path) -> None:
    side = replace(HEADING, key="key.side", lane=StageName("experiments"))
    with opened(tmp_path / "state.json") as state:
        moving = Transitions("agent", state, CLOCK, lambda: None)
        for heading in (HEADING, side, HEADING):
            moving.move(ReportedState.ACKNOWLEDGED, heading, {})
        begin = int(AT.timestamp() * 1000)
        assert numbers(state) == [begin, begin + 1, begin + 2]


def test_after_another_process_the_count_goes_on_behind_its_own(tmp_path: Path) -> None:
    with opened(tmp_path / "state.json") as state:
        state.remember(state.remembered.with_key("key", STATE, report=report(7)))
        moving = Transitions("agent", state, CLOCK, lambda: None)
        moving.move(ReportedState.ACKNOWLEDGED, HEADING, {})
        moving.count_from_now()
        moving.move(ReportedState.APPLIED, HEADING, {})
        assert numbers(state) == [7, 8, int(AT.timestamp() * 1000)]


def numbers(state: StateFile) -> list[int]:
    found = [each.command for each in state.remembered.reports]
    return [each.report.seq for each in found if isinstance(each, ReportTarget)]


def test_the_oldest_reports_give_way() -> None:
    remembered = Remembered()
    for seq in range(LONGEST_QUEUE + 5):
        remembered = remembered.with_key("key", STATE, report=report(seq))
    assert len(remembered.reports) == LONGEST_QUEUE
    assert remembered.reports[0].id.endswith("/5")


def test_an_answered_report_is_forgotten() -> None:
    remembered = Remembered().with_key("key", STATE, report=report(1))
    remembered = remembered.with_key("key", STATE, report=report(2))
    assert remembered.without(report(1)).reports == (report(2),)


def test_a_report_has_the_same_bytes_for_every_try() -> None:
    again = Request.model_validate_json(report(1).model_dump_json())
    assert again.model_dump_json() == report(1).model_dump_json()


@pytest.mark.parametrize("model", ["fraud", "t" * 100 + "/" + "m" * 100])
def test_a_reports_id_fits_whatever_the_names(model: str) -> None:
    id_ = reports.report_id("a" * 100, model, 2**53)
    assert len(id_) <= 128
    assert id_ != reports.report_id("a" * 100, model + "x", 2**53)


def settings(credentials: Path) -> Settings:
    config = Config(
        stage=StageName("s"), target=TargetName("t"), root=credentials.parent
    )
    return load(credentials, config)


def test_credentials_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    file.write_text("{}")
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match="0600"):
        settings(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{}", "nats_url"),
        ("nonsense", "cannot be read"),
        (
            '{"nats_url":"n","event_key":"AA==","origin":"o","agents":'
            '{"s/t":{"user":"u","seed":"s","token":"t"}}}',
            "32 public bytes",
        ),
        (
            '{"nats_url":"n","event_key":"AA==","origin":"o","agents":{}}',
            "no identity",
        ),
    ],
)
def test_credentials_say_what_is_wrong(tmp_path: Path, content: str, says: str) -> None:
    file = tmp_path / "credentials.json"
    file.touch(mode=0o600)
    file.write_text(content)
    with pytest.raises(Misconfigured, match=says):
        settings(file)


def test_missing_credentials_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="rollbook up"):
        settings(tmp_path / "none")
