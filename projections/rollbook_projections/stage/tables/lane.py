"""What is kept of lanes and of their past?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

LANES: Final = temporal(
    "lanes",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[
        integer("token"),
        integer("slot_promotion"),
        text("slot_since"),
        integer("desired_version"),
        integer("desired_revision"),
        integer("desired_promotion"),
        text("desired_at"),
        json("variants"),
        json("weights"),
        integer("wave"),
        integer("step"),
        text("split_key"),
        text("drift_policy"),
        text("beside"),
        text("traffic"),
        integer("stable_version"),
        text("stable_digest"),
        integer("stable_promotion"),
        text("stable_since"),
        integer("stable_seq"),
        integer("depth"),
        text("hold"),
        text("hold_by"),
        text("hold_reason"),
        text("hold_since"),
        text("hold_until"),
        integer("hold_promotion"),
    ],
)

# What was stable in a lane: from this event up to, not including, `until_seq`.
# Per lane without gap or overlap from the first stable version on.
INTERVALS: Final = temporal(
    "intervals",
    METADATA,
    keys=[text("model"), text("stage"), integer("from_seq")],
    columns=[
        text("from_at"),
        integer("version"),
        text("digest"),
        integer("promotion"),
        text("kind"),
        text("put_there_by"),
        json("approved_by"),
        text("reason"),
        integer("until_seq"),
        text("until_at"),
        integer("ended_by"),
        text("ended_by_kind"),
    ],
)
