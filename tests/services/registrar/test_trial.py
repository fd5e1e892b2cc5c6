"""A policy is tried on what really happened, and told apart from what nobody knows."""

from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest

from rollbook.catalogue.policy import TrialSummary
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.promotion import EvaluatePromotion, ExpirePromotion
from rollbook.envelope import Actor
from rollbook.names import EvidenceKind, PromotionId
from rollbook_services.policy.document import BUILT_IN, Policy
from rollbook_services.registrar.hindsight.trial import trial
from rollbook_services.registrar.hindsight.verdict import (
    Decided,
    Outcome,
    Trial,
    Verdict,
)
from tests.services.registrar.ledgers import WHY, Book, registered
from tests.support.governed import (
    BOTH,
    OWNER,
    RISK,
    SIGN_OFF,
    policy,
    production,
)
from tests.support.governed import PRODUCTION as SPEC
from tests.support.governed import STAGING as STAGING_SPEC
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    Scenario,
    approve,
    evaluation,
    promote,
    reject,
    roll_back,
)

HOUR: Final = timedelta(hours=1)
REVIEWED: Final = {
    "id": "sign-off",
    "kind": "approvals",
    "slots": [{"role": "reviewer"}],
}
FREE: Final = production()
TWO_ROLES: Final = production(gates=[SIGN_OFF])
ROLES: Final = ("risk-officer", "model-owner")


def soak(lasts: str) -> dict[str, Any]:
    return {"id": "soak", "kind": "soak", "in": "staging", "for": lasts}


def evidence(kind: str, **settings: Any) -> dict[str, Any]:
    gate = {"id": kind, "kind": "evidence", "evidence": kind, "on_missing": "wait"}
    return {**gate, **settings}


def begun(rules: Policy = BUILT_IN) -> Book:
    """Version 1 succeeded in staging, and waits in production: promotion 2."""
    book = Book()
    if rules is not BUILT_IN:
        book.rule(rules)
    book.tell(registered(2))
    book.tell(lambda model: model.in_staging(1))
    book.tell(lambda model: model.given(promote(1, PRODUCTION), by=PIPELINE))
    return book


def live() -> Book:
    """Version 1 was approved and runs in production."""
    book = begun()
    book.tell(lambda model: model.given(approve(2, model), by=BOB, after=HOUR))
    book.tell(lambda model: model.dispatched(2))
    return book


def expired(book: Book) -> Book:
    """Nobody approved in time."""
    command = ExpirePromotion(model=FRAUD, promotion=PromotionId(2))
    late = timedelta(days=8)
    book.tell(lambda model: model.given(command, by=CONDUCTOR, after=late))
    return book


def by_vote(model: Scenario, *, by: Actor) -> Scenario:
    """Let somebody approve promotion 2."""
    return model.given(approve(2, model), by=by)


def evaluated(model: Scenario) -> Scenario:
    """Let the conductor ask for promotion 2."""
    command = EvaluatePromotion(model=FRAUD, promotion=PromotionId(2))
    return model.given(command, by=CONDUCTOR)


def approved(*actors: Actor, rules: Policy = TWO_ROLES) -> Book:
    """Promotion 2 was dispatched, an hour after people approved it."""
    book = begun(rules)
    for actor in actors:
        book.tell(partial(by_vote, by=actor))
    book.tell(lambda model: model.given(evaluation(2), by=PIPELINE, after=HOUR))
    book.tell(lambda model: model.dispatched(2))
    return book


def of(tried: Trial, promotion: int = 2) -> Verdict:
    """Return the verdict on one promotion."""
    (found,) = (each for each in tried.verdicts if each.promotion == promotion)
    return found


def test_a_gate_that_would_have_been_closed_is_named() -> None:
    book = live()
    found = of(trial(production(gates=[REVIEWED, soak("24h")]), book.envelopes))
    assert (found.decided, found.outcome) == (Decided.DISPATCHED, Outcome.BLOCKED)
    assert found.gates == ("soak",)
    assert "of 24 h in staging" in found.why
    assert found.sequence == book.find("promotion.dispatched", 2).sequence
    assert of(trial(production(gates=[soak("1h")]), book.envelopes)).outcome == "same"


def test_a_gate_that_does_not_block_changes_nothing() -> None:
    rules = production(gates=[REVIEWED, {**soak("24h"), "mode": "warn"}])
    assert of(trial(rules, live().envelopes)).outcome is Outcome.SAME


def test_what_expired_would_have_passed_at_once_without_the_gate() -> None:
    book = expired(begun())
    found = of(trial(FREE, book.envelopes))
    assert (found.decided, found.outcome) == (Decided.EXPIRED, Outcome.PASSED)
    assert found.earliest == book.find("promotion.requested", 2).at
    assert of(trial(production(gates=[REVIEWED]), book.envelopes)).outcome == "same"


def test_time_alone_would_have_let_it_pass_at_the_very_instant() -> None:
    book = expired(begun())
    found = of(trial(production(gates=[soak("30h")]), book.envelopes))
    assert found.outcome is Outcome.PASSED
    assert found.earliest == book.find("promotion.succeeded", 1).at + timedelta(
        hours=30
    )
    late = of(trial(production(gates=[soak("200h")]), book.envelopes))
    assert (late.outcome, late.gates) == (Outcome.SAME, ("soak",))


def test_a_freeze_counts_as_long_as_it_lasted() -> None:
    book = begun()
    freeze = book.freeze()
    book.tell(evaluated)
    book.tell(lambda model: model.given(evaluation(2), by=PIPELINE, after=40 * HOUR))
    book.lift(freeze)
    found = of(trial(production(gates=[soak("30h")]), expired(book).envelopes))
    assert found.earliest == book.find("freeze.lifted").at


def test_the_last_moment_counts_too() -> None:
    book = begun(production(gates=[SIGN_OFF]))
    book.tell(partial(by_vote, by=OWNER))
    for token in book.tokens_of(OWNER):
        book.revoke(token)
    book.tell(lambda model: model.given(evaluation(2), by=PIPELINE, after=40 * HOUR))
    book.issue(OWNER)
    owner = {**SIGN_OFF, "slots": [{"role": "model-owner"}]}
    found = of(trial(production(gates=[soak("30h"), owner]), expired(book).envelopes))
    assert found.outcome is Outcome.PASSED
    assert found.earliest == book.find("promotion.expired").at


def test_a_decision_is_judged_by_what_it_had_seen() -> None:
    book = begun()
    book.tell(partial(by_vote, by=BOB))
    seen = book.context()
    for token in book.tokens_of(BOB):
        book.revoke(token)
    book.tell(lambda model: model.dispatched(2), seen=seen)
    assert of(trial(BUILT_IN, book.envelopes)).outcome is Outcome.SAME


def test_what_a_reviewer_ended_would_have_passed_before_the_no() -> None:
    book = begun()
    book.tell(lambda model: model.given(reject(2, model), by=BOB, after=50 * HOUR))
    assert of(trial(BUILT_IN, book.envelopes)).outcome is Outcome.SAME
    found = of(trial(production(gates=[soak("30h")]), book.envelopes))
    assert (found.decided, found.outcome) == (Decided.REJECTED, Outcome.PASSED)


def test_what_was_ready_and_ended_all_the_same_is_no_difference() -> None:
    book = begun()
    book.tell(lambda model: model.given(approve(2, model), by=BOB))
    found = of(trial(production(gates=[REVIEWED]), expired(book).envelopes))
    assert (found.decided, found.outcome) == (Decided.EXPIRED, Outcome.SAME)


def test_evidence_that_nobody_had_recorded_then_is_not_answerable() -> None:
    book = live()
    rules = production(gates=[REVIEWED, evidence("load")])
    load = evaluation(1, kind=EvidenceKind("load"))
    book.tell(lambda model: model.given(load, by=PIPELINE))
    found = of(trial(rules, book.envelopes))
    assert (found.outcome, found.gates) == (Outcome.NOT_ANSWERABLE, ("load",))
    too = production(gates=[evidence("load"), soak("24h")])
    both = of(trial(too, book.envelopes))
    assert (both.outcome, both.gates) == (Outcome.BLOCKED, ("soak",))
    ended = of(trial(rules, expired(begun()).envelopes))
    assert (ended.outcome, ended.gates) == (Outcome.SAME, ("sign-off",))
    rules = production(gates=[evidence("load")])
    assert of(trial(rules, expired(begun()).envelopes)).outcome == "not_answerable"


def test_an_attestation_that_nobody_had_recorded_is_not_answerable() -> None:
    gate = {"id": "slsa", "kind": "attestation", "issuers": ["ci"]}
    rules = production(gates=[{**gate, "predicate": "https://slsa.dev/provenance/v1"}])
    found = of(trial(rules, live().envelopes))
    assert (found.outcome, found.gates) == (Outcome.NOT_ANSWERABLE, ("slsa",))


def test_evidence_that_was_there_and_revoked_is_answerable() -> None:
    book = begun()
    book.tell(lambda model: model.given(evaluation(1), by=PIPELINE))
    record = book.envelopes[-1].id
    revoked = RevokeEvidence(model=FRAUD, evidence=record, reason=WHY)
    book.tell(lambda model: model.given(revoked, by=PIPELINE))
    book.tell(lambda model: model.given(approve(2, model), by=BOB).dispatched(2))
    found = of(trial(production(gates=[evidence("eval")]), book.envelopes))
    assert (found.outcome, found.gates) == (Outcome.BLOCKED, ("eval",))
    other = production(gates=[evidence("eval", dataset="holdout")])
    assert of(trial(other, book.envelopes)).outcome is Outcome.NOT_ANSWERABLE


def test_a_stage_that_the_policy_lacks_is_not_answerable() -> None:
    tried = trial(policy(STAGING_SPEC), live().envelopes)
    assert of(tried, 1).outcome is Outcome.SAME
    found = of(tried)
    assert (found.outcome, found.gates) == (Outcome.NOT_ANSWERABLE, ())
    assert found.why == "policy tested has no stage production"


@pytest.mark.parametrize(
    ("gates", "outcome"),
    [
        ([{**SIGN_OFF, "valid_for": "72h"}], Outcome.SAME),
        ([{**SIGN_OFF, "valid_for": "30m"}], Outcome.BLOCKED),
        ([{**SIGN_OFF, "id": "renamed"}], Outcome.SAME),
        (
            [
                {**SIGN_OFF, "id": "own", "slots": [{"role": "model-owner"}]},
                {**SIGN_OFF, "id": "risk", "slots": [{"role": "risk-officer"}]},
            ],
            Outcome.SAME,
        ),
        (
            [{**SIGN_OFF, "slots": [{"role": "model-owner", "count": 2}]}],
            Outcome.BLOCKED,
        ),
        ([REVIEWED], Outcome.BLOCKED),
    ],
)
def test_votes_count_by_person_and_role(
    gates: list[dict[str, Any]], outcome: Outcome
) -> None:
    book = approved(OWNER, RISK)
    assert of(trial(production(gates=gates), book.envelopes)).outcome is outcome


def test_a_voter_counts_in_every_role_that_was_held() -> None:
    asked, tried = ({**SIGN_OFF, "slots": [{"role": each}]} for each in ROLES)
    book = approved(BOTH, rules=production(gates=[asked]))
    assert of(trial(production(gates=[tried]), book.envelopes)).outcome == "same"


def test_a_vote_counts_where_it_has_not_run_out() -> None:
    owner = {**SIGN_OFF, "slots": [{"role": "model-owner"}]}
    book = approved(OWNER, rules=production(gates=[owner]))
    short, long = ({**owner, "id": each, "valid_for": each} for each in ("30m", "72h"))
    found = of(trial(production(gates=[short, long]), book.envelopes))
    assert (found.outcome, found.gates) == (Outcome.BLOCKED, ("30m",))


def test_duties_are_separated_as_the_policy_says() -> None:
    loose = production(gates=[REVIEWED], separation_of_duties={"requester": False})
    book = Book()
    book.rule(loose)
    book.tell(registered(1))
    book.tell(lambda model: model.in_staging(1))
    book.tell(lambda model: model.given(promote(1, PRODUCTION), by=ALICE))
    book.tell(lambda model: by_vote(model, by=ALICE).dispatched(2))
    assert of(trial(loose, book.envelopes)).outcome is Outcome.SAME
    found = of(trial(production(gates=[REVIEWED]), book.envelopes))
    assert (found.outcome, found.gates) == (Outcome.BLOCKED, ("sign-off",))


def test_a_no_counts_as_the_policy_says() -> None:
    two = {**REVIEWED, "reject": {"count": 2}}
    book = begun(production(gates=[two]))
    book.tell(lambda model: model.given(reject(2, model), by=CAROL))
    book.tell(lambda model: by_vote(model, by=BOB).dispatched(2))
    assert of(trial(production(gates=[two]), book.envelopes)).outcome == "same"
    for gate in (REVIEWED, {**REVIEWED, "id": "renamed"}):
        found = of(trial(production(gates=[gate]), book.envelopes))
        assert (found.outcome, found.gates) == (Outcome.BLOCKED, (gate["id"],))
        assert "turned down by prn:c" in found.why
    owner = {**SIGN_OFF, "slots": [{"role": "model-owner"}], "mode": "observe"}
    assert of(trial(production(gates=[owner]), book.envelopes)).outcome == "same"


def test_a_vote_that_new_evidence_voided_does_not_count() -> None:
    rules = production(gates=[evidence("eval"), REVIEWED])
    book = Book()
    book.rule(rules)
    book.tell(registered(1))
    book.tell(lambda model: model.given(evaluation(1), by=PIPELINE).in_staging(1))
    book.tell(lambda model: model.given(promote(1, PRODUCTION), by=PIPELINE))
    book.freeze()
    book.tell(lambda model: model.given(approve(2, model), by=BOB))
    book.tell(lambda model: model.given(evaluation(1), by=PIPELINE, after=HOUR))
    found = of(trial(production(gates=[REVIEWED]), expired(book).envelopes))
    assert (found.outcome, found.gates) == (Outcome.SAME, ("sign-off", "freeze"))


def test_a_target_that_nobody_had_then_keeps_nothing_back() -> None:
    book = live()
    book.tell(lambda model: model.applied(PRODUCTION).in_staging(2))
    book.tell(lambda model: model.in_production(2))
    more = {**SPEC, "targets": ["default", "second"], "gates": [REVIEWED]}
    tried = trial(policy(STAGING_SPEC, more), book.envelopes)
    assert of(tried, 4).outcome is Outcome.SAME


def test_a_rollback_asks_for_what_the_policy_says() -> None:
    book = live()
    book.tell(lambda model: model.applied(PRODUCTION).in_production(2))
    book.tell(lambda model: model.given(roll_back(PRODUCTION), by=DAVE))
    strict = [REVIEWED, soak("24h")]
    tried = trial(production(gates=strict), book.envelopes)
    assert of(tried, 5).outcome is Outcome.SAME
    asked = production(gates=strict, rollback={"gates": ["soak"]})
    assert of(trial(asked, book.envelopes), 5).gates == ("soak",)


def test_only_what_is_asked_for_is_told() -> None:
    book = live()
    first, second = trial(FREE, book.envelopes).verdicts
    assert trial(FREE, book.envelopes, since=second.at).verdicts == (second,)
    assert trial(FREE, book.envelopes, since=second.sequence).verdicts == (second,)
    early = trial(FREE, book.envelopes, until=second.sequence - 1)
    assert early.verdicts == (first,)
    assert early.until_sequence < second.sequence
    until = trial(FREE, book.envelopes, until=first.at)
    assert until.verdicts == (first,)
    assert trial(FREE, book.envelopes, models=["acme/credit-*"]).verdicts == ()
    assert len(trial(FREE, book.envelopes, models=["acme/*"]).verdicts) == 2
    other = policy(applies_to={"models": ["acme/credit"]})
    assert trial(other, book.envelopes).verdicts == ()


def test_a_model_that_another_policy_names_is_left_to_that_one() -> None:
    book = live()
    book.rule(policy(name="own", applies_to={"models": [FRAUD]}))
    assert trial(FREE, book.envelopes).verdicts == ()
    named = policy(applies_to={"models": [FRAUD]})
    assert len(trial(named, book.envelopes).verdicts) == 2


def test_a_trial_is_summed_up_for_those_who_are_asked_to_agree() -> None:
    book = expired(begun())
    rules = policy({**STAGING_SPEC, "gates": [evidence("load")]}, SPEC)
    assert trial(rules, book.envelopes).summary == TrialSummary(
        until_sequence=book.envelopes[-1].sequence,
        same=0,
        would_have_been_blocked=0,
        would_have_passed=1,
        not_answerable=1,
    )
