"""The rules of what agents report."""

import pytest

from rollbook.catalogue.lane import SlotReleased, StableAdvanced
from rollbook.catalogue.promotion import (
    PromotionErrored,
    PromotionFailed,
    PromotionSucceeded,
)
from rollbook.catalogue.target import (
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.commands.target import ReportedState
from rollbook.names import StageName, TargetName
from rollbook.refusals import Reason as Why
from rollbook_services.policy.facts import LaneStatus
from rollbook_services.registrar.seeing import stage_of, status_of
from tests.support.scenario import (
    CONDUCTOR,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    agent,
    digest,
    fraud,
    promote,
    report,
)

APPLIED, ACKNOWLEDGED, UNAPPLIED = (
    ReportedState.APPLIED,
    ReportedState.ACKNOWLEDGED,
    ReportedState.UNAPPLIED,
)
AGENT = agent(STAGING)


def moving() -> Scenario:
    """Begin with version 1 on its way into staging."""
    return fraud(2).given(promote(1, STAGING), by=PIPELINE).dispatched(1)


def status(model: Scenario) -> LaneStatus:
    return status_of(model.lane(STAGING), stage_of(model.context.policy, STAGING))


def test_the_first_word_of_an_agent_moves_the_promotion_on() -> None:
    model = moving()
    model = model.when(report(model, STAGING, ACKNOWLEDGED), by=AGENT)
    model.then(TargetAcknowledged)
    assert model.state(1) == "PROGRESSING"


def test_a_promotion_succeeds_when_every_target_runs_it() -> None:
    model = moving()
    model = model.when(report(model, STAGING, APPLIED), by=AGENT)
    model.then(TargetApplied, PromotionSucceeded, SlotReleased, StableAdvanced)
    assert model.event(StableAdvanced).depth == 1
    assert status(model) is LaneStatus.SETTLED


@pytest.mark.parametrize(
    ("code", "target", "promotion", "state"),
    [
        ("digest_mismatch", TargetFailed, PromotionFailed, "FAILED"),
        ("load_failed", TargetFailed, PromotionFailed, "FAILED"),
        ("health_failed", TargetFailed, PromotionFailed, "FAILED"),
        ("unreachable", TargetErrored, PromotionErrored, "ERRORED"),
        ("no_capacity", TargetErrored, PromotionErrored, "ERRORED"),
        ("a_code_of_tomorrow", TargetErrored, PromotionErrored, "ERRORED"),
    ],
)
def test_the_registrar_decides_whose_fault_it_is(
    code: str, target: type, promotion: type, state: str
) -> None:
    model = moving()
    model = model.when(report(model, STAGING, UNAPPLIED, code=code), by=AGENT)
    model.then(target, promotion, SlotReleased)
    assert model.event(promotion).inputs == (model.history[-3].id,)
    assert model.state(1) == state


def test_a_failure_without_a_reason_is_no_report() -> None:
    model = moving()
    model.when(report(model, STAGING, UNAPPLIED), by=AGENT).then_refused(Why.INVALID)


def test_only_observed_digests_count() -> None:
    model = moving()
    for runs in ({"stable": digest(9)}, {"other": digest(1)}, {}):
        said = report(model, STAGING, APPLIED, observed=runs)
        model.when(said, by=AGENT).then_refused(Why.DIGEST_MISMATCH, expected=digest(1))


def test_a_report_with_an_older_token_is_refused() -> None:
    model = moving()
    said = report(model, STAGING, APPLIED)
    later = model.applied(STAGING).given(promote(2, STAGING), by=PIPELINE).dispatched(2)
    later.when(said, by=AGENT).then_refused(Why.STALE_TOKEN, token=2, revision=2)
    ahead = report(model, STAGING, APPLIED, token=9)
    model.when(ahead, by=AGENT).then_refused(Why.STALE_TOKEN, token=1)
    other = report(model, STAGING, APPLIED, promotion=9)
    model.when(other, by=AGENT).then_refused(Why.STALE_TOKEN)


def test_a_report_about_a_lane_that_wants_nothing_is_refused() -> None:
    model = fraud(1)
    said = report(model, STAGING, ACKNOWLEDGED)
    model.when(said, by=AGENT).then_refused(Why.STALE_TOKEN, token=0)


def test_a_report_of_an_earlier_revision_is_history() -> None:
    model = moving()
    model.when(report(model, STAGING, APPLIED, revision=0), by=AGENT).then()


def test_a_report_that_says_nothing_new_is_not_recorded() -> None:
    model = moving()
    said = report(model, STAGING, APPLIED, seq=5)
    model = model.given(said, by=AGENT)
    model.when(said, by=AGENT).then()
    model.when(report(model, STAGING, APPLIED, seq=6), by=AGENT).then()
    model.when(report(model, STAGING, ACKNOWLEDGED, seq=4), by=AGENT).then()
    model.when(report(model, STAGING, UNAPPLIED, seq=7, code="x"), by=AGENT).then(
        TargetErrored
    )


def test_a_late_report_updates_the_lane_only() -> None:
    model = moving().failed(STAGING)
    model = model.when(report(model, STAGING, APPLIED), by=AGENT).then(TargetApplied)
    assert model.state(1) == "FAILED"
    assert model.stack(STAGING) == []


def test_a_failed_version_is_not_proved_but_not_barred() -> None:
    model = fraud(2).in_staging(1)
    model = model.given(promote(2, STAGING), by=PIPELINE).dispatched(2).failed(STAGING)
    assert STAGING in model.model.versions[2].failed_in  # type: ignore[index]
    assert not model.model.versions[2].bars  # type: ignore[index]
    model.given(promote(2, STAGING), by=PIPELINE)


def test_an_agent_speaks_for_its_own_target_only() -> None:
    model = moving()
    said = report(model, STAGING, APPLIED)
    model.when(said, by=agent(PRODUCTION)).then_refused(
        Why.WRONG_TARGET, bound="production/default", reported="staging/default"
    )
    model.when(said, by=PIPELINE).then_refused(Why.FORBIDDEN, needed=["agent"])
    lost = report(model, STAGING, UNAPPLIED, code="unreachable")
    model.when(lost, by=CONDUCTOR).then(TargetErrored, PromotionErrored, SlotReleased)


def test_a_report_names_a_target_that_exists() -> None:
    model = moving()
    strange = report(model, STAGING, APPLIED, target=TargetName("eu-1"))
    model.when(strange, by=CONDUCTOR).then_refused(
        Why.UNKNOWN_TARGET, targets=["default"]
    )
    nowhere = report(model, StageName("canary"), APPLIED)
    model.when(nowhere, by=CONDUCTOR).then_refused(Why.UNKNOWN_STAGE)
