"""How does each event enter the audit view?"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook.ledger.protocol import Message
from rollbook.names import Digest, ModelName
from rollbook.subjects import model_name
from rollbook_projections.audit.tables import METADATA
from rollbook_projections.projection import Handler, Projection
from rollbook_projections.rows import Rows


def recorded(
    rows: Rows, message: Message, raw: Mapping[str, Any], leaf: Digest
) -> None:
    """Keep an event, with what people search by beside its bytes."""
    data = raw["data"]
    look = data.get
    report = look("report") or data
    rows.append(
        "events",
        {
            "seq": message.sequence,
            "id": raw["id"],
            "type": raw["type"],
            "model": _model(raw["subject"]),
            "promotion": _number(look("promotion") or report.get("promotion")),
            "version": _number(look("version") or look("to_version")),
            "stage": _text(look("stage") or report.get("stage")),
            "actor": raw["authid"],
            "at": raw["time"],
            "at_max": rows.at_max,
            "command_id": raw["commandid"],
            "correlation": raw["correlationid"],
            "causation": raw.get("causationid"),
            "reason": _text(
                look("reason") or look("comment") or look("notes") or look("message")
            ),
            "body": message.body,
        },
    )


def token_issued(rows: Rows, envelope: Envelope[Data]) -> None:
    """A credential exists from now on."""
    data = envelope.event
    rows.put(
        "tokens",
        {
            "token": data["token"],
            "sha256": data["sha256"],
            "principal": data["principal"],
            "roles": data["roles"],
            "place": data["place"],
            "expires_at": data["until"],
            "issued_at": envelope.raw["time"],
            "issued_by": envelope.actor.id,
        },
    )


def token_revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """A credential opens nothing from now on."""
    data = envelope.event
    token = rows.get("tokens", data["token"])
    if token is not None:
        rows.put(
            "tokens",
            {
                **token,
                "revoked_at": envelope.raw["time"],
                "revoked_by": envelope.actor.id,
                "revoked_reason": data["reason"],
            },
        )


HANDLERS: Final[Mapping[str, Handler]] = {
    "token.issued": token_issued,
    "token.revoked": token_revoked,
}

AUDIT: Final = Projection(
    name="audit",
    version=2,
    metadata=METADATA,
    handlers=HANDLERS,
    every=recorded,
    skips_unknown=True,
)


@lru_cache(maxsize=65_536)
def _model(aggregate: str) -> ModelName | None:
    return model_name(aggregate)


# The data of a newer release's event may hold anything under these names.
def _number(value: object) -> int | None:
    return value if type(value) is int else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
