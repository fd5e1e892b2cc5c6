"""Who may read? Whoever holds a token that the audit view knows as good now.

Commands are not judged here: the registrar alone decides those.
"""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from rollbook.names import AGENT, READERS
from rollbook.tokens import hash_secret, read_token
from rollbook_services.gateway.gateway import Gateway
from rollbook_services.gateway.problems import declined, unauthenticated

SCHEME: Final = "bearer"
_NO_HASH: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and as what."""

    principal: str
    roles: tuple[str, ...]
    credential: str = field(default="", repr=False)
    """What the registrar is asked with in the reader's name."""

    def must_read(self) -> None:
        """Raise Declined for a token that lets its holder only speak for a target."""
        if not set(self.roles) - {AGENT}:
            self.must_be(*READERS)

    def must_be(self, *roles: str) -> None:
        """Raise Declined unless the reader has one of these roles."""
        if not set(roles) & set(self.roles):
            raise declined(
                "forbidden",
                f"This takes the role {' or '.join(roles)}; you have "
                f"{', '.join(self.roles) or 'none'}. Ask an access-admin for a token.",
                permission=roles[0],
            )


def bearer(authorization: str | None) -> str:
    """Take the token out of the header; raises Declined where there is none."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != SCHEME or not text.strip():
        raise unauthenticated(
            "This needs a token: send `Authorization: Bearer rbk_…` "
            "(`rollbook token create` makes one)."
        )
    return text.strip()


async def authenticate(gateway: Gateway, authorization: str | None) -> Reader:
    """Find out who asks; raises Declined for a credential that is not good now."""
    text = bearer(authorization)
    read = read_token(text)
    if read is None:
        raise unauthenticated("This is no token of ours: is it whole, without a typo?")
    id_, secret = read
    source = gateway.sources["audit"]
    row = await gateway.tokens.find(source.database, source.projector, id_)
    known = str(row["sha256"]) if row else _NO_HASH
    if not hmac.compare_digest(known, hash_secret(secret)) or row is None:
        raise unauthenticated("Nobody knows this token: make a new one.")
    if row["revoked_at"] is not None:
        raise unauthenticated("The token was revoked: ask for a new one.")
    if datetime.fromisoformat(row["expires_at"]) <= gateway.now():
        raise unauthenticated("The token has expired: ask for a new one.")
    return Reader(row["principal"], tuple(row["roles"]), text)
