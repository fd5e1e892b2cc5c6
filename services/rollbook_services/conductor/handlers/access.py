"""Which agents may ask for a lease, and when did it change who may vote?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.rows import Rows
from rollbook_services.conductor.handlers.stir import stir
from rollbook_services.conductor.react.memory import Kind

PERSON: Final = "prn:"


def token_issued(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep an agent's token; a person's may let a vote count."""
    data = envelope.event
    if data["principal"].startswith(PERSON):
        _votes_may_differ(rows, envelope)
    if data["place"] is not None:
        rows.put(
            "tokens",
            {
                "token": data["token"],
                "sha256": data["sha256"],
                "principal": data["principal"],
                "stage": data["place"]["stage"],
                "target": data["place"]["target"],
                "ends": data["until"],
            },
        )


def token_revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget an agent's token; another's may have let a vote count."""
    token = envelope.event["token"]
    if rows.get("tokens", token) is None:
        _votes_may_differ(rows, envelope)
    rows.close("tokens", token)


def identity_linked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Two votes may be one person's."""
    _votes_may_differ(rows, envelope)


def _votes_may_differ(rows: Rows, envelope: Envelope[Data]) -> None:
    stir(rows, envelope, kind=Kind.ACCESS, name=Kind.ACCESS.value)


HANDLERS: Final[Mapping[str, Handler]] = {
    "token.issued": token_issued,
    "token.revoked": token_revoked,
    "identity.linked": identity_linked,
}
