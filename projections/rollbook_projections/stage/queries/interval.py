"""What was stable in which stage, from when to when, and who put it there?"""

from datetime import datetime

from sqlalchemy import or_

from rollbook.envelope import written
from rollbook_projections.stage.tables.lane import INTERVALS
from rollbook_projections.view import Row, View


def intervals(
    view: View,
    model: str,
    stage: str | None = None,
    *,
    between: tuple[datetime, datetime] | None = None,
) -> list[Row]:
    """List the intervals of a model's lanes, oldest first.

    `between` keeps those that overlap two instants; the same one twice asks for
    what was stable at that instant.
    """
    where = [INTERVALS.c.model == model]
    if stage is not None:
        where.append(INTERVALS.c.stage == stage)
    if between is not None:
        start, end = (written(instant) for instant in between)
        ended = INTERVALS.c.until_at
        where.append(INTERVALS.c.from_at <= end)
        where.append(or_(ended.is_(None), ended > start))
    order = [INTERVALS.c.stage, INTERVALS.c.from_seq]
    return view.rows(INTERVALS, *where, order_by=order)


def stable_before(view: View, model: str, stage: str, steps: int) -> Row | None:
    """Walk back `steps` stable versions of a lane; 0 is the present one.

    The same version deployed again is no step.
    """
    walked: list[Row] = []
    for row in reversed(intervals(view, model, stage)):
        if not walked or row["version"] != walked[-1]["version"]:
            walked.append(row)
        if len(walked) > steps:
            return row
    return None
