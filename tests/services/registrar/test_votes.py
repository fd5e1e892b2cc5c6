"""Which votes stand, whose they are, and what makes them void?"""

from typing import Any

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalWithdrawn,
    ChangesRequested,
)
from rollbook.catalogue.promotion import PromotionRebound, PromotionRejected
from rollbook.commands.approval import RequestChanges, WithdrawVote
from rollbook.names import GateName, PromotionId, Reason
from rollbook.refusals import Reason as Why
from tests.support.governed import (
    BOTH,
    OWNER,
    RISK,
    SIGN_OFF,
    linked,
    production,
    under,
)
from tests.support.scenario import (
    FRAUD,
    PIPELINE,
    PRODUCTION,
    Scenario,
    approve,
    evaluation,
    fraud,
    promote,
    reject,
)

IT = PromotionId(2)
TWO_NOES: dict[str, Any] = {**SIGN_OFF, "reject": {"count": 2}}
TAKE_BACK = WithdrawVote(model=FRAUD, promotion=IT)


def asked(gate: dict[str, Any] = SIGN_OFF) -> Scenario:
    """Version 1 has succeeded in staging and is asked for in production."""
    model = under(fraud(2), production(gates=[gate])).in_staging(1)
    return model.given(promote(1, PRODUCTION), by=PIPELINE)


def changes(seen: Scenario) -> RequestChanges:
    return RequestChanges(
        model=FRAUD, promotion=IT, binding=seen.binding(2), comment=Reason("more data")
    )


def test_a_no_to_something_else_counts_no_more_than_a_yes() -> None:
    model = asked(TWO_NOES)
    model = model.given(reject(2, model), by=OWNER)
    model = model.given(evaluation(1), by=PIPELINE)
    model = model.given(reject(2, model), by=RISK)
    assert model.state(2) == "GATING"
    again = model.given(reject(2, model), by=OWNER)
    assert len(again.event(PromotionRejected).inputs) == 2


def test_two_noes_of_one_person_are_one() -> None:
    model = linked(asked(TWO_NOES), OWNER, RISK)
    model = model.given(reject(2, model), by=OWNER)
    model.when(reject(2, model), by=RISK).then_refused(Why.ALREADY_VOTED)


def test_a_person_takes_a_vote_back_under_any_of_their_names() -> None:
    model = asked()
    model = linked(model.given(approve(2, model), by=OWNER), OWNER, RISK)
    model.when(approve(2, model), by=RISK).then_refused(Why.ALREADY_VOTED)
    model = model.given(TAKE_BACK, by=RISK)
    assert model.promotion(2).votes == ()
    model.when(TAKE_BACK, by=BOTH).then_refused(Why.NOT_VOTED)


def test_who_asks_for_changes_does_not_approve_any_more() -> None:
    model = asked()
    model = model.given(approve(2, model), by=OWNER).given(changes(model), by=OWNER)
    assert model.promotion(2).votes == ()


def test_who_asks_for_changes_does_not_approve_under_another_name_either() -> None:
    model = asked()
    model = linked(model.given(approve(2, model), by=OWNER), OWNER, RISK)
    model = model.given(changes(model), by=RISK).then(
        ApprovalWithdrawn, ChangesRequested
    )
    assert model.promotion(2).votes == ()


def test_a_yes_to_the_rules_that_hold_now_is_not_told_to_be_void() -> None:
    """Nobody had looked since the policy changed: the first to do so is a voter."""
    model = asked()
    before = model.given(approve(2, model), by=OWNER)
    model = under(before, production(gates=[SIGN_OFF], expires_after="3d"))
    model = model.given(approve(2, model), by=RISK)
    voided = model.event(PromotionRebound).voided
    assert voided == (before.id_of(ApprovalGranted),)
    assert model.words()["sign-off"].detail.startswith("1 of 2")


def test_where_several_gates_ask_the_vote_names_one() -> None:
    owners = {"id": "owners", "kind": "approvals", "slots": [{"role": "model-owner"}]}
    model = under(fraud(1), production(gates=[SIGN_OFF, owners])).in_staging(1)
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    said = model.when(approve(2, model), by=OWNER).then_refused(Why.INVALID).outcome
    assert "sign-off, owners" in getattr(said, "message", "")
    model.given(approve(2, model, gate=GateName("owners")), by=OWNER)
