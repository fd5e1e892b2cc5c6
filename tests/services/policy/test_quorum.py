"""Votes fill slots whenever some assignment does, and are bound to what was seen."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rollbook.catalogue.approval import Bound
from rollbook.catalogue.parts import GateStatus
from rollbook.names import Digest, GateName, Principal, RoleName, StageName
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.policy.gate import By
from rollbook_services.policy.gates.approvals import Approvals, Slot
from rollbook_services.policy.quorum import binding, fill
from tests.services.policy.cases import (
    ALICE,
    BOB,
    CAROL,
    FACTS,
    PIPELINE,
    REVIEWER,
    SIGN_OFF,
    START,
    digest,
    event,
    person,
    vote,
)

ROLES = ("owner", "risk", "legal")
OWNER, RISK, _ = (RoleName(role) for role in ROLES)
HOUR = timedelta(hours=1)
BOUND = Bound(
    digest=Digest("sha256:" + "a" * 64),
    stage=StageName("production"),
    policy_digest=Digest("sha256:" + "b" * 64),
    evidence_set=(event("0"), event("1")),
    incumbent=None,
    survives_rebase=False,
)
ONE = Approvals(slots=(Slot(role=REVIEWER),))
TWO = Approvals(slots=(Slot(role=REVIEWER, count=2),))


def asks(*roles: RoleName, name: GateName = SIGN_OFF) -> Approvals:
    return Approvals(id=name, slots=tuple(Slot(role=role) for role in roles))


def voted(*votes: Vote) -> Facts:
    return replace(FACTS, votes=votes)


def held(facts: Facts, **roles: tuple[RoleName, ...]) -> Facts:
    """Let principals, by their letter, hold roles and nobody else any."""
    holders = {person(letter): frozenset(names) for letter, names in roles.items()}
    return replace(facts, holders=holders)


def passes(gate: Approvals, facts: Facts) -> bool:
    return gate.evaluate(facts, START).status is GateStatus.PASS


# Matching


@st.composite
def elections(draw: st.DrawFn) -> tuple[list[RoleName], Facts]:
    """Draw slots, and persons with one or two accounts that hold roles and vote."""
    roles = st.frozensets(st.sampled_from(ROLES).map(RoleName), max_size=3)
    holders: dict[Principal, frozenset[RoleName]] = {}
    persons: dict[Principal, Principal] = {}
    votes: list[Vote] = []
    for letter in "abcdef"[: draw(st.integers(0, 6))]:
        for account in (letter, letter.translate(_SECOND))[: draw(st.integers(1, 2))]:
            who = person(account)
            persons[who] = person(letter)
            holders[who] = draw(roles)
            if draw(st.booleans()):
                at = len(votes)
                votes.append(vote(who, f"{at:x}", *sorted(draw(roles) or {OWNER})))
    slots = draw(st.lists(st.sampled_from(ROLES).map(RoleName), min_size=1, max_size=4))
    ordered = tuple(draw(st.permutations(votes)))
    facts = replace(FACTS, holders=holders, persons=persons, votes=ordered)
    barred = draw(st.frozensets(st.sampled_from("abcdef"), max_size=2))
    return slots, replace(facts, barred={person(each): "author" for each in barred})


_SECOND = str.maketrans("abcdef", "ghijkl")


def brute_force(slots: list[RoleName], facts: Facts) -> bool:
    """Try every assignment of persons to slots."""
    usable: dict[Principal, set[RoleName]] = {}
    for each in facts.votes:
        who = facts.persons[each.who]
        now = {
            role
            for account, roles in facts.holders.items()
            if facts.persons[account] == who
            for role in roles
        }
        if who not in facts.barred:
            usable.setdefault(who, set()).update(now.intersection(each.roles))
    return any(
        all(role in usable[who] for role, who in zip(slots, chosen, strict=True))
        for chosen in permutations(usable, len(slots))
    )


@given(election=elections())
def test_slots_are_filled_whenever_some_assignment_fills_them(
    election: tuple[list[RoleName], Facts],
) -> None:
    slots, facts = election
    gate = asks(*slots)
    filled = gate.filled(facts, START)
    assert passes(gate, facts) == (len(filled) == len(slots))
    assert passes(gate, facts) == brute_force(slots, facts)
    assert len({facts.person(each.who) for each in filled.values()}) == len(filled)
    assert all(slots[at] in each.roles for at, each in filled.items())
    assert not any(facts.person(each.who) in facts.barred for each in filled.values())


@given(election=elections())
def test_whoever_is_named_would_help_and_nobody_else(
    election: tuple[list[RoleName], Facts],
) -> None:
    slots, facts = election
    gate = asks(*slots)
    said = gate.evaluate(facts, START)
    if said.status is GateStatus.PASS:
        return
    (change,) = said.changes_when
    here = {facts.persons[each.who] for each in facts.votes}
    before = len(gate.filled(facts, START))
    for who in set(facts.persons.values()) - here:
        roles = [facts.holders[a] for a, p in facts.persons.items() if p == who]
        yes = vote(who, "f", *sorted(frozenset().union(*roles) or {OWNER}))
        more = replace(facts, votes=(*facts.votes, yes))
        helps = len(gate.filled(more, START)) > before
        assert (who in change.who) == helps


def test_a_greedy_choice_does_not_block_a_slot() -> None:
    persons = {ALICE: {OWNER, RISK}, BOB: {OWNER}}
    assert fill([OWNER, RISK], persons) == {0: BOB, 1: ALICE}


# Which votes count


def test_a_role_must_be_held_at_the_vote_and_still() -> None:
    late = held(voted(vote(BOB, "b", "owner")), b=(RISK,))
    assert not passes(asks(RISK), late)
    lost = held(voted(vote(BOB, "b", "risk")), b=(OWNER,))
    assert not passes(asks(RISK), lost)
    assert passes(asks(RISK), held(lost, b=(RISK,)))


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"binding": digest(9)}, False),
        ({"barred": {BOB: "author"}}, False),
        ({"holders": {}}, False),
        ({"votes": (vote(BOB, "b", gate=GateName("other")),)}, False),
        ({"votes": (vote(BOB, "b", until=START),)}, False),
        ({"votes": (vote(BOB, "b", until=START + HOUR),)}, True),
        ({"votes": (vote(BOB, "b", is_rejection=True),)}, False),
    ],
)
def test_which_votes_count(changes: dict[str, object], counts: bool) -> None:
    facts = replace(voted(vote(BOB, "b")), **changes)  # type: ignore[arg-type]
    assert passes(ONE, facts) is counts


def test_one_person_counts_once_under_whichever_name() -> None:
    both = voted(vote(BOB, "b"), vote(CAROL, "c"))
    assert passes(TWO, both)
    assert not passes(TWO, replace(both, persons={CAROL: BOB}))


def test_the_roles_of_all_accounts_are_the_person_s() -> None:
    facts = held(voted(vote(BOB, "b", "owner")), c=(OWNER,))
    assert not passes(asks(OWNER), facts)
    assert passes(asks(OWNER), replace(facts, persons={CAROL: BOB}))


def test_two_accounts_with_a_role_each_fill_whichever_slot_is_open() -> None:
    votes = voted(vote(BOB, "b", "owner"), vote(CAROL, "c", "risk"))
    facts = held(replace(votes, persons={CAROL: BOB}), b=(OWNER,), c=(RISK,))
    assert [each.id for each in asks(OWNER).filled(facts, START).values()] == [
        event("b")
    ]
    assert [each.id for each in asks(RISK).filled(facts, START).values()] == [
        event("c")
    ]
    assert not passes(asks(OWNER, RISK), facts)


def test_who_is_barred_is_barred_under_every_name() -> None:
    facts = replace(voted(vote(BOB, "b")), persons={BOB: ALICE})
    assert not passes(ONE, facts)
    by_account = replace(facts, persons={ALICE: BOB})
    assert not passes(ONE, by_account)


def test_one_person_counts_at_one_gate_of_a_promotion() -> None:
    first, second = asks(REVIEWER), asks(REVIEWER, name=GateName("risk"))
    facts = voted(vote(BOB, "b"), vote(BOB, "c", gate=second.id))
    assert passes(first, facts)
    assert not passes(second, facts)
    (change,) = second.evaluate(facts, START).changes_when
    assert change.who == (CAROL,)
    assert ("voted at sign-off", BOB) in [
        (each.why, each.who) for each in change.barred
    ]


def test_a_vote_lends_its_roles_to_no_other_gate() -> None:
    votes = voted(
        vote(BOB, "b", "owner"), vote(BOB, "c", "risk", gate=GateName("risk"))
    )
    facts = held(votes, b=(OWNER, RISK))
    assert passes(asks(OWNER), facts)
    assert not passes(asks(RISK), facts)


def test_a_vote_counts_elsewhere_once_the_older_one_has_lapsed() -> None:
    first, second = asks(REVIEWER), asks(REVIEWER, name=GateName("risk"))
    until = START + HOUR
    facts = voted(vote(BOB, "b", until=until), vote(BOB, "c", gate=second.id))
    assert second.evaluate(facts, START).recheck_at == until
    assert second.evaluate(facts, until).status is GateStatus.PASS
    assert first.evaluate(facts, until).status is GateStatus.WAIT


def test_a_service_never_fills_a_slot() -> None:
    bot = Principal("rollbook:conductor")
    for service in (PIPELINE, bot):
        facts = voted(vote(service, "b"))
        facts = replace(facts, barred={}, holders={service: frozenset({REVIEWER})})
        assert not passes(ONE, facts)
        (change,) = ONE.evaluate(facts, START).changes_when
        assert change.who == ()
        linked = replace(facts, persons={service: BOB})
        assert not passes(ONE, linked)
        both = {service: frozenset({REVIEWER}), BOB: frozenset({REVIEWER})}
        assert not passes(ONE, replace(linked, holders=both))
        by_hand = replace(linked, votes=(vote(BOB, "b"),))
        assert not passes(ONE, by_hand)  # what a workload holds, its owner does not


# What is told


def test_approvals_says_who_could_vote_and_who_is_barred() -> None:
    said = TWO.evaluate(voted(vote(BOB, "b")), START)
    assert (said.status, said.detail) == (
        GateStatus.WAIT,
        "1 of 2 slots filled; waiting for one reviewer",
    )
    assert (said.values, said.inputs) == ({"roles": "reviewer"}, (event("b"),))
    (change,) = said.changes_when
    assert (change.by, change.who) == (By.PERSON, (CAROL,))
    assert [(each.who, each.why) for each in change.barred] == [(ALICE, "requester")]
    assert change.command == "rollbook approve acme/fraud:31 -m …"


def test_who_frees_another_for_an_open_slot_can_help_too() -> None:
    facts = held(voted(vote(BOB, "b", "owner", "risk")), b=(OWNER, RISK), c=(OWNER,))
    said = asks(OWNER, RISK).evaluate(replace(facts, barred={}), START)
    assert said.detail == "1 of 2 slots filled; waiting for one risk"
    assert said.changes_when[0].who == (CAROL,)


def test_a_question_without_a_promotion_has_nothing_to_approve_yet() -> None:
    (change,) = ONE.evaluate(replace(FACTS, promotion=None), START).changes_when
    assert change.command is None


def test_it_is_judged_again_when_the_first_vote_lapses() -> None:
    early, late = START + HOUR, START + 2 * HOUR
    facts = voted(vote(BOB, "b", until=late), vote(CAROL, "c", until=early))
    said = TWO.evaluate(facts, START)
    assert (said.status, said.recheck_at) == (GateStatus.PASS, early)
    assert TWO.evaluate(facts, early).status is GateStatus.WAIT
    assert TWO.evaluate(facts, late).recheck_at is None


@pytest.mark.parametrize(
    ("written", "needed"),
    [({}, 1), ({"reject": "any"}, 1), ({"reject": {"count": 2}}, 2)],
)
def test_how_many_noes_end_it(written: dict[str, object], needed: int) -> None:
    gate = Approvals.model_validate({"slots": [{"role": "reviewer"}], **written})
    assert gate.noes_needed == needed
    assert gate.valid_for is None
    assert (gate.opens, gate.survive_rebase) == ("evidence", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"slots": []},
        {"slots": [{"role": "reviewer", "count": 0}]},
        {"reject": {"count": 0}},
        {"reject": "all"},
        {"valid_for": "0s"},
        {"opens": "later"},
        {"valid_for_seconds": 3},
    ],
)
def test_settings_without_a_meaning_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Approvals.model_validate({"slots": [{"role": "reviewer"}], **wrong})


# Bindings


def test_a_binding_covers_all_that_a_vote_is_about() -> None:
    assert binding(BOUND) == (
        "sha256:672e5b510ac0d6dc360410d91f8680778c636204e19e27da760efc1f64c8e703"
    )
    turned = BOUND.model_copy(update={"evidence_set": BOUND.evidence_set[::-1]})
    assert binding(turned) == binding(BOUND)
    others: list[dict[str, object]] = [
        {"digest": "sha256:" + "c" * 64},
        {"stage": "staging"},
        {"policy_digest": "sha256:" + "c" * 64},
        {"evidence_set": BOUND.evidence_set[:1]},
        {"incumbent": 1},
        {"survives_rebase": True},
    ]
    changed = [BOUND.model_copy(update=each) for each in others]
    assert len({binding(BOUND), *map(binding, changed)}) == len(others) + 1


def test_a_vote_that_survives_a_rebase_is_not_about_the_incumbent() -> None:
    surviving = BOUND.model_copy(update={"survives_rebase": True})
    other = surviving.model_copy(update={"incumbent": 7})
    assert binding(surviving) == binding(other)
