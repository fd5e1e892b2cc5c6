"""What does the conductor remember of the ledger? Not what it did: the ledger says."""

from typing import Final

from sqlalchemy import MetaData

from rollbook_projections.tables import blob, integer, temporal, text

METADATA: Final = MetaData()
PROMOTIONS: Final = temporal(
    "promotions",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("stage"),
        text("ready_event"),  # null while a gate is closed
        integer("ready_sequence"),
        text("correlation"),
    ],
    indexes=[["ready_sequence"]],
)
LANES: Final = temporal(
    "lanes",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[
        integer("slot"),  # the promotion that holds it; null: free
        text("freed_event"),
        integer("freed_sequence"),
        text("correlation"),
    ],
)
DESIRED: Final = temporal(
    "desired",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[blob("body")],
    indexes=[["since"]],
)
KEYS: Final = temporal(
    "keys",
    METADATA,
    keys=[text("key")],
    columns=[text("stage"), text("target"), integer("revision")],
    indexes=[["stage", "target"]],
)
TOKENS: Final = temporal(
    "tokens",
    METADATA,
    keys=[text("token")],
    columns=[
        text("sha256"),
        text("principal"),
        text("stage"),
        text("target"),
        text("ends"),
    ],
)
