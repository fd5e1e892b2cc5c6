"""What is kept of people with several accounts?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import json, temporal, text

# By each account all accounts of the same person, itself included.
PERSONS: Final = temporal(
    "persons",
    METADATA,
    keys=[text("principal")],
    columns=[
        json("principals"),
        text("linked_by"),
        text("linked_at"),
        text("reason"),
    ],
)
