"""Which secrets speak for whom, and until when?"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from rollbook.catalogue.access import TokenIssued, TokenRevoked
from rollbook.commands.access import IssueToken, RevokeToken
from rollbook.envelope import ActorKind, Stamp
from rollbook.names import AGENT, ROLES
from rollbook.refusals import Refusal, forbidden, invalid_field, unknown_token
from rollbook.standing import already_exists, already_revoked
from rollbook_services.registrar.authorise import has_grant, refused
from rollbook_services.registrar.state import Access, Mark, Token

LONGEST_LIFE: Final = timedelta(days=90)


def issue(
    command: IssueToken, access: Access, stamp: Stamp
) -> list[TokenIssued] | Refusal:
    """Let a secret speak for a principal; only its hash is here."""
    if command.token in access.tokens:
        return already_exists("token", command.token)
    refusal = _is_ill_formed(command, stamp) or _is_ours(command, stamp)
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


def _is_ill_formed(command: IssueToken, stamp: Stamp) -> Refusal | None:
    unknown = sorted(set(command.roles) - set(ROLES))
    if unknown:
        remedy = f"no such role: {', '.join(unknown)}; there are {', '.join(ROLES)}"
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


def issued(access: Access, event: TokenIssued, mark: Mark) -> Access:
    """Remember whom the secret speaks for."""
    token = Token(event.sha256, event.principal, event.roles, event.place, event.until)
    return replace(access, tokens=access.tokens.plus(event.token, token))


def revoked(access: Access, event: TokenRevoked, mark: Mark) -> Access:
    """Remember that it opens nothing."""
    token = replace(access.tokens[event.token], revoked=True)
    return replace(access, tokens=access.tokens.plus(event.token, token))
