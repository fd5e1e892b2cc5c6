"""Which tables hold the audit view?

Beside its bytes an event has only the columns that people search by.
"""

from typing import Final

from sqlalchemy import MetaData

from rollbook_projections.tables import blob, integer, json, plain, temporal, text

METADATA: Final = MetaData()

EVENTS: Final = plain(
    "events",
    METADATA,
    keys=[integer("seq")],
    columns=[
        text("id"),
        text("type"),
        text("model"),
        integer("promotion"),
        integer("version"),
        text("stage"),
        text("actor"),
        text("at"),
        text("at_max"),
        text("command_id"),
        text("correlation"),
        text("causation"),
        text("reason"),
        blob("body"),
    ],
    indexes=[
        ["model", "seq"],
        ["actor", "seq"],
        ["correlation", "seq"],
        ["id"],
    ],
)

TOKENS: Final = temporal(
    "tokens",
    METADATA,
    keys=[text("token")],
    columns=[
        text("sha256"),
        text("principal"),
        json("roles"),
        json("place"),
        text("expires_at"),
        text("issued_at"),
        text("issued_by"),
        text("revoked_at"),
        text("revoked_by"),
        text("revoked_reason"),
    ],
)
