"""A version has to be as good as what runs; where nothing runs, it need not be."""

from typing import Any, Final

import pytest

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    GateResult,
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
    PromotionRebased,
)
from rollbook.commands.evidence import RevokeEvidence
from rollbook_services.policy.expression import ENGINE
from tests.services.scenarios.rules import STAGING_SPEC, policy
from tests.services.scenarios.story import WHY, Story
from tests.support.scenario import DAVE, FRAUD, PIPELINE, STAGING, evaluation

COMPARED: Final[dict[str, Any]] = {
    "id": "no-regression",
    "kind": "evidence",
    "evidence": "eval",
    "when": "champion.exists",
    "expr": "metrics.auc >= champion.metrics.auc - 0.002",
    "on_missing": "fail",
}


@pytest.fixture
def measured(story: Story) -> Story:
    """1 has an auc of 0.930 and runs; 2 and 3 are registered."""
    story.rule(
        policy(
            {
                **STAGING_SPEC,
                "gates": [COMPARED],
                "queue": "fifo",
                "on_rebase": "revalidate",
            }
        )
    )
    story.model(versions=3)
    record(story, 1, 0.930)
    story.request(1, STAGING)
    return story


def record(story: Story, number: int, auc: float) -> None:
    """Let the pipeline say how good a version is."""
    story.let(evaluation(number, metrics={"auc": auc}), by=PIPELINE)


def word(story: Story) -> GateResult:
    return story.now.words()["no-regression"]


def test_the_first_version_has_nobody_to_be_compared_with(measured: Story) -> None:
    """Nothing runs: the gate does not apply, and says so rather than pass or fail."""
    said = word(measured)
    assert said.status is GateStatus.PASS
    assert said.detail == "does not apply: not champion.exists"
    assert measured.state(1) == "READY"


@pytest.mark.parametrize(
    ("auc", "status"),
    [
        (0.931, GateStatus.PASS),
        (0.929, GateStatus.PASS),  # a little worse is allowed
        (0.927, GateStatus.FAIL),
    ],
)
def test_the_next_one_is_held_against_what_runs(
    measured: Story, auc: float, status: GateStatus
) -> None:
    """0.930 runs, and 0.002 may be lost: both numbers stand in the snapshot."""
    # given
    measured.dispatch(1)
    measured.apply(STAGING)
    record(measured, 2, auc)
    # when
    measured.later(hours=1).request(2, STAGING)
    # then
    said = word(measured)
    assert said.status is status
    assert said.values["metrics.auc"] == f"{auc:g}"
    assert said.values["champion.metrics.auc"] == "0.93"
    assert len(said.inputs) == 2, "the record of each of them"


def test_no_number_is_no_pass(measured: Story) -> None:
    """2 was not evaluated; then the champion's own record is taken back."""
    # given
    measured.dispatch(1)
    measured.apply(STAGING)
    # when
    measured.request(2, STAGING)
    # then
    assert word(measured).status is GateStatus.FAIL
    # when
    record(measured, 2, 0.95)
    assert measured.state(2) == "READY"
    first = next(iter(measured.now.model.evidence))
    revoke = RevokeEvidence(model=FRAUD, evidence=first, reason=WHY)
    then = measured.let(revoke, by=DAVE)
    # then
    assert then.event(PromotionBlocked).gates == ("no-regression",)
    assert word(measured).status is GateStatus.FAIL


def test_better_news_of_the_champion_closes_the_gate_again(measured: Story) -> None:
    """2 was good enough at 10:00; at 10:05 what runs is measured again, and better."""
    measured.dispatch(1)
    measured.apply(STAGING)
    record(measured, 2, 0.931)
    measured.at("2026-11-24 10:00").request(2, STAGING)
    assert measured.state(2) == "READY"
    record(measured.at("2026-11-24 10:05"), 1, 0.940)
    assert measured.state(2) == "GATING"
    record(measured.at("2026-11-24 10:10"), 2, 0.939)
    assert measured.now.event(PromotionReadied).promotion == 2
    snapshot = measured.dispatch(2).event(PromotionDispatched)
    assert snapshot.engine.cel == ENGINE


def test_another_champion_is_another_comparison(measured: Story) -> None:
    """2 and 3 both beat 1; 3 goes first, and 2 has to be as good as 3 from then on."""
    # given
    measured.dispatch(1)
    measured.apply(STAGING)
    for number, auc in ((2, 0.935), (3, 0.950)):
        record(measured, number, auc)
        measured.request(number, STAGING)
    assert (measured.state(2), measured.state(3)) == ("READY", "READY")
    # when
    measured.dispatch(3).event(PromotionRebased)
    measured.later(minutes=1).apply(STAGING)
    # then
    assert measured.state(2) == "GATING"
    assert word(measured).status is GateStatus.FAIL
    assert word(measured).values["champion.metrics.auc"] == "0.95"
