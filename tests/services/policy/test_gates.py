"""Each gate on its own facts: when it opens, and what it tells when it does not."""

from dataclasses import replace

import pytest

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import EventId, PromotionId, StageName, TargetName
from rollbook_services.policy.facts import Bar, LaneStatus, VersionStatus
from rollbook_services.policy.gate import By, gate, judge
from rollbook_services.policy.gates.artifact import Artifact
from rollbook_services.policy.gates.lane import Lane
from rollbook_services.policy.gates.predecessor import Predecessor
from rollbook_services.policy.gates.quarantine import Quarantine
from tests.services.policy.cases import (
    DAVE,
    FACTS,
    STAGING,
    START,
    digest,
    event,
    lane,
    version,
)

DEVELOPMENT = StageName("development")
DEFAULT = TargetName("default")
EVENT = event("0")


def test_artifact_passes_for_the_bytes_that_were_asked_for() -> None:
    assert Artifact().evaluate(FACTS, START).status is GateStatus.PASS
    deprecated = version(status=VersionStatus.DEPRECATED)
    assert "deprecated" in Artifact().evaluate(deprecated, START).detail
    for facts in (version(digest=digest(9)), version(status=VersionStatus.RETIRED)):
        assert Artifact().evaluate(facts, START).status is GateStatus.FAIL


def test_quarantine_says_who_barred_the_version() -> None:
    assert Quarantine().evaluate(FACTS, START).status is GateStatus.PASS
    said = Quarantine().evaluate(version(bar=Bar(EVENT, "leaks", (DAVE,))), START)
    assert said.status is GateStatus.FAIL
    assert DAVE in said.detail
    assert said.inputs == (EVENT,)


@pytest.mark.parametrize(
    ("need", "proven", "status"),
    [
        ("all", {}, GateStatus.WAIT),
        ("all", {STAGING: EVENT}, GateStatus.WAIT),
        ("all", {STAGING: EVENT, DEVELOPMENT: EVENT}, GateStatus.PASS),
        ("any", {}, GateStatus.WAIT),
        ("any", {STAGING: EVENT}, GateStatus.PASS),
    ],
)
def test_predecessor_asks_where_the_version_is_proved(
    need: str, proven: dict[StageName, EventId], status: GateStatus
) -> None:
    asked = Predecessor.model_validate({"after": (DEVELOPMENT, STAGING), "need": need})
    said = asked.evaluate(version(proven_in=proven), START)
    assert said.status is status
    assert (said.recheck_at, said.inputs) == (None, tuple(proven.values()))


@pytest.mark.parametrize(
    ("need", "live", "status"),
    [
        ("all", (), GateStatus.WAIT),
        ("all", (STAGING,), GateStatus.WAIT),
        ("all", (STAGING, DEVELOPMENT), GateStatus.PASS),
        ("any", (), GateStatus.WAIT),
        ("any", (STAGING,), GateStatus.PASS),
    ],
)
def test_still_live_asks_that_it_runs_there_now(
    need: str, live: tuple[StageName, ...], status: GateStatus
) -> None:
    settings = {"after": (DEVELOPMENT, STAGING), "need": need, "still_live": True}
    asked = Predecessor.model_validate(settings)
    facts = version(proven_in={STAGING: EVENT, DEVELOPMENT: EVENT})
    said = asked.evaluate(replace(facts, live_in=frozenset(live)), START)
    assert said.status is status
    unproven = replace(FACTS, live_in=frozenset({DEVELOPMENT, STAGING}))
    assert asked.evaluate(unproven, START).status is GateStatus.WAIT


def test_predecessor_says_what_to_type() -> None:
    asked = Predecessor(after=(DEVELOPMENT, STAGING), still_live=True)
    said = asked.evaluate(version(proven_in={STAGING: EVENT}), START)
    assert said.detail == (
        "has not succeeded in development, or was rolled off there; "
        "succeeded in staging, but is not what runs there now"
    )
    assert [change.by for change in said.changes_when] == [By.PIPELINE] * 2
    command = "rollbook promote acme/fraud@1 --to staging -m …"
    assert said.changes_when[1].command == command


@pytest.mark.parametrize(
    ("kind", "changes", "status"),
    [
        (PromotionKind.FORWARD, {}, GateStatus.PASS),
        (PromotionKind.FORWARD, {"status": LaneStatus.EMPTY}, GateStatus.PASS),
        (PromotionKind.FORWARD, {"slot": PromotionId(7)}, GateStatus.WAIT),
        (PromotionKind.ROLLBACK, {"slot": PromotionId(7)}, GateStatus.WAIT),
        (
            PromotionKind.FORWARD,
            {"status": LaneStatus.INDETERMINATE, "unreported": (DEFAULT,)},
            GateStatus.WAIT,
        ),
        (
            PromotionKind.REDEPLOY,
            {"status": LaneStatus.INDETERMINATE, "unreported": (DEFAULT,)},
            GateStatus.PASS,
        ),
    ],
)
def test_lane_asks_for_a_free_slot_and_known_targets(
    kind: PromotionKind, changes: dict[str, object], status: GateStatus
) -> None:
    facts = replace(lane(**changes), kind=kind)
    assert Lane().evaluate(facts, START).status is status


def test_a_judgement_is_recorded_with_the_gate_s_name_and_mode() -> None:
    (judged,) = judge([Lane()], FACTS, START)
    assert judged.is_open
    assert (judged.result.gate, judged.result.kind) == ("lane", "lane")
    assert judged.result.mode == "enforce"


def test_a_kind_of_gate_is_declared_once() -> None:
    with pytest.raises(TypeError, match="lane is declared twice"):
        gate(Lane)
