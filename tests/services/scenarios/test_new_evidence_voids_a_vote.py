"""People agree to what they saw; what is measured afterwards takes their word back."""

import pytest

from rollbook.catalogue.approval import ApprovalGranted, ApprovalRefused
from rollbook.catalogue.parts import GateStatus, Verdict
from rollbook.catalogue.promotion import (
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
)
from rollbook.commands.evidence import RevokeEvidence
from rollbook.names import EvidenceKind
from rollbook.refusals import Reason as Why
from tests.services.scenarios.rules import QUALITY, SIGN_OFF, production
from tests.services.scenarios.story import WHY, Story
from tests.support.governed import OWNER, RISK
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    approve,
    evaluation,
)


@pytest.fixture
def ready(story: Story) -> Story:
    """On Tuesday evening two people have agreed: promotion 2 is ready."""
    story.rule(production(gates=[QUALITY, SIGN_OFF]))
    story.model(versions=1)
    story.at("2026-11-24 16:00").let(evaluation(1), by=PIPELINE)
    story.live(1)
    story.request(1, PRODUCTION)
    story.at("2026-11-24 17:00").approve(2, OWNER)
    story.at("2026-11-24 18:00").approve(2, RISK).then(
        ApprovalGranted, PromotionReadied
    )
    return story


def test_a_second_evaluation_takes_both_votes_back(ready: Story) -> None:
    """At 18:30 another evaluation comes in, good or not: nobody has agreed to that."""
    # when
    then = ready.at("2026-11-24 18:30").let(
        evaluation(1, metrics={"auc": 0.97}), by=PIPELINE
    )
    # then
    assert then.event(PromotionBlocked).gates == ("sign-off",)
    word = then.words()["sign-off"]
    assert (word.status, word.inputs) == (GateStatus.WAIT, ())
    assert word.detail.startswith("0 of 2 slots filled")
    ready.dispatch(2).then_refused(Why.NOT_READY, gates=["sign-off"])


def test_both_look_again_and_it_goes(ready: Story) -> None:
    """On Wednesday both see the new numbers; the old votes are in no snapshot."""
    # given
    old = [each.id for each in ready.now.promotion(2).votes]
    ready.at("2026-11-24 18:30").let(evaluation(1), by=PIPELINE)
    # when
    ready.at("2026-11-25 09:00").approve(2, OWNER, RISK)
    snapshot = ready.dispatch(2).event(PromotionDispatched)
    # then
    counted = [each.approval for each in snapshot.voters]
    assert len(counted) == 2
    assert not set(counted) & set(old)


def test_a_vote_on_a_page_that_is_out_of_date_is_refused_and_noted(
    ready: Story,
) -> None:
    """The owner withdraws nothing, but votes on a page from before the evaluation."""
    # given
    page = ready.now
    ready.at("2026-11-24 18:30").let(evaluation(1), by=PIPELINE)
    # when
    late = ready.at("2026-11-24 18:31").ask(approve(2, page), by=OWNER)
    # then
    late.then_refused(Why.BINDING_CHANGED, changed=["evidence"])
    noted = ready.said(ApprovalRefused)[-1]
    assert (noted.promotion, noted.reason_code) == (2, "binding_changed")


def test_evidence_nobody_asks_for_takes_nothing_back(ready: Story) -> None:
    """A load test is nice to have; the policy of production does not name it."""
    other = evaluation(1, kind=EvidenceKind("load"))
    ready.at("2026-11-24 18:30").let(other, by=PIPELINE)
    assert ready.now.words() == {}
    assert ready.dispatch(2).event(PromotionDispatched).promotion == 2


def test_evidence_that_is_taken_back_takes_the_votes_with_it(ready: Story) -> None:
    """The data set was wrong: Dave revokes the evaluation, and the gate says so."""
    (record,) = ready.now.model.evidence
    revoke = RevokeEvidence(model=FRAUD, evidence=record, reason=WHY)
    then = ready.at("2026-11-25 08:00").let(revoke, by=DAVE)
    assert set(then.event(PromotionBlocked).gates) == {"quality", "sign-off"}
    assert then.words()["quality"].status is GateStatus.UNKNOWN


def test_bad_news_closes_the_gate_itself(ready: Story) -> None:
    """A worse evaluation is the one that counts, however good the earlier one was."""
    bad = evaluation(1, metrics={"auc": 0.71}, verdict=Verdict.PASS)
    then = ready.at("2026-11-24 18:30").let(bad, by=PIPELINE)
    assert then.words()["quality"].status is GateStatus.FAIL
    assert "0.71" in then.words()["quality"].detail
    again = ready.later(minutes=5).ask(approve(2, ready.now), by=OWNER)
    again.then_refused(Why.GATES_FIRST, gates=["quality"])
