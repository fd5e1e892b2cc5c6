"""What is kept of models and their aliases?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, json, temporal, text

MODELS: Final = temporal(
    "models",
    METADATA,
    keys=[text("model")],
    columns=[
        json("owners"),
        text("task"),
        text("tier"),
        text("description"),
        json("labels"),
        flag("side_effect_free"),
        text("registered_at"),
        text("registered_by"),
        integer("registered_seq"),
    ],
)

# An alias that was removed keeps its row and points at no version.
ALIASES: Final = temporal(
    "aliases",
    METADATA,
    keys=[text("model"), text("alias")],
    columns=[
        integer("version"),
        integer("from_version"),
        flag("protected"),
        text("moved_at"),
        text("moved_by"),
        integer("moved_seq"),
        text("reason"),
    ],
)
