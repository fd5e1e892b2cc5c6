"""What is kept of evidence?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import integer, json, temporal, text

EVIDENCE: Final = temporal(
    "evidence",
    METADATA,
    keys=[text("model"), integer("version"), text("evidence")],
    columns=[
        text("kind"),
        text("subject_digest"),
        json("dataset"),
        json("metrics"),
        text("verdict"),
        text("produced_at"),
        text("valid_until"),
        json("statement"),
        json("verified"),
        text("recorded_by"),
        text("recorded_at"),
        integer("recorded_seq"),
        text("revoked_by"),
        text("revoked_at"),
        text("revoked_reason"),
    ],
)
