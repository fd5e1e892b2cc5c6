"""What is kept of agents?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, temporal, text

# `state` is enrolled until the first lease, then present or lost, at the end revoked;
# `state_since` says when it became so. `reason` is the last one that a person gave.
AGENTS: Final = temporal(
    "agents",
    METADATA,
    keys=[text("agent")],
    columns=[
        text("stage"),
        text("target"),
        text("public_key"),
        text("token"),
        text("state"),
        text("state_since"),
        text("session"),
        text("last_heard_at"),
        flag("drained"),
        text("drained_at"),
        text("reason"),
        text("changed_by"),
        text("enrolled_at"),
        text("enrolled_by"),
        integer("enrolled_seq"),
    ],
    indexes=[["stage", "target"]],
)
