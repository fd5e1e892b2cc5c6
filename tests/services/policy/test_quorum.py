"""Votes fill slots whenever some assignment does, and are bound to what was seen."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.approval import Bound
from rollbook.names import Digest, EventId, GateName, Principal, RoleName, StageName
from rollbook_services.policy.facts import Vote
from rollbook_services.policy.quorum import binding, fill, live

ROLES = ("owner", "risk", "legal")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
SEEN = Digest("sha256:" + "1" * 64)
BOUND = Bound(
    digest=Digest("sha256:" + "a" * 64),
    stage=StageName("production"),
    policy_digest=Digest("sha256:" + "b" * 64),
    evidence_set=(EventId("0" * 36), EventId("1" * 36)),
    incumbent=None,
)


def vote(who: str, *roles: str, until: datetime | None = None) -> Vote:
    return Vote(
        id=EventId(f"{who}{'0' * 35}"),
        gate=GateName("sign-off"),
        who=Principal(f"prn:{who * 13}"),
        roles=tuple(RoleName(role) for role in roles),
        binding=SEEN,
        valid_until=until,
    )


def holders(*votes: Vote) -> dict[Principal, frozenset[RoleName]]:
    return {each.who: frozenset(each.roles) for each in votes}


def brute_force(slots: list[str], votes: list[Vote]) -> bool:
    """Try every assignment of votes to slots."""
    return any(
        all(role in each.roles for role, each in zip(slots, chosen, strict=True))
        for chosen in permutations(votes, len(slots))
    )


people = st.lists(st.sets(st.sampled_from(ROLES), min_size=1), max_size=6)
wanted = st.lists(st.sampled_from(ROLES), min_size=1, max_size=4)


@given(slots=wanted, held=people, data=st.data())
def test_slots_are_filled_whenever_some_assignment_fills_them(
    slots: list[str], held: list[set[str]], data: st.DataObject
) -> None:
    votes = [vote("abcdef"[at], *sorted(roles)) for at, roles in enumerate(held)]
    shuffled = data.draw(st.permutations(votes))
    asked = [RoleName(role) for role in slots]
    filled = fill(asked, shuffled, holders(*votes))
    assert (len(filled) == len(slots)) == brute_force(slots, votes)
    assert len({each.who for each in filled.values()}) == len(filled)
    assert all(asked[at] in each.roles for at, each in filled.items())


def test_a_greedy_choice_does_not_block_a_slot() -> None:
    both, one = vote("a", "owner", "risk"), vote("b", "owner")
    slots = [RoleName("owner"), RoleName("risk")]
    assert len(fill(slots, [both, one], holders(both, one))) == 2


def test_a_role_must_be_held_at_the_vote_and_still() -> None:
    slots = [RoleName("risk")]
    late = vote("a", "owner")
    assert not fill(slots, [late], {late.who: frozenset({RoleName("risk")})})
    lost = vote("b", "risk")
    assert not fill(slots, [lost], {lost.who: frozenset({RoleName("owner")})})


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"present": Digest("sha256:" + "2" * 64)}, False),
        ({"barred": {Principal("prn:" + "a" * 13): "requester"}}, False),
        ({"holders": {}}, False),
        ({"as_of": NOW + timedelta(hours=1)}, False),
    ],
)
def test_which_votes_count(changes: dict[str, object], counts: bool) -> None:
    one = vote("a", "owner", until=NOW + timedelta(hours=1))
    asked: dict[str, object] = {
        "present": SEEN,
        "barred": {},
        "holders": holders(one),
        "as_of": NOW,
        **changes,
    }
    assert bool(live([one], **asked)) is counts  # type: ignore[arg-type]


def test_one_person_counts_once() -> None:
    first, second = vote("a", "owner"), vote("a", "owner")
    counted = live(
        [first, second],
        present=SEEN,
        barred={},
        holders=holders(first),
        as_of=NOW,
    )
    assert counted == [second]


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
    ]
    changed = [BOUND.model_copy(update=each) for each in others]
    assert len({binding(BOUND), *map(binding, changed)}) == 6
