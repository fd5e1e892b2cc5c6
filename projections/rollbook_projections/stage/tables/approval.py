"""What is kept of votes?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

# A vote that was taken back, voided or refused keeps its row. `voided_by` says what
# changed under it: policy or incumbent; `refused` is the reason it never counted.
VOTES: Final = temporal(
    "votes",
    METADATA,
    keys=[text("model"), integer("promotion"), text("approval")],
    columns=[
        text("vote"),
        text("gate"),
        text("voter"),
        json("roles"),
        text("binding"),
        json("bound_to"),
        text("valid_until"),
        text("comment"),
        text("voted_at"),
        integer("voted_seq"),
        text("withdrawn_at"),
        text("voided_at"),
        text("voided_by"),
        text("refused"),
    ],
)
