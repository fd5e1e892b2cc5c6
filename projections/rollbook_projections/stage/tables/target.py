"""What is kept of targets: what their agents last said, and what drifted there?"""

from typing import Final

from rollbook_projections.stage.tables.metadata import METADATA
from rollbook_projections.tables import flag, integer, json, temporal, text

# `state` is the last report's; `told` whether the lane's document names the target
# now. `straggler`: a step went on without it, and it has not caught up since.
TARGETS: Final = temporal(
    "targets",
    METADATA,
    keys=[text("model"), text("stage"), text("target")],
    columns=[
        text("agent"),
        text("state"),
        integer("revision"),
        integer("token"),
        integer("promotion"),
        json("observed"),
        text("reason_code"),
        text("log_uri"),
        integer("report_seq"),
        text("reported_at"),
        text("recorded_at"),
        flag("told"),
        text("acknowledged_at"),
        integer("applied_revision"),
        text("applied_at"),
        integer("converged_ms"),
        flag("straggler"),
        text("drift"),
    ],
)

# A drift keeps its row when it ends: `corrected`, or `over` where another one was seen
# or a new document told the target anew what to run.
DRIFTS: Final = temporal(
    "drifts",
    METADATA,
    keys=[text("model"), text("drift")],
    columns=[
        text("stage"),
        text("target"),
        text("agent"),
        text("policy"),
        text("state"),
        integer("revision"),
        json("observed"),
        text("detected_at"),
        integer("detected_seq"),
        text("accepted_by"),
        text("accepted_at"),
        text("accepted_reason"),
        text("ended_at"),
    ],
    indexes=[["detected_seq"]],
)
