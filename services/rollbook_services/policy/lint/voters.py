"""How many seats can the people there are fill, once duties are kept apart?"""

from collections.abc import Mapping, Sequence
from typing import Final

from rollbook.names import Principal, RoleName
from rollbook_services.policy.lint.known import Known
from rollbook_services.policy.quorum import fill, is_person
from rollbook_services.policy.shape import AutoPromote
from rollbook_services.policy.stage import Stage

People = Mapping[Principal, frozenset[RoleName]]
_MAKERS: Final = frozenset({RoleName("publisher")})
_REQUESTERS: Final = _MAKERS | {RoleName("release-manager")}
_DEEPEST: Final = 400  # the matching goes as deep as there are seats


def people(known: Known) -> dict[Principal, frozenset[RoleName]]:
    """Return the roles of each person; several principals may be one."""
    found: dict[Principal, frozenset[RoleName]] = {}
    for principal, roles in known.holders.items():
        if is_person(principal):
            person = known.person(principal)
            found[person] = found.get(person, frozenset()) | roles
    return found


def most_filled(seats: Sequence[RoleName], stage: Stage, known: Known) -> int:
    """Count the seats taken at once, if those left out are the least missed."""
    able, best = people(known), 0
    for out in _left_out(stage, known):
        left = {who: roles for who, roles in able.items() if who != out}
        best = max(best, len(fill(seats[:_DEEPEST], left)))
        if best == len(seats):
            break
    return best


def _left_out(stage: Stage, known: Known) -> list[Principal | None]:
    """Return who may be the one left out; None: it may be nobody.

    Who makes a version may ask for it too, so one person is all that has to be left
    out; a service that does it, or automation, leaves nobody out.
    """
    duties = stage.separation_of_duties
    found = _who_may(_MAKERS, known) if duties.producer else set()
    if not found and duties.requester and stage.auto_promote is AutoPromote.NEVER:
        found = _who_may(_REQUESTERS, known)
    if not found or not all(is_person(who) for who in found):
        return [None]
    return [*sorted({known.person(who) for who in found})]


def _who_may(roles: frozenset[RoleName], known: Known) -> set[Principal]:
    return {who for who, held in known.holders.items() if held & roles}
