"""What is kept of versions?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

VERSIONS: Final = temporal(
    "versions",
    METADATA,
    keys=[text("model"), integer("version")],
    columns=[
        text("digest"),
        text("uri"),
        integer("size_bytes"),
        text("media_type"),
        text("label"),
        text("framework"),
        text("description"),
        json("parameters"),
        json("metrics"),
        json("tags"),
        json("lineage"),
        json("authors"),
        text("producer"),
        text("status"),
        text("status_reason"),
        text("status_by"),
        text("status_at"),
        json("quarantine"),
        json("amendments"),
        text("event_id"),
        text("registered_at"),
        integer("registered_seq"),
        integer("rev"),
    ],
    indexes=[["model", "digest"]],
)
