"""When does a drift keep something back, and what does its gate tell?"""

from datetime import timedelta

import pytest

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.names import GateName, TargetName
from rollbook_services.policy.facts import Drifted
from rollbook_services.policy.gate import By, declared, judge
from rollbook_services.policy.gates.drift import DriftGate
from rollbook_services.policy.shape import Mode
from rollbook_services.policy.stage import NOT_WRITTEN, Stage
from tests.services.policy.cases import FACTS, PRODUCTION, START, event, lane

EU1, EU2 = TargetName("eu-1"), TargetName("eu-2")
OPEN = Drifted(EU1, event("1"), START - timedelta(hours=2), is_accepted=False)
ACCEPTED = Drifted(EU2, event("2"), START, is_accepted=True)


def asked(kind: PromotionKind, **settings: object) -> list[str]:
    stage = Stage.model_validate({"name": "prod", **settings})
    return [each.kind for each in stage.asked(kind)]


def test_it_is_there_only_where_a_stage_asks_for_acceptance() -> None:
    for kind in (PromotionKind.FORWARD, PromotionKind.REDEPLOY):
        kinds = asked(kind, drift="require_acceptance")
        assert kinds[-3:] == ["drift", "hold", "lane"]
        for drift in ("alert", "correct"):
            assert "drift" not in asked(kind, drift=drift)
    assert "drift" not in asked(PromotionKind.ROLLBACK, drift="require_acceptance")


def test_no_policy_lists_it() -> None:
    assert "drift" in declared()
    assert "drift" in NOT_WRITTEN
    with pytest.raises(ValueError, match="drift"):
        Stage.model_validate({"name": "prod", "gates": [{"kind": "drift"}]})


def test_it_passes_where_nothing_else_runs() -> None:
    said = DriftGate().evaluate(FACTS, START)
    assert (said.status, said.inputs, said.recheck_at) == (GateStatus.PASS, (), None)


def test_it_waits_for_acceptance_and_says_what_to_type() -> None:
    said = DriftGate().evaluate(lane(drifts=(OPEN, ACCEPTED)), START)
    assert said.status is GateStatus.WAIT
    assert said.detail == "something else runs on eu-1 since 2026-11-24 07:00 UTC"
    assert said.inputs == (OPEN.id, ACCEPTED.id)
    assert said.recheck_at is None
    [change] = said.changes_when
    assert change.by is By.RELEASE_MANAGER
    assert change.command == (
        f"rollbook drift accept acme/fraud --stage {PRODUCTION} --target eu-1 -m …"
    )


def test_every_target_has_a_change_of_its_own() -> None:
    second = Drifted(EU2, event("2"), START, is_accepted=False)
    said = DriftGate().evaluate(lane(drifts=(OPEN, second)), START)
    commands = [change.command or "" for change in said.changes_when]
    assert ["eu-1" in commands[0], "eu-2" in commands[1]] == [True, True]
    assert "eu-1 since" in said.detail
    assert "eu-2 since" in said.detail


def test_what_is_accepted_passes_and_stays_in_sight() -> None:
    said = DriftGate().evaluate(lane(drifts=(ACCEPTED,)), START)
    assert (said.status, said.inputs) == (GateStatus.PASS, (ACCEPTED.id,))
    assert said.detail == "something else runs on eu-2, and that was accepted"


def test_a_mode_softens_it_and_a_waiver_reaches_it() -> None:
    drifted = lane(drifts=(OPEN,))
    for mode in (Mode.WARN, Mode.OBSERVE):
        [judged] = judge([DriftGate()], drifted, START, mode=mode)
        assert judged.is_open
        assert judged.result.status is GateStatus.WAIT
    [judged] = judge([DriftGate()], drifted, START)
    assert not judged.is_open
    assert DriftGate().is_waivable(drifted, START)
    assert judged.result.gate == GateName("drift")
