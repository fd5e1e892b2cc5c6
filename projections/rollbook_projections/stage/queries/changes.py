"""What changed between two moments?"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Table, and_

from rollbook_projections.stage.tables.bundle import BUNDLES
from rollbook_projections.stage.tables.calendar import FREEZES
from rollbook_projections.stage.tables.evidence import EVIDENCE
from rollbook_projections.stage.tables.experiment import EXPERIMENTS
from rollbook_projections.stage.tables.fleet import AGENTS
from rollbook_projections.stage.tables.lane import LANES
from rollbook_projections.stage.tables.model import ALIASES, MODELS
from rollbook_projections.stage.tables.policy import POLICIES
from rollbook_projections.stage.tables.promotion import PROMOTIONS
from rollbook_projections.stage.tables.target import DRIFTS
from rollbook_projections.stage.tables.version import VERSIONS
from rollbook_projections.stage.tables.waiver import REVIEWS, WAIVERS
from rollbook_projections.tables import keys_of
from rollbook_projections.view import Row, View

_WATCHED: Final[tuple[tuple[Table, tuple[str, ...]], ...]] = (
    (MODELS, ("registered_at",)),
    (
        VERSIONS,
        (
            "digest",
            "status",
            "quarantine",
            "framework",
            "description",
            "parameters",
            "metrics",
            "tags",
            "lineage",
        ),
    ),
    (EVIDENCE, ("kind", "verdict", "revoked_at")),
    (ALIASES, ("version",)),
    (
        LANES,
        ("desired_version", "stable_version", "slot_promotion", "hold", "hold_reason"),
    ),
    (
        PROMOTIONS,
        (
            *("stage", "version", "kind", "state", "reason_code"),
            *("incumbent", "policy", "policy_digest"),
        ),
    ),
    (WAIVERS, ("promotion", "break_glass", "state")),
    (REVIEWS, ("promotion", "closed_at", "finding")),
    (POLICIES, ("digest", "models", "retired_at")),
    (FREEZES, ("covers", "begins_at", "ends_at", "lifted_at")),
    (BUNDLES, ("stage", "state")),
    (DRIFTS, ("stage", "target", "state")),
    (EXPERIMENTS, ("stage", "state", "winner")),
    (AGENTS, ("stage", "target", "state", "drained")),
)


def changes(
    view: View, from_seq: int, until_seq: int, *, model: str | None = None
) -> list[Row]:
    """List what was different right after `until_seq` from right after `from_seq`.

    Each entry names the table, the key and the fields that differ, before (null:
    it was not there) and after. What changed and changed back is no difference.
    Of one model only what is its own: no policy, freeze, bundle or agent.
    """
    return [
        entry
        for table, fields in _WATCHED
        if model is None or "model" in table.c
        for entry in _differences(view, table, fields, (from_seq, until_seq), model)
    ]


def _differences(
    view: View,
    table: Table,
    fields: tuple[str, ...],
    span: tuple[int, int],
    model: str | None,
) -> Iterator[Row]:
    start, end = span
    whose = [] if model is None else [table.c.model == model]
    # Only what began or ended in between can differ.
    ended = and_(table.c.until.is_not(None), table.c.until <= end)
    before = _by_key(table, view.at(start).rows(table, ended, *whose))
    after = _by_key(table, view.at(end).rows(table, table.c.since > start, *whose))
    names = keys_of(table) or ()
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        differing = [name for name in fields if _field(old, name) != _field(new, name)]
        if differing:
            yield {
                "table": table.name,
                "key": dict(zip(names, key, strict=True)),
                "before": old and {name: old[name] for name in differing},
                "after": new and {name: new[name] for name in differing},
            }


def _by_key(table: Table, rows: list[Row]) -> dict[tuple[Any, ...], Row]:
    names = keys_of(table) or ()
    return {tuple(row[name] for name in names): row for row in rows}


def _field(row: Row | None, name: str) -> Any:
    return None if row is None else row[name]
