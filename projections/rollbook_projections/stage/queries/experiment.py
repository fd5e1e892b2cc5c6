"""What runs, or ran, beside the live version, and what did it show?"""

from typing import Any

from rollbook_projections.stage.tables.experiment import EXPERIMENTS
from rollbook_projections.view import Row, View


def experiments(
    view: View,
    *,
    model: str | None = None,
    stage: str | None = None,
    state: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Row]:
    """List experiments, the latest first, those begun below the sequence `before`."""
    columns = EXPERIMENTS.c
    wanted = {columns.model: model, columns.stage: stage, columns.state: state}
    where = [column == value for column, value in wanted.items() if value is not None]
    if before is not None:
        where.append(columns.started_seq < before)
    order = [columns.started_seq.desc()]
    found = view.rows(EXPERIMENTS, *where, order_by=order, limit=limit)
    return [_shown(row) for row in found]


def experiment(view: View, model: str, promotion: int) -> Row | None:
    """Show what one promotion compares, or None."""
    columns = EXPERIMENTS.c
    where = columns.model == model, columns.promotion == promotion
    found = view.one(EXPERIMENTS, *where)
    return None if found is None else _shown(found)


def _shown(row: Row) -> dict[str, Any]:
    return {**row, "summary": row["summary"] or {}, "inputs": row["inputs"] or []}
