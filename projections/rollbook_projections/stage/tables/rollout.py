"""What is kept of roll-outs: the plan of each, and how its steps went?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

# Written once, at dispatch; what was recorded before there were plans has none.
PLANS: Final = temporal(
    "rollout_plans",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        json("waves"),
        json("steps"),
        text("split_key"),
        json("measures"),
        json("drained"),
    ],
)

STEPS: Final = temporal(
    "steps",
    METADATA,
    keys=[text("model"), integer("promotion"), integer("wave"), integer("step")],
    columns=[
        integer("weight"),
        json("targets"),
        text("started_at"),
        text("applied_at"),
        text("bake_until"),
        text("completed_at"),
        json("stragglers"),
    ],
)
