"""Who fills which slot, and what is a vote about?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rollbook import canonical
from rollbook.catalogue.approval import Bound
from rollbook.names import Digest, Principal, RoleName
from rollbook_services.policy.facts import Vote


def binding(bound: Bound) -> Digest:
    """Hash what a vote is about; evidence counts as a set, not as a sequence."""
    fields = bound.model_dump(mode="json")
    fields["evidence_set"] = sorted(fields["evidence_set"])
    return Digest(canonical.digest(fields))


def live(
    votes: Sequence[Vote],
    *,
    present: Digest,
    barred: Mapping[Principal, str],
    holders: Mapping[Principal, frozenset[RoleName]],
    as_of: datetime,
) -> list[Vote]:
    """Keep the votes that count now, one for each person, with roles held still."""
    counted: dict[Principal, Vote] = {}
    for vote in votes:
        lapsed = vote.valid_until is not None and as_of >= vote.valid_until
        holds_one = holders.get(vote.who, frozenset()).intersection(vote.roles)
        if vote.binding == present and not lapsed and holds_one:
            counted[vote.who] = vote
    return [vote for vote in counted.values() if vote.who not in barred]


def fill(
    slots: Sequence[RoleName],
    votes: Sequence[Vote],
    holders: Mapping[Principal, frozenset[RoleName]],
) -> dict[int, Vote]:
    """Match votes to slots so that as many slots as possible are filled.

    A maximum bipartite matching by augmenting paths: whenever some assignment fills
    all slots this one does, whatever the order of the votes.
    """
    filled: dict[int, Vote] = {}

    def place(vote: Vote, tried: set[int]) -> bool:
        roles = holders.get(vote.who, frozenset()).intersection(vote.roles)
        for index, role in enumerate(slots):
            if role not in roles or index in tried:
                continue
            tried.add(index)
            if index not in filled or place(filled[index], tried):
                filled[index] = vote
                return True
        return False

    for vote in votes:
        place(vote, set())
    return filled
