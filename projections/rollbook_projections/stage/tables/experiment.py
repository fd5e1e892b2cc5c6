"""What is kept of versions that ran beside the live one?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

EXPERIMENTS: Final = temporal(
    "experiments",
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("stage"),
        text("parent"),
        text("beside"),
        integer("candidate"),
        integer("champion"),
        integer("share"),
        text("split_key"),
        text("metric"),
        integer("min_samples"),
        text("ends_at"),
        text("state"),
        text("started_at"),
        integer("started_seq"),
        text("ended_at"),
        text("winner"),
        integer("samples"),
        json("summary"),
        text("evidence"),
        text("cause"),
        json("inputs"),
    ],
    indexes=[["started_seq"]],
)
