"""Who fills which slot, and what is a vote about?"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Final

from rollbook import canonical
from rollbook.catalogue.approval import Bound
from rollbook.names import Digest, GateName, Principal, RoleName
from rollbook_services.policy.facts import Facts, Vote
from rollbook_services.same import Same

Yes = Mapping[RoleName, Vote]
"""One person's votes at a gate, by the role they can be counted in."""
_SOMEBODY: Final = Principal("prn:somebody")


def binding(bound: Bound) -> Digest:
    """Hash what a vote is about; evidence counts as a set, not as a sequence."""
    fields = bound.model_dump(mode="json", exclude={"survives_rebase"})
    fields["evidence_set"] = sorted(fields["evidence_set"])
    if bound.survives_rebase:
        del fields["incumbent"]
    return Digest(canonical.digest(fields))


def live(facts: Facts, gate: GateName, as_of: datetime) -> dict[Principal, Yes]:
    """Return the votes that count at a gate now, by person, the oldest first."""
    counted = counting(facts, as_of)
    return {who: yes for who, (at, yes) in counted.items() if at == gate}


def counting(facts: Facts, as_of: datetime) -> dict[Principal, tuple[GateName, Yes]]:
    """Return where each person's votes count, and which.

    A person counts once in a promotion: at the gate of the oldest vote that stands.
    """
    held, no = roles_held(facts), barred(facts)
    counted: dict[Principal, tuple[GateName, dict[RoleName, Vote]]] = {}
    for vote in facts.votes:
        person = facts.person(vote.who)
        usable = held.get(person, frozenset()).intersection(vote.roles)
        if person in no or not usable or not _stands(vote, facts.binding, as_of):
            continue
        at, yes = counted.setdefault(person, (vote.gate, {}))
        if at == vote.gate:
            yes.update(dict.fromkeys(usable, vote))
    return {who: (at, yes) for who, (at, yes) in counted.items()}


def _stands(vote: Vote, present: Digest, as_of: datetime) -> bool:
    has_lapsed = vote.valid_until is not None and as_of >= vote.valid_until
    is_yes = not vote.is_rejection and is_person(vote.who)
    return is_yes and vote.binding == present and not has_lapsed


def lapses_at(facts: Facts, gate: GateName, as_of: datetime) -> datetime | None:
    """Return when the next vote, or role, runs out of those who voted at a gate.

    At whichever gate: a person whose oldest vote runs out counts where the next is.
    """
    standing = [vote for vote in facts.votes if _stands(vote, facts.binding, as_of)]
    here = {facts.person(vote.who) for vote in standing if vote.gate == gate}
    ends = [each.valid_until for each in standing if facts.person(each.who) in here]
    ends += [end for who, end in facts.roles_end.items() if facts.person(who) in here]
    return min((end for end in ends if end is not None), default=None)


def roles_held(facts: Facts) -> Mapping[Principal, frozenset[RoleName]]:
    """Return the roles that each person holds now, under whichever name."""
    return _roles_held(Same(facts.holders), Same(facts.persons))


@lru_cache(maxsize=8)
def _roles_held(
    holders: Same[Mapping[Principal, frozenset[RoleName]]],
    persons: Same[Mapping[Principal, Principal]],
) -> Mapping[Principal, frozenset[RoleName]]:
    held: dict[Principal, frozenset[RoleName]] = {}
    for who, roles in holders.it.items():
        if is_person(who):
            person = persons.it.get(who, who)
            held[person] = held.get(person, frozenset()) | roles
    return held


def able(
    facts: Facts, seats: Collection[RoleName]
) -> Mapping[Principal, frozenset[RoleName]]:
    """Return who holds a role of some seats now, with all their roles."""
    return _able(Same(roles_held(facts)), frozenset(seats))


@lru_cache(maxsize=32)
def _able(
    held: Same[Mapping[Principal, frozenset[RoleName]]], seats: frozenset[RoleName]
) -> Mapping[Principal, frozenset[RoleName]]:
    return {who: roles for who, roles in held.it.items() if not seats.isdisjoint(roles)}


def barred(facts: Facts) -> dict[Principal, str]:
    """Say which persons may not vote, and which relation bars them."""
    return {facts.person(who): why for who, why in facts.barred.items()}


def is_person(who: Principal) -> bool:
    """Tell a person from a workload; a workload never fills a slot."""
    return who.startswith("prn:")


def fill(
    slots: Sequence[RoleName], persons: Mapping[Principal, Collection[RoleName]]
) -> dict[int, Principal]:
    """Match persons to slots so that as many slots as possible are filled.

    A maximum bipartite matching by augmenting paths: whenever some assignment fills
    all slots this one does, whatever the order of the votes.
    """
    filled: dict[int, Principal] = {}

    def place(person: Principal, tried: set[int]) -> bool:
        for index, role in enumerate(slots):
            if role not in persons[person] or index in tried:
                continue
            tried.add(index)
            if index not in filled or place(filled[index], tried):
                filled[index] = person
                return True
        return False

    for person in persons:
        place(person, set())
    return filled


def who_would_help(
    slots: Sequence[RoleName],
    persons: Mapping[Principal, Collection[RoleName]],
    others: Mapping[Principal, Collection[RoleName]],
) -> list[Principal]:
    """Return those of the others with whose vote one more slot would be filled."""
    reached, asked = len(fill(slots, persons)), frozenset(slots)

    @cache
    def helps(roles: frozenset[RoleName]) -> bool:
        return len(fill(slots, {**persons, _SOMEBODY: roles})) > reached

    return sorted(
        person for person, roles in others.items() if helps(asked.intersection(roles))
    )
