"""What is kept of promotions, their gates and their progress?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, json, temporal, text

# Written at every step of a promotion: what only some have stands in tables beside it,
# and an empty list is null.
PROMOTIONS: Final = temporal(
    "promotions",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("kind"),
        text("stage"),
        integer("version"),
        text("digest"),
        integer("incumbent"),
        text("requester"),
        flag("automatic"),
        text("reason"),
        text("policy"),
        text("policy_digest"),
        text("expires_at"),
        integer("retry_of"),
        json("walked_over"),
        text("incident"),
        integer("bundle"),
        text("state"),
        text("requested_at"),
        integer("requested_seq"),
        text("readied_at"),
        text("dispatched_at"),
        integer("dispatched_seq"),
        integer("token"),
        json("voters"),
        text("ended_at"),
        integer("ended_seq"),
        text("ended_by"),
        text("reason_code"),
        text("end_reason"),
        integer("by_promotion"),
        json("inputs"),
    ],
    indexes=[["requested_seq"], ["ended_seq", "model"]],
)

GATES: Final = temporal(
    "gates",
    METADATA,
    keys=[text("model"), integer("promotion"), text("gate")],
    columns=[
        text("kind"),
        text("mode"),
        text("status"),
        text("detail"),
        json("inputs"),
        json("said"),
        text("recheck_at"),
        text("waiver"),
        integer("first_seq"),
        text("at"),
    ],
)

# How far a change has come that was dispatched, and until when it may go on: `wave`
# and `step` name the row of `steps` that is under way.
UNDERWAY: Final = temporal(
    "underway",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("acknowledge_by"),
        text("step_by"),
        text("end_by"),
        text("wake_at"),
        text("bake_until"),
        integer("wave"),
        integer("step"),
        json("warnings"),
        json("accepted"),
    ],
)

# Ends when the promotion goes on; `returns_to` is the state before the pause.
PAUSES: Final = temporal(
    "pauses",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("cause"),
        text("reason"),
        text("paused_by"),
        text("paused_at"),
        text("wake_at"),
        json("inputs"),
        text("role"),
        text("returns_to"),
    ],
)

ANALYSES: Final = temporal(
    "analyses",
    METADATA,
    keys=[text("model"), integer("promotion"), text("analysis")],
    columns=[
        integer("wave"),
        integer("step"),
        json("metrics"),
        integer("samples"),
        text("from_at"),
        text("until_at"),
        json("judged"),
        text("recorded_by"),
        text("recorded_at"),
        integer("recorded_seq"),
    ],
)

# By the rollback: what the policy took back.
TRIGGERS: Final = temporal(
    "rollback_triggers",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        integer("failed_promotion"),
        text("reason_code"),
        json("inputs"),
        integer("to_version"),
        text("triggered_at"),
    ],
    indexes=[["model", "failed_promotion"]],
)
