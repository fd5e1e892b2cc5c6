"""What is kept of waivers and of the looks at them that somebody owes?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, json, temporal, text

# `gates` lists each gate with the word it said when it was waived; null: not yet.
WAIVERS: Final = temporal(
    "waivers",
    METADATA,
    keys=[text("model"), text("waiver")],
    columns=[
        integer("promotion"),
        text("stage"),
        text("digest"),
        text("break_glass"),
        json("gates"),
        text("state"),
        text("reason"),
        text("incident"),
        text("asked_by"),
        text("asked_at"),
        integer("asked_seq"),
        flag("needs_second_person"),
        text("second_person"),
        text("granted_at"),
        text("ends_at"),
    ],
    indexes=[["asked_seq"], ["model", "promotion"]],
)

REVIEWS: Final = temporal(
    "reviews",
    METADATA,
    keys=[text("model"), text("review")],
    columns=[
        text("waiver"),
        integer("promotion"),
        text("break_glass"),
        text("due_at"),
        text("escalation_role"),
        text("opened_at"),
        integer("opened_seq"),
        text("closed_by"),
        text("closed_at"),
        text("finding"),
        text("notes"),
    ],
    indexes=[["closed_at"]],
)
