"""The rules about rules: who wants them, who agrees, and from when they hold."""

from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.policy import (
    PolicyActivated,
    PolicyEndorsed,
    PolicyProposed,
    PolicyRetired,
    PolicyRetirementRequested,
    TrialSummary,
)
from rollbook.commands.access import IssueToken, LinkIdentity, RevokeToken
from rollbook.commands.policy import RetirePolicy
from rollbook.envelope import Actor, ActorKind
from rollbook.names import PolicyName, Principal, Reason, RoleName, TokenId
from rollbook.refusals import Reason as Why
from rollbook_services.policy.document import digest_of
from tests.services.registrar.installation import (
    ADMIN,
    EVERYBODY,
    OWNER,
    SECOND,
    THIRD,
    VIEWER,
    Installation,
    activate,
    endorse,
    nobody_acted,
    propose,
    unknown_digest,
    written,
)
from tests.support.scenario import START

FIRST = written("first", "acme/churn")
TIER1 = written("tier1", "acme/fraud")


@pytest.fixture
def later() -> Installation:
    """An installation whose first policy holds; the next ones need agreement."""
    return (
        nobody_acted().given(propose(FIRST), by=OWNER).given(activate(FIRST), by=OWNER)
    )


def retire(name: str) -> RetirePolicy:
    return RetirePolicy(policy=PolicyName(name), reason=Reason("superfluous"))


def link(*actors: Actor) -> LinkIdentity:
    names = tuple(actor.id for actor in actors)
    return LinkIdentity(principals=names, reason=Reason("one person"))


def changed(document: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {**document, "spec": {**document["spec"], **spec}}


def test_a_proposal_holds_the_whole_document_under_its_digest() -> None:
    trial = TrialSummary(
        until_sequence=9,
        same=3,
        would_have_been_blocked=1,
        would_have_passed=0,
        not_answerable=2,
    )
    asked = propose(TIER1).model_copy(update={"trial": trial})
    then = nobody_acted().given(asked, by=OWNER).then(PolicyProposed)
    event = then.event(PolicyProposed)
    assert (event.policy, event.digest) == ("tier1", digest_of(TIER1))
    assert (event.document, event.trial) == (TIER1, trial)
    assert then.governs("acme/fraud") == "built-in"


def test_warnings_are_shown_to_those_who_endorse() -> None:
    open_to_all = written("tier1", "acme/*")
    open_to_all["spec"]["stages"][1]["protected"] = True
    then = nobody_acted().given(propose(open_to_all), by=OWNER)
    [warning] = then.event(PolicyProposed).warnings
    assert "acme/*" in warning


def test_every_fault_is_told_with_its_place_and_remedy() -> None:
    wrong = changed(TIER1, freeze_bye=[], mode="loose")
    then = nobody_acted().when(propose(wrong), by=OWNER)
    then.then_refused(Why.POLICY_INVALID)
    assert "freeze_bye" in then.refusal.message
    faults = {each["path"]: each for each in then.refusal.detail["faults"]}
    assert set(faults) == {"spec.freeze_bye", "spec.mode"}
    assert all(each["remedy"] for each in faults.values())


def test_what_could_never_be_satisfied_is_not_proposed() -> None:
    wants = {"kind": "approvals", "id": "sign-off", "slots": [{"role": "oracle"}]}
    stages = [{"name": "live", "gates": [wants]}]
    then = nobody_acted().when(propose(changed(TIER1, stages=stages)), by=OWNER)
    then.then_refused(Why.POLICY_INVALID)
    assert "oracle" in then.refusal.message


def test_only_a_policy_owner_proposes_activates_and_retires() -> None:
    house = nobody_acted().given(propose(TIER1), by=OWNER)
    for command in (propose(FIRST), activate(TIER1), retire("tier1")):
        house.when(command, by=VIEWER).then_refused(
            Why.FORBIDDEN, needed=["policy-owner"]
        )


def test_a_document_is_proposed_once() -> None:
    house = nobody_acted().given(propose(TIER1), by=OWNER)
    house.when(propose(TIER1), by=SECOND).then_refused(
        Why.ALREADY_EXISTS, by=OWNER.id, digest=digest_of(TIER1)
    )
    active = house.given(activate(TIER1), by=OWNER)
    active.when(propose(TIER1), by=SECOND).then_refused(Why.ALREADY_ACTIVE)


def test_the_very_first_policy_needs_nobody_s_agreement() -> None:
    house = nobody_acted().given(propose(TIER1), by=OWNER)
    then = house.given(activate(TIER1), by=OWNER).then(PolicyActivated)
    event = then.event(PolicyActivated)
    assert (event.supersedes, event.endorsed_by) == (None, ())
    assert event.models == ("acme/fraud",)
    assert then.governs("acme/fraud") == "tier1"


def test_every_further_policy_holds_once_a_second_person_agrees(
    later: Installation,
) -> None:
    house = later.given(propose(TIER1), by=OWNER)
    short = house.when(activate(TIER1), by=OWNER)
    short.then_refused(Why.NOT_ENDORSED, needed=1, endorsed_by=[], role="policy-owner")
    agreed = house.given(endorse(TIER1), by=SECOND).then(PolicyEndorsed)
    then = agreed.given(activate(TIER1), by=OWNER)
    assert then.event(PolicyActivated).endorsed_by == (SECOND.id,)
    assert then.governs("acme/fraud") == "tier1"


def test_a_policy_that_was_retired_does_not_begin_anew_without_agreement() -> None:
    house = nobody_acted().given(propose(TIER1), by=OWNER)
    house = house.given(activate(TIER1), by=OWNER)
    house = house.given(retire("tier1"), by=OWNER).given(retire("tier1"), by=SECOND)
    again = house.given(propose(TIER1), by=OWNER)
    again.when(activate(TIER1), by=OWNER).then_refused(Why.NOT_ENDORSED, needed=1)


def test_a_proposer_never_endorses_by_whichever_account(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER)
    house.when(endorse(TIER1), by=OWNER).then_refused(
        Why.SELF_ENDORSEMENT, proposer=OWNER.id
    )
    linked = house.given(link(OWNER, SECOND), by=ADMIN)
    linked.when(endorse(TIER1), by=SECOND).then_refused(Why.SELF_ENDORSEMENT)


def test_one_person_endorses_once_by_whichever_account(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER).given(endorse(TIER1), by=SECOND)
    house.when(endorse(TIER1), by=SECOND).then_refused(
        Why.ALREADY_ENDORSED, by=SECOND.id
    )
    linked = house.given(link(SECOND, THIRD), by=ADMIN)
    linked.when(endorse(TIER1), by=THIRD).then_refused(Why.ALREADY_ENDORSED)


def test_who_turns_out_to_be_the_proposer_counts_no_more(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER).given(endorse(TIER1), by=SECOND)
    linked = house.given(link(OWNER, SECOND), by=ADMIN)
    linked.when(activate(TIER1), by=OWNER).then_refused(Why.NOT_ENDORSED)


def test_an_endorsement_counts_while_the_role_is_held(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER).given(endorse(TIER1), by=SECOND)
    token = TokenId(SECOND.id[-1] * 16)
    left = house.given(RevokeToken(token=token, reason=Reason("left")), by=ADMIN)
    left.when(activate(TIER1), by=OWNER).then_refused(
        Why.NOT_ENDORSED, lapsed=[SECOND.id]
    )
    back = left.given(
        IssueToken(
            token=TokenId("y" * 16),
            sha256="0" * 64,
            principal=SECOND.id,
            roles=SECOND.roles,
            until=left.at + timedelta(days=9),
        ),
        by=ADMIN,
    )
    back.given(activate(TIER1), by=OWNER)


def test_only_people_with_the_role_endorse(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER)
    robot = Actor(Principal("svc:ci"), ActorKind.WORKLOAD, (RoleName("policy-owner"),))
    house.when(endorse(TIER1), by=robot).then_refused(Why.NOT_A_PERSON)
    house.when(endorse(TIER1), by=VIEWER).then_refused(
        Why.FORBIDDEN, needed=["policy-owner"]
    )


def test_the_active_revision_says_who_and_how_many_agree_to_its_successor(
    later: Installation,
) -> None:
    strict = changed(TIER1, change_control={"endorsements": 2, "role": "risk-officer"})
    house = later.given(propose(strict), by=OWNER)
    for agreeing in (SECOND, THIRD):
        house = house.given(endorse(strict), by=agreeing)
    house = house.given(activate(strict), by=OWNER)
    loose = changed(TIER1, change_control={"endorsements": 0})
    house = house.given(propose(loose), by=OWNER)
    house.when(endorse(loose), by=SECOND).then_refused(
        Why.FORBIDDEN, needed=["risk-officer"]
    )
    house = house.given(endorse(loose), by=THIRD)
    house.when(activate(loose), by=OWNER).then_refused(
        Why.NOT_ENDORSED, needed=2, endorsed_by=[THIRD.id], role="risk-officer"
    )


def test_naming_a_model_takes_it_from_a_pattern_only_with_that_one_s_agreement() -> (
    None
):
    strict = written("all", "acme/*", change_control={"endorsements": 2})
    house = nobody_acted().given(propose(strict), by=OWNER)
    house = house.given(activate(strict), by=OWNER)
    own = changed(TIER1, change_control={"endorsements": 0})
    house = house.given(propose(own), by=OWNER).given(endorse(own), by=SECOND)
    house.when(activate(own), by=OWNER).then_refused(Why.NOT_ENDORSED, needed=2)
    then = house.given(endorse(own), by=THIRD).given(activate(own), by=OWNER)
    assert (then.governs("acme/fraud"), then.governs("acme/x")) == ("tier1", "all")


def test_no_two_policies_tie(later: Installation) -> None:
    same = written("other", "acme/churn")
    later.when(propose(same), by=OWNER).then_refused(
        Why.POLICY_TIE, policies=["other", "first"]
    )


def test_a_tie_that_came_about_meanwhile_is_seen_at_activation(
    later: Installation,
) -> None:
    one, two = written("one", "acme/*"), written("two", "*/fraud")
    house = later.given(propose(one), by=OWNER).given(propose(two), by=OWNER)
    house = house.given(endorse(one), by=SECOND).given(endorse(two), by=SECOND)
    house = house.given(activate(one), by=OWNER)
    tied = house.when(activate(two), by=OWNER)
    tied.then_refused(Why.POLICY_TIE, ties=[{"two": "*/fraud", "one": "acme/*"}])


def test_what_nobody_can_satisfy_any_more_is_not_activated(later: Installation) -> None:
    house = later.given(propose(TIER1), by=OWNER).given(endorse(TIER1), by=SECOND)
    for actor in (THIRD, OWNER):
        token = TokenId(actor.id[-1] * 16)
        house = house.given(RevokeToken(token=token, reason=Reason("left")), by=ADMIN)
    house.given(activate(TIER1), by=OWNER)  # SECOND is left to sign off
    slots = [{"role": "policy-owner", "count": 2}]
    two = {"kind": "approvals", "id": "sign-off", "slots": slots}
    wants = changed(TIER1, stages=[{"name": "live", "gates": [two]}])
    house = later.given(propose(wants), by=OWNER).given(endorse(wants), by=SECOND)
    token = TokenId(THIRD.id[-1] * 16)
    house = house.given(RevokeToken(token=token, reason=Reason("left")), by=ADMIN)
    house.when(activate(wants), by=OWNER).then_refused(Why.POLICY_INVALID)


def test_what_is_not_proposed_is_neither_endorsed_nor_activated(
    later: Installation,
) -> None:
    house = later.given(propose(TIER1), by=OWNER)
    for ask in (endorse, activate):
        unknown = ask(written("tier2"))
        house.when(unknown, by=SECOND).then_refused(
            Why.UNKNOWN_POLICY, policies=["first", "tier1"]
        )
        other = ask(TIER1).model_copy(update={"digest": unknown_digest()})
        house.when(other, by=SECOND).then_refused(
            Why.UNKNOWN_POLICY, proposed=[digest_of(TIER1)]
        )
        house.when(ask(FIRST), by=SECOND).then_refused(Why.ALREADY_ACTIVE)


def test_what_is_superseded_is_past_and_may_be_proposed_again(
    later: Installation,
) -> None:
    next_, open_ = changed(FIRST, mode="warn"), changed(FIRST, mode="observe")
    house = later.given(propose(open_), by=SECOND).in_force(next_)
    assert house.event(PolicyActivated).supersedes == digest_of(FIRST)
    known = house.policies.policies[PolicyName("first")]
    assert set(known.revisions) == {digest_of(next_), digest_of(open_)}
    assert known.past == {digest_of(FIRST)}
    assert (known.activated_by, known.activated_at) == (OWNER.id, house.at)
    back = house.in_force(FIRST)
    assert back.policies.policies[PolicyName("first")].active == digest_of(FIRST)


def test_rules_are_taken_away_by_as_many_people_as_they_take_to_change(
    later: Installation,
) -> None:
    asked = later.given(retire("first"), by=OWNER).then(PolicyRetirementRequested)
    assert asked.governs("acme/churn") != "built-in"
    asked.when(retire("first"), by=OWNER).then_refused(Why.ALREADY_ENDORSED)
    asked.given(retire("first"), by=SECOND).then(PolicyRetired)
    another = asked.in_force(changed(FIRST, mode="warn"))
    another.given(retire("first"), by=SECOND).then(PolicyRetirementRequested)


def test_a_retired_policy_holds_for_nothing(later: Installation) -> None:
    asked = later.given(retire("first"), by=OWNER)
    then = asked.given(retire("first"), by=SECOND).then(PolicyRetired)
    assert then.governs("acme/churn") == "built-in"
    assert then.policies.policies[PolicyName("first")].revisions == {}
    then.when(retire("first"), by=OWNER).then_refused(Why.UNKNOWN_POLICY, policies=[])
    later.when(retire("frist"), by=OWNER).then_refused(Why.UNKNOWN_POLICY)


def test_a_policy_of_one_person_can_be_made_at_a_start_that_says_so() -> None:
    solo = changed(TIER1, change_control={"endorsements": 0})
    house = nobody_acted(*EVERYBODY, until=START + timedelta(days=1))
    house = house.given(propose(solo), by=OWNER).given(activate(solo), by=OWNER)
    next_ = changed(solo, mode="warn")
    house.given(propose(next_), by=OWNER).given(activate(next_), by=OWNER)
