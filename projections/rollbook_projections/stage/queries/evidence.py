"""What does evidence carry, kind by kind?"""

from collections import defaultdict
from typing import Final

from sqlalchemy import select

from rollbook_projections.stage.tables.evidence import EVIDENCE
from rollbook_projections.view import View

NEWEST: Final = 1000  # records that are looked at


def metrics_carried(view: View) -> dict[str, list[str]]:
    """Return, by kind, the metrics that the newest records name."""
    columns = EVIDENCE.c
    query = (
        select(columns.kind, columns.metrics)
        .where(view.visible(EVIDENCE))
        .order_by(columns.recorded_seq.desc())
        .limit(NEWEST)
    )
    carried: defaultdict[str, set[str]] = defaultdict(set)
    for row in view.fetch(query):
        carried[row["kind"]].update(row["metrics"])
    return {kind: sorted(names) for kind, names in sorted(carried.items())}
