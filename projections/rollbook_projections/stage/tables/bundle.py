"""What is kept of bundles?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, temporal, text

BUNDLES: Final = temporal(
    "bundles",
    METADATA,
    keys=[integer("bundle")],
    columns=[
        text("stage"),
        text("state"),
        text("requester"),
        text("reason"),
        text("requested_at"),
        integer("requested_seq"),
        text("dispatched_at"),
        text("ended_at"),
        text("ended_by"),
        text("because_of"),
        text("reason_code"),
        text("end_reason"),
        text("rolled_back_at"),
        text("rolled_back_by"),
        text("rolled_back_reason"),
    ],
)

# `taken_back_by`: the promotion that takes the lane back; its own number where it was
# aborted.
MEMBERS: Final = temporal(
    "bundle_members",
    METADATA,
    keys=[integer("bundle"), text("model")],
    columns=[
        integer("place"),
        integer("version"),
        integer("promotion"),
        integer("taken_back_by"),
    ],
)
