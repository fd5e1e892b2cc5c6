"""Each gate on its own facts: when it opens, and what it tells when it does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import EventId, Principal, PromotionId, RoleName, Version
from rollbook_services.policy.facts import (
    Bar,
    Facts,
    Hold,
    LaneNow,
    LaneStatus,
    Registered,
    VersionStatus,
    Vote,
)
from rollbook_services.policy.gate import By, gate, judge
from rollbook_services.policy.gates.approvals import Approvals, Slot
from rollbook_services.policy.gates.artifact import Artifact
from rollbook_services.policy.gates.hold import HoldGate
from rollbook_services.policy.gates.lane import Lane
from rollbook_services.policy.gates.predecessor import Predecessor
from rollbook_services.policy.gates.quarantine import Quarantine
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DEFAULT,
    DEVELOPMENT,
    PIPELINE,
    PRODUCTION,
    STAGING,
    START,
    digest,
)

EVENT = EventId("0" * 36)
VERSION = Registered(
    event=EVENT,
    digest=digest(1),
    status=VersionStatus.ACTIVE,
    producer=PIPELINE.id,
    bar=None,
    proven_in={},
)
LANE = LaneNow(status=LaneStatus.SETTLED, slot=None, unreported=(), hold=None)
REVIEWER = RoleName("reviewer")
FACTS = Facts(
    kind=PromotionKind.FORWARD,
    stage=PRODUCTION,
    version=Version(1),
    requester=ALICE.id,
    automatic=False,
    registered=VERSION,
    lane=LANE,
    votes=(),
    bound=Bound(
        digest=digest(1),
        stage=PRODUCTION,
        policy_digest=digest(2),
        evidence_set=(),
        incumbent=None,
    ),
    binding=digest(3),
    holders={who.id: frozenset({REVIEWER}) for who in (ALICE, BOB, CAROL)},
)


def version(**changes: object) -> Facts:
    return replace(FACTS, registered=replace(VERSION, **changes))  # type: ignore[arg-type]


def lane(**changes: object) -> Facts:
    return replace(FACTS, lane=replace(LANE, **changes))  # type: ignore[arg-type]


def vote(who: Principal, name: str) -> Vote:
    return Vote(
        id=EventId(name * 36),
        gate=Approvals(slots=(Slot(role=REVIEWER),)).id,
        who=who,
        roles=(REVIEWER,),
        binding=FACTS.binding,
        valid_until=None,
    )


def test_artifact_passes_for_the_bytes_that_were_asked_for() -> None:
    assert Artifact().evaluate(FACTS, START).status is GateStatus.PASS
    deprecated = version(status=VersionStatus.DEPRECATED)
    assert "deprecated" in Artifact().evaluate(deprecated, START).detail
    for facts in (version(digest=digest(9)), version(status=VersionStatus.RETIRED)):
        assert Artifact().evaluate(facts, START).status is GateStatus.FAIL


def test_quarantine_says_who_barred_the_version() -> None:
    assert Quarantine().evaluate(FACTS, START).status is GateStatus.PASS
    said = Quarantine().evaluate(version(bar=Bar(EVENT, "leaks", (DAVE.id,))), START)
    assert said.status is GateStatus.FAIL
    assert DAVE.id in said.detail
    assert said.inputs == (EVENT,)


@pytest.mark.parametrize(
    ("mode", "proven", "status"),
    [
        ("all", {}, GateStatus.WAIT),
        ("all", {STAGING: EVENT}, GateStatus.WAIT),
        ("all", {STAGING: EVENT, DEVELOPMENT: EVENT}, GateStatus.PASS),
        ("any", {}, GateStatus.WAIT),
        ("any", {STAGING: EVENT}, GateStatus.PASS),
    ],
)
def test_predecessor_asks_where_the_version_is_proved(
    mode: str, proven: dict[object, EventId], status: GateStatus
) -> None:
    asked = Predecessor.model_validate({"after": (DEVELOPMENT, STAGING), "mode": mode})
    assert asked.evaluate(version(proven_in=proven), START).status is status


def test_approvals_says_who_could_vote_and_who_is_barred() -> None:
    asked = Approvals(slots=(Slot(role=REVIEWER, count=2),))
    said = asked.evaluate(replace(FACTS, votes=(vote(BOB.id, "b"),)), START)
    assert (said.status, said.detail) == (
        GateStatus.WAIT,
        "1 of 2 slots filled; waiting for one reviewer",
    )
    (change,) = said.changes_when
    assert change.by is By.PERSON
    assert change.who == (CAROL.id,)
    assert [(each.who, each.why) for each in change.barred] == [(ALICE.id, "requester")]


def test_approvals_does_not_count_those_who_are_barred() -> None:
    asked = Approvals(slots=(Slot(role=REVIEWER),))
    own = replace(FACTS, votes=(vote(ALICE.id, "a"),))
    assert asked.evaluate(own, START).status is GateStatus.WAIT
    made = replace(version(producer=BOB.id), votes=(vote(BOB.id, "b"),))
    assert asked.evaluate(made, START).status is GateStatus.WAIT
    other = replace(FACTS, votes=(vote(BOB.id, "b"),))
    assert asked.evaluate(other, START).inputs == (EventId("b" * 36),)


def test_hold_stops_automation_only() -> None:
    hold = Hold(EVENT, DAVE.id, None, START + timedelta(hours=1), "incident")
    held = lane(hold=hold)
    assert HoldGate().evaluate(held, START).status is GateStatus.PASS
    automatic = replace(held, automatic=True)
    assert HoldGate().evaluate(automatic, START).status is GateStatus.WAIT
    later = START + timedelta(hours=1)
    assert HoldGate().evaluate(automatic, later).status is GateStatus.PASS


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
