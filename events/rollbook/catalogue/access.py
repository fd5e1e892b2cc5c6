"""Who may do what: tokens, and later grants and persons."""

from rollbook.catalogue.parts import Part
from rollbook.event import Event
from rollbook.names import (
    Instant,
    Line,
    Principal,
    Reason,
    RoleName,
    StageName,
    TargetName,
    TokenId,
)


class Place(Part):
    """The one target an agent's token speaks for."""

    stage: StageName
    target: TargetName


class TokenIssued(Event, recorded_as="token.issued"):
    """A credential names an actor and roles; only the secret's hash is kept."""

    token: TokenId
    sha256: Line
    """Hex SHA-256 of the 32 secret bytes."""
    principal: Principal
    roles: tuple[RoleName, ...]
    place: Place | None
    until: Instant


class TokenRevoked(Event, recorded_as="token.revoked"):
    """A credential opens nothing any more."""

    token: TokenId
    reason: Reason


class IdentityLinked(Event, recorded_as="identity.linked"):
    """These principals are one person, and count as one wherever people count."""

    principals: tuple[Principal, ...]
    reason: Reason


AccessEvent = TokenIssued | TokenRevoked | IdentityLinked
