"""Which tables hold the lineage view?

A node has no table of its own: its id says what it is, `dataset:<digest>`,
`code:<repository>@<commit>`, `run:<uri>`, `base:<uri>`, `version:<model>@<number>`,
`lane:<model>#<stage>`. What more is known of a version stands in `versions`.
"""

from typing import Final

from sqlalchemy import MetaData

from rollbook_projections.tables import integer, json, temporal, text

METADATA: Final = MetaData()

VERSIONS: Final = temporal(
    "versions",
    METADATA,
    keys=[text("model"), integer("version")],
    columns=[
        text("digest"),
        text("label"),
        text("producer"),
        text("registered_at"),
        integer("registered_seq"),
        json("lineage"),
    ],
    indexes=[["digest"]],
)

# `name`: a data set's name there, a commit, a run's or base's address.
EDGES: Final = temporal(
    "edges",
    METADATA,
    keys=[text("product"), text("kind"), text("source"), text("role")],
    columns=[text("name")],
    indexes=[["source"], ["name"]],
)

EVALUATIONS: Final = temporal(
    "evaluations",
    METADATA,
    keys=[text("model"), integer("version"), text("evidence")],
    columns=[text("dataset"), text("name"), text("kind"), text("verdict")],
    indexes=[["dataset"]],
)

# What was live in a lane: `since` and `until` are the interval's ends.
DEPLOYMENTS: Final = temporal(
    "deployments",
    METADATA,
    keys=[text("model"), text("stage")],
    columns=[integer("version"), integer("promotion"), text("from_at")],
)
