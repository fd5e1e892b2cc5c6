"""Which secrets speak for whom, until when, and which principals are one person?"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from difflib import get_close_matches
from typing import Final

from rollbook.catalogue.access import IdentityLinked, TokenIssued, TokenRevoked
from rollbook.commands.access import IssueToken, LinkIdentity, RevokeToken
from rollbook.envelope import ActorKind, Stamp
from rollbook.governing import already_linked
from rollbook.names import AGENT, ROLES, Principal, RoleName
from rollbook.refusals import (
    Refusal,
    forbidden,
    invalid_field,
    unknown_token,
)
from rollbook.standing import already_exists, already_revoked
from rollbook_services.registrar.authorise import has_grant, refused
from rollbook_services.registrar.governing import roles_named
from rollbook_services.registrar.state import Mark
from rollbook_services.registrar.surroundings import Access, Policies, Token

LONGEST_LIFE: Final = timedelta(days=90)
# Every event of the holder names them in one attribute, which validity bounds.
LONGEST_ROLES: Final = 1000
PERSON: Final = "prn:"
SLIP: Final = 0.9  # how alike two names are that are meant to be one


def issue(
    command: IssueToken, access: Access, policies: Policies, stamp: Stamp
) -> list[TokenIssued] | Refusal:
    """Let a secret speak for a principal; only its hash is here."""
    if command.token in access.tokens:
        return already_exists("token", command.token)
    refusal = (
        _are_slips(command.roles, policies)
        or _is_ill_formed(command, stamp)
        or _is_ours(command, stamp)
    )
    if refusal is not None:
        return refusal
    return [
        TokenIssued(
            token=command.token,
            sha256=command.sha256,
            principal=command.principal,
            roles=tuple(sorted(set(command.roles))),
            place=command.place,
            until=command.until,
        )
    ]


def _are_slips(asked: Iterable[RoleName], policies: Policies) -> Refusal | None:
    """Refuse what is nearly a role; any other name may be one that a policy will name.

    People have to hold a role before a policy that asks for it can be proposed.
    """
    own = set(asked) - set(ROLES)
    named = roles_named(policies) if own else frozenset()
    known = [*ROLES, *sorted(named - set(ROLES))]
    for role in sorted(own - named):
        for meant in get_close_matches(role, known, n=1, cutoff=SLIP):
            remedy = (
                f"{role} looks like {meant}; write that, or name the role otherwise"
            )
            return invalid_field("roles", remedy)
    return None


def _is_ill_formed(command: IssueToken, stamp: Stamp) -> Refusal | None:
    if len(",".join(set(command.roles))) > LONGEST_ROLES:
        remedy = f"their names take over {LONGEST_ROLES} characters: issue two tokens"
        return invalid_field("roles", remedy)
    if (AGENT in command.roles) != (command.place is not None):
        return invalid_field("place", "an agent's token, and no other, has a place")
    if not stamp.at < command.until <= stamp.at + LONGEST_LIFE:
        return invalid_field("until", f"must lie within {LONGEST_LIFE.days} days")
    return None


def _is_ours(command: IssueToken, stamp: Stamp) -> Refusal | None:
    """Nobody outside makes a credential that speaks for Rollbook itself."""
    ours = command.principal.startswith("rollbook:")
    if not ours or stamp.actor.kind is ActorKind.SYSTEM:
        return None
    what = f"issue a token for {command.principal}"
    return forbidden(what, who=stamp.actor.id, roles=("an installation's own start",))


def revoke(
    command: RevokeToken, access: Access, stamp: Stamp
) -> list[TokenRevoked] | Refusal:
    """Close a credential: by an access-admin, or by whom it speaks for."""
    known: Token | None = access.tokens.get(command.token)
    is_own = known is not None and known.principal == stamp.actor.id
    if not is_own and not has_grant(stamp.actor, RevokeToken):
        return refused(stamp.actor, RevokeToken)
    if known is None:
        return unknown_token(command.token)
    if known.revoked:
        return already_revoked("token", command.token)
    return [TokenRevoked(token=command.token, reason=command.reason)]


def link(command: LinkIdentity, access: Access) -> list[IdentityLinked] | Refusal:
    """Say that principals are one person, whoever each of them was linked to before."""
    principals = tuple(sorted(set(command.principals)))
    others = [each for each in principals if not each.startswith(PERSON)]
    if others:
        what = f"{', '.join(others)}: only people are linked, name principals `prn:…`"
        return invalid_field("principals", what)
    if len(principals) < 2:
        return invalid_field("principals", "name two or more that differ")
    if len({access.person(each) for each in principals}) == 1:
        return already_linked(principals)
    return [IdentityLinked(principals=principals, reason=command.reason)]


def issued(access: Access, event: TokenIssued, mark: Mark) -> Access:
    """Remember whom the secret speaks for."""
    token = Token(event.sha256, event.principal, event.roles, event.place, event.until)
    return replace(access, tokens=access.tokens.plus(event.token, token))


def revoked(access: Access, event: TokenRevoked, mark: Mark) -> Access:
    """Remember that it opens nothing."""
    token = replace(access.tokens[event.token], revoked=True)
    return replace(access, tokens=access.tokens.plus(event.token, token))


def linked(access: Access, event: IdentityLinked, mark: Mark) -> Access:
    """Let everybody who was one of these persons be one, under the smallest name."""
    persons = {access.person(each) for each in event.principals}
    group = {
        *event.principals,
        *(each for each, person in access.persons.items() if person in persons),
    }
    return replace(access, persons={**access.persons, **_one(group)})


def _one(group: set[Principal]) -> dict[Principal, Principal]:
    return dict.fromkeys(sorted(group), min(group))
