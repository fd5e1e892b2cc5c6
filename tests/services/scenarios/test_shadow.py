"""A version runs three days in the shadow of what is live, and blocks nothing."""

from datetime import timedelta
from typing import Any, Final

import pytest

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.experiment import ExperimentInvalidated, ExperimentStarted
from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.catalogue.promotion import PromotionDispatched, PromotionReadied
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.promotion import RecordAnalysis
from rollbook.names import EvidenceKind, PromotionId, StageName
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import policy
from tests.services.scenarios.story import WHY, Story
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    evaluation,
    promote,
    roll_back,
)

SHADOW, PROD = StageName("shadow"), StageName("prod")
STABLE_INPUT: Final[dict[str, Any]] = {
    "id": "drift",
    "kind": "evidence",
    "evidence": "shadow",
    "when": "champion.exists",
    "expr": "metrics.psi < 0.2 && metrics.auc >= metrics.champion_auc - 0.01",
    "on_missing": "wait",
}
COPIES: Final = {"sample": "10%", "min_samples": 50_000, "duration": "72h"}
RULES: Final = policy(
    {"name": "shadow", "beside": "prod", "strategy": {"shadow": COPIES}},
    {
        "name": "prod",
        "targets": ["default"],
        "after": {"stages": ["shadow"]},
        "gates": [STABLE_INPUT],
    },
)


@pytest.fixture
def story(story: Story) -> Story:
    """1 is live in prod since Tuesday, 24 November, 09:00; 4 versions are known."""
    story.rule(RULES)
    story.model(versions=4, side_effect_free=True)
    story.live(1, PROD)
    return story


def shadowed(story: Story, number: int) -> int:
    """Let a version begin to run in the shadow of prod, now; return the promotion."""
    asked = story.request(number, SHADOW)
    story.dispatch(asked).event(PromotionDispatched)
    story.apply(SHADOW)
    return asked


def measured(
    story: Story, asked: int, psi: float, auc: float = 0.93, samples: int = 60_000
) -> None:
    """Let the pipeline record what it saw in the last hour."""
    sides = {"candidate": {"psi": psi, "auc": auc}, "champion": {"auc": 0.92}}
    story.let(
        RecordAnalysis(
            model=FRAUD,
            promotion=PromotionId(asked),
            metrics=sides,
            samples=samples,
            from_at=story.time - timedelta(hours=1),
            until_at=story.time,
        ),
        by=PIPELINE,
    )


def through(story: Story, number: int) -> int:
    """Let a version pass its three days and go live."""
    asked = shadowed(story, number)
    measured(story.later(hours=71), asked, 0.1)
    story.later(hours=1).wake(asked)
    return story.live(number, PROD)


def test_the_first_version_has_nobody_in_whose_shadow_to_run(story: Story) -> None:
    """Nothing was live: 1 went straight to prod, and the snapshot says why."""
    snapshot = story.said(PromotionDispatched)[0]
    said = {str(each.gate): each.detail for each in snapshot.gates}
    assert said["predecessor"].startswith("shadow counts as passed")
    assert said["drift"] == "does not apply: not champion.exists"


def test_three_days_later_its_evidence_opens_prod(story: Story) -> None:
    """Wednesday 10:00 to Saturday 10:00; prod was asked for on Wednesday already."""
    asked = shadowed(story.at("2026-11-25 10:00"), 2)
    waits = story.request(2, PROD)
    assert story.now.words()["predecessor"].status is GateStatus.WAIT
    measured(story.at("2026-11-28 09:00"), asked, 0.1)
    story.at("2026-11-28 09:59").wake(asked)
    assert (story.state(asked), story.state(waits)) == ("VERIFYING", "GATING")
    # when
    then = story.at("2026-11-28 10:00").wake(asked)
    # then
    assert story.state(asked) == "SUCCEEDED"
    evidence = then.event(EvidenceRecorded)
    assert (evidence.kind, evidence.verdict) == ("shadow", Verdict.PASS)
    assert evidence.metrics["champion_auc"] == 0.92
    assert then.event(PromotionReadied).promotion == waits
    story.dispatch(waits)
    story.apply(PROD)
    assert story.serves(PROD) == 2


@pytest.mark.parametrize(
    ("psi", "samples", "status"),
    [(0.3, 60_000, GateStatus.FAIL), (0.1, 49_999, GateStatus.UNKNOWN)],
)
def test_what_it_showed_may_keep_it_out(
    story: Story, psi: float, samples: int, status: GateStatus
) -> None:
    """It drifted, or too little was seen: either way it ran to its end."""
    asked = shadowed(story, 2)
    measured(story.later(hours=71), asked, psi, samples=samples)
    story.later(hours=1).wake(asked)
    assert story.state(asked) == "SUCCEEDED"
    waits = story.request(2, PROD)
    words = story.now.words()
    assert words["predecessor"].status is GateStatus.PASS
    assert words["drift"].status is status
    assert story.state(waits) == "GATING"


def test_a_hotfix_goes_to_prod_while_the_shadow_runs(story: Story) -> None:
    """Tuesday to Friday 3 runs in the shadow of 2; Thursday 02:00 prod goes back to 1.

    Nobody waits for the shadow. Once 1 has proved itself there, 3 was compared with
    what is not live any more: it ends, and three more days with 1 begin.
    """
    # given
    through(story, 2)
    first = shadowed(story, 3)
    assert story.said(ExperimentStarted)[-1].champion == 2
    # when
    then = story.later(hours=40).let(roll_back(PROD), by=DAVE)
    # then
    assert then.event(PromotionDispatched).version == 1
    assert story.state(first) == "VERIFYING"
    story.later(minutes=1).apply(PROD)
    assert story.serves(PROD) == 1
    assert story.now.event(ExperimentInvalidated).cause == "champion_changed"
    assert story.state(first) == "ABORTED"
    assert "ask for it anew" in story.why(first)
    # when
    again = shadowed(story, 3)
    # then
    begun = story.said(ExperimentStarted)[-1]
    assert (begun.promotion, begun.champion) == (again, 1)
    assert begun.ends_at == story.time + timedelta(hours=72)


def test_prod_moves_on_while_a_shadow_waits_for_it(story: Story) -> None:
    """2 goes live while 3 is asked for: nothing begins before it is known who stays."""
    asked = shadowed(story, 2)
    measured(story.later(hours=71), asked, 0.1)
    story.later(hours=1).wake(asked)
    moving = story.request(2, PROD)
    story.dispatch(moving)
    waits = story.request(3, SHADOW)
    assert f"promotion {moving} changes prod now" in story.why(waits)
    story.later(minutes=1).apply(PROD)
    assert story.state(waits) == "READY"
    story.dispatch(waits)
    assert story.said(ExperimentStarted)[-1].champion == 2


def test_where_it_stands_is_told_in_a_sentence(story: Story) -> None:
    asked = shadowed(story, 2)
    measured(story.later(hours=2), asked, 0.1, samples=700)
    said = story.why(asked)
    assert "Runs beside prod until" in said
    assert "copies of 10 % of its requests, compared with version 1" in said
    assert "700 of 50000 samples" in said


def test_a_model_that_does_things_to_others_has_no_shadow(story: Story) -> None:
    """Dave sees it when he asks, with what to do; nothing was written."""
    other = Story()
    other.rule(RULES)
    other.model(versions=2)
    other.live(1, PROD)
    refused = other.ask(promote(2, SHADOW), by=DAVE)
    refused.then_refused(Why.INVALID)


def test_late_labels_take_nothing_back_and_are_told(story: Story) -> None:
    """2 is live since Friday. On Monday the labels arrive, and its psi was 0.4."""
    live = through(story, 2)
    assert story.why(live) == "It succeeded: prod runs it."
    late = evaluation(
        2,
        kind=EvidenceKind("shadow"),
        metrics={"psi": 0.4, "auc": 0.93, "champion_auc": 0.92},
        produced_at=story.time,
    )
    story.later(hours=70).let(late, by=PIPELINE)
    assert story.serves(PROD) == 2
    assert story.state(live) == "SUCCEEDED"
    said = story.why(live)
    assert said.startswith("It succeeded: prod runs it. Its gates would not let it in")
    assert "drift" in said


def test_so_is_evidence_that_was_taken_back(story: Story) -> None:
    """The shadow's record is revoked once 2 is live: somebody should know."""
    live = through(story, 2)
    record = story.said_by(EvidenceRecorded)
    revoke = RevokeEvidence(model=FRAUD, evidence=record.id, reason=WHY)
    story.let(revoke, by=DAVE)
    assert story.serves(PROD) == 2
    assert "drift" in story.why(live)
