"""The rules of votes: whose counts, for what, and what makes it void."""

from dataclasses import replace

from rollbook.catalogue.approval import (
    ApprovalGranted,
    ApprovalRejected,
    ApprovalWithdrawn,
)
from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    PromotionBlocked,
    PromotionDispatched,
    PromotionReadied,
    PromotionRejected,
)
from rollbook.commands.approval import WithdrawVote
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.lane import PlaceHold
from rollbook.envelope import Actor
from rollbook.names import GateName, PromotionId, Reason
from rollbook.refusals import Reason as Why
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    EVERYBODY,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    START,
    Scenario,
    approve,
    evaluation,
    fraud,
    person,
    promote,
    register,
    reject,
    tokens_of,
)


def withdraw(number: int) -> WithdrawVote:
    return WithdrawVote(model=FRAUD, promotion=PromotionId(number))


def asked(by: Actor = PIPELINE) -> Scenario:
    """Begin with promotion 2 of version 1, which waits only for a reviewer."""
    return fraud(1).in_staging(1).given(promote(1, PRODUCTION), by=by)


def test_a_reviewer_s_yes_opens_the_gate_in_the_same_decision() -> None:
    model = asked()
    vote = approve(2, model)
    model = model.when(vote, by=BOB).then(ApprovalGranted, PromotionReadied)
    granted = model.event(ApprovalGranted)
    assert granted.roles == ("reviewer",)
    assert granted.bound_to.incumbent is None
    assert model.words()["sign-off"].inputs == (model.id_of(ApprovalGranted),)


def test_the_dispatch_names_the_voters() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOB)
    approval = model.id_of(ApprovalGranted)
    (voter,) = model.dispatched(2).event(PromotionDispatched).voters
    assert (voter.approval, voter.who, voter.gate) == (approval, BOB.id, "sign-off")


def test_nobody_approves_what_they_asked_for_or_made() -> None:
    own = asked(by=ALICE)
    own.when(approve(2, own), by=ALICE).then_refused(
        Why.SELF_APPROVAL, relation="requester"
    )
    made = fraud().given(register(1), by=ALICE).in_staging(1)
    made = made.given(promote(1, PRODUCTION), by=PIPELINE)
    for vote in (approve(2, made), reject(2, made)):
        made.when(vote, by=ALICE).then_refused(Why.SELF_APPROVAL, relation="producer")


def test_only_people_vote() -> None:
    model = asked()
    robot = replace(PIPELINE, id="svc:robot", roles=("reviewer",))  # type: ignore[arg-type]
    model.when(approve(2, model), by=robot).then_refused(Why.NOT_A_PERSON)
    model.when(approve(2, model), by=CONDUCTOR).then_refused(Why.NOT_A_PERSON)


def test_a_vote_takes_a_role_that_is_asked_for() -> None:
    model = asked()
    model.when(approve(2, model), by=DAVE).then_refused(
        Why.NO_SLOT, open_roles=["reviewer"]
    )
    other = approve(2, model, gate=GateName("legal"))
    model.when(other, by=BOB).then_refused(Why.NO_SLOT, open_roles=[])


def test_a_stage_that_asks_nobody_takes_no_votes() -> None:
    model = fraud(1).given(promote(1, STAGING), by=PIPELINE)
    model.when(approve(1, model), by=BOB).then_refused(Why.NO_SLOT)


def test_one_person_votes_once() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOB)
    first = model.id_of(ApprovalGranted)
    for again in (approve(2, model), reject(2, model)):
        model.when(again, by=BOB).then_refused(Why.ALREADY_VOTED, approval=first)
    model.when(approve(2, model), by=CAROL).then(ApprovalGranted)


def test_people_are_asked_once_the_facts_are_in() -> None:
    model = fraud(1).given(promote(1, PRODUCTION), by=PIPELINE)
    model.when(approve(1, model), by=BOB).then_refused(
        Why.GATES_FIRST, gates=["predecessor"]
    )
    model.when(reject(1, model), by=BOB).then(ApprovalRejected, PromotionRejected)


def test_a_vote_is_about_what_was_shown() -> None:
    seen = asked()
    model = seen.given(evaluation(1), by=PIPELINE)
    late = model.when(approve(2, seen), by=BOB)
    late.then_refused(
        Why.BINDING_CHANGED,
        changed=["evidence"],
        seen=seen.binding(2),
        actual=model.binding(2),
    )
    model.when(reject(2, seen), by=BOB).then_refused(Why.BINDING_CHANGED)


def test_new_evidence_makes_a_vote_void() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOB)
    model = model.when(evaluation(1), by=PIPELINE)
    model.then(EvidenceRecorded, PromotionBlocked)
    assert model.event(PromotionBlocked).gates == ("sign-off",)
    again = model.when(approve(2, model), by=BOB)
    again.then(ApprovalGranted, PromotionReadied)


def test_revoked_evidence_makes_a_vote_void() -> None:
    model = fraud(1).in_staging(1).given(evaluation(1), by=PIPELINE)
    evidence = model.last_id()
    model = model.given(promote(1, PRODUCTION), by=PIPELINE)
    model = model.given(approve(2, model), by=BOB)
    assert model.state(2) == "READY"
    revoke = RevokeEvidence(model=FRAUD, evidence=evidence, reason=Reason("wrong"))
    assert model.given(revoke, by=PIPELINE).state(2) == "GATING"


def test_a_no_ends_the_promotion_with_its_reason() -> None:
    model = asked()
    model = model.when(reject(2, model), by=BOB)
    model.then(ApprovalRejected, PromotionRejected)
    ended = model.event(PromotionRejected)
    assert ended.inputs == (model.id_of(ApprovalRejected),)
    model.when(approve(2, asked()), by=CAROL).then_refused(
        Why.NOT_OPEN, state="REJECTED"
    )


def test_a_vote_taken_back_closes_the_gate_again() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOB)
    model.when(withdraw(2), by=CAROL).then_refused(Why.NOT_VOTED)
    model = model.when(withdraw(2), by=BOB).then(ApprovalWithdrawn, PromotionBlocked)
    model.when(withdraw(2), by=BOB).then_refused(Why.NOT_VOTED)
    model.when(approve(2, model), by=BOB).then(ApprovalGranted, PromotionReadied)


def test_what_is_dispatched_takes_no_votes() -> None:
    model = asked()
    seen = model
    model = model.given(approve(2, model), by=BOB).dispatched(2)
    for vote in (approve(2, seen), reject(2, seen), withdraw(2)):
        model.when(vote, by=CAROL).then_refused(Why.NOT_OPEN, state="DISPATCHED")


def test_a_voter_who_lost_the_role_counts_no_more() -> None:
    model = asked()
    model = model.given(approve(2, model), by=BOB)
    without = [each for each in EVERYBODY if each is not BOB]
    access = tokens_of(without, until=START.replace(year=2027))
    lost = replace(model, context=replace(model.context, access=access)).dispatched(2)
    lost.then(PromotionBlocked)
    assert lost.words()["sign-off"].status is GateStatus.WAIT


def test_a_stranger_s_vote_needs_a_role_now() -> None:
    model = asked()
    eve = person("e", "publisher")
    model.when(approve(2, model), by=eve).then_refused(Why.NO_SLOT)


def test_an_automatic_promotion_in_a_held_lane_is_not_approved() -> None:
    model = asked(by=CONDUCTOR)
    hold = PlaceHold(model=FRAUD, stage=PRODUCTION, reason=Reason("incident"))
    model = model.given(hold, by=DAVE)
    model.when(approve(2, model), by=BOB).then_refused(
        Why.LANE_HELD, reason="incident", by=DAVE.id
    )
    model.when(reject(2, model), by=BOB).then(ApprovalRejected, PromotionRejected)
