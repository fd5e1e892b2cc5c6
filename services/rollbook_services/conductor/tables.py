"""What does the conductor remember of the ledger? Not what it did: the ledger says.

Instants are text that sorts (`react.instants`), so that what is due is a range of an
index.
"""

from typing import Final

from sqlalchemy import MetaData

from rollbook_projections.tables import blob, flag, integer, json, temporal, text

METADATA: Final = MetaData()
PROMOTIONS: Final = temporal(
    "promotions",  # that have not ended
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("stage"),
        integer("version"),
        text("digest"),
        flag("is_running"),
        integer("bundle"),  # null: it stands alone
        text("ready_event"),  # null while a gate is closed
        integer("ready_sequence"),
        integer("requested_sequence"),
        text("requested_at"),
        text("paused_at"),
        json("timers"),  # the names of its rows in `timers`
        text("correlation"),
    ],
    indexes=[["ready_sequence"], ["bundle"], ["model", "stage"]],
)
TIMERS: Final = temporal(
    "timers",  # when time alone may change a promotion
    METADATA,
    keys=[text("model"), integer("promotion"), text("name")],
    columns=[text("at"), text("event"), text("correlation")],
    indexes=[["at"], ["since"]],
)
MEASURED: Final = temporal(
    "measured",  # promotions under way of which a metrics server knows something
    METADATA,
    keys=[text("model"), integer("promotion")],
    columns=[
        text("stage"),
        json("measures"),
        json("candidate"),  # version and digest
        json("champion"),  # the same of what was stable before; null: nothing
        integer("wave"),
        integer("step"),
        json("targets"),
        text("event"),  # that began the step; null before the first
        text("at"),
        json("bake"),  # from when to when; null until enough targets run it
        text("correlation"),
    ],
)
STIRS: Final = temporal(
    "stirs",  # what may change many promotions
    METADATA,
    keys=[text("name")],
    columns=[
        text("kind"),
        text("event"),
        text("at"),
        flag("is_edge"),  # it happens at that instant, not with the event
        json("models"),
        json("stages"),
    ],
    indexes=[["since"], ["at"]],
)
FREEZES: Final = temporal(
    "freezes",  # that nobody has lifted
    METADATA,
    keys=[text("freeze")],
    columns=[json("models"), json("stages"), json("edges")],
)
LANES: Final = temporal(
    "lanes",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[
        integer("slot"),  # the promotion that holds it; null: free
        text("freed_event"),
        integer("freed_sequence"),
        text("hold_event"),
        text("hold_until"),
    ],
    indexes=[["freed_sequence"], ["hold_until"], ["since"]],
)
BUNDLES: Final = temporal(
    "bundles",  # that have not ended
    METADATA,
    keys=[integer("bundle")],
    columns=[text("stage"), json("members"), flag("is_dispatched")],
    indexes=[["since"]],
)
ENDED_MEMBERS: Final = temporal(
    "ended_members",  # of bundles that have not ended
    METADATA,
    keys=[integer("bundle"), text("model")],
    columns=[text("event"), integer("sequence"), flag("has_succeeded")],
    indexes=[["since"]],
)
MODELS: Final = temporal(
    "models",
    METADATA,
    keys=[text("model")],
    columns=[text("event")],  # the last that may change what automation would choose
    indexes=[["since"]],
)
REVISIONS: Final = temporal(
    "revisions",  # of policies
    METADATA,
    keys=[text("policy"), text("digest")],
    columns=[flag("is_automatic")],  # whether a stage of it chooses by itself
)
POLICIES: Final = temporal(
    "policies",  # one row: handlers find rows by key alone
    METADATA,
    keys=[text("aggregate")],
    columns=[json("active")],
)
DESIRED: Final = temporal(
    "desired",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[blob("body")],
    indexes=[["since"]],
)
KEYS: Final = temporal(
    "keys",
    METADATA,
    keys=[text("key")],
    # The place whose agent reads it: of a lane that runs beside another, that one's.
    columns=[text("stage"), text("target"), integer("revision")],
    indexes=[["stage", "target"]],
)
AGENTS: Final = temporal(
    "agents",  # also those that were revoked
    METADATA,
    keys=[text("agent")],
    columns=[
        text("stage"),
        text("target"),
        text("public_key"),
        flag("is_revoked"),
        flag("is_drained"),
        flag("is_present"),  # holds its lease, as far as the ledger knows
        text("session"),
        text("event"),  # that said so
    ],
)
TOKENS: Final = temporal(
    "tokens",
    METADATA,
    keys=[text("token")],
    columns=[
        text("sha256"),
        text("principal"),
        text("stage"),
        text("target"),
        text("ends"),
    ],
)
