"""What is kept of policies and of their revisions?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

# `digest` is the active revision; null: none is. `retiring` lists who wants it gone.
POLICIES: Final = temporal(
    "policies",
    METADATA,
    keys=[text("policy")],
    columns=[
        text("digest"),
        json("models"),
        json("owners"),
        text("activated_by"),
        text("activated_at"),
        integer("activated_seq"),
        json("retiring"),
        text("retired_by"),
        text("retired_at"),
        text("retired_reason"),
    ],
)

REVISIONS: Final = temporal(
    "policy_revisions",
    METADATA,
    keys=[text("policy"), text("digest")],
    columns=[
        text("state"),
        json("document"),
        json("warnings"),
        json("trial"),
        text("reason"),
        text("proposed_by"),
        text("proposed_at"),
        integer("proposed_seq"),
        json("endorsements"),
        text("supersedes"),
        text("activated_by"),
        text("activated_at"),
        text("ended_at"),
    ],
    indexes=[["state"]],
)
