"""Which tables hold the stage view?"""

from typing import Final

from sqlalchemy import MetaData

from rollbook_projections.tables import flag, integer, json, temporal, text

METADATA: Final = MetaData()

MODELS: Final = temporal(
    "models",
    METADATA,
    keys=[text("model")],
    columns=[
        json("owners"),
        text("task"),
        text("tier"),
        text("description"),
        json("labels"),
        text("registered_at"),
        text("registered_by"),
        integer("registered_seq"),
    ],
)

VERSIONS: Final = temporal(
    "versions",
    METADATA,
    keys=[text("model"), integer("version")],
    columns=[
        text("digest"),
        text("uri"),
        integer("size_bytes"),
        text("media_type"),
        text("label"),
        text("framework"),
        text("description"),
        json("parameters"),
        json("metrics"),
        json("tags"),
        json("lineage"),
        json("authors"),
        text("producer"),
        text("status"),
        text("status_reason"),
        text("status_by"),
        text("status_at"),
        json("quarantine"),
        json("amendments"),
        text("event_id"),
        text("registered_at"),
        integer("registered_seq"),
        integer("rev"),
    ],
    indexes=[["model", "digest"]],
)

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
        text("recorded_by"),
        text("recorded_at"),
        integer("recorded_seq"),
        text("revoked_by"),
        text("revoked_at"),
        text("revoked_reason"),
    ],
)

# An alias that was removed keeps its row and points at no version.
ALIASES: Final = temporal(
    "aliases",
    METADATA,
    keys=[text("model"), text("alias")],
    columns=[
        integer("version"),
        integer("from_version"),
        flag("protected"),
        text("moved_at"),
        text("moved_by"),
        integer("moved_seq"),
        text("reason"),
    ],
)

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
    ],
)

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
        integer("first_seq"),
        text("at"),
    ],
)

# A vote that was taken back keeps its row.
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
