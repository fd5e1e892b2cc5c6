"""What is kept of freezes?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, json, temporal, text

FREEZES: Final = temporal(
    "freezes",
    METADATA,
    keys=[text("freeze")],
    columns=[
        json("covers"),
        text("begins_at"),
        text("ends_at"),
        text("in_flight"),
        json("exempt"),
        flag("waivable"),
        flag("stops_the_line"),
        text("reason"),
        text("incident"),
        text("declared_by"),
        text("declared_at"),
        integer("declared_seq"),
        text("lifted_by"),
        text("lifted_at"),
        text("lifted_reason"),
    ],
    indexes=[["lifted_at"]],
)
