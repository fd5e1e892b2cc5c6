"""Which running steps does a metrics server know something of?"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from rollbook.catalogue.rollout import Measure
from rollbook.names import (
    Digest,
    EventId,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react.measuring import Bake, Step, Variant
from rollbook_services.conductor.tables import MEASURED


def steps(connection: Connection) -> list[Step]:
    """Return the steps that have begun, of changes that have not ended."""
    begun = as_of(MEASURED, None), MEASURED.c.event.is_not(None)
    return [_step(row) for row in connection.execute(select(MEASURED).where(*begun))]


def _step(row: Row[tuple[object, ...]]) -> Step:
    return Step(
        model=ModelName(row.model),
        promotion=PromotionId(row.promotion),
        stage=StageName(row.stage),
        wave=row.wave,
        step=row.step,
        targets=tuple(TargetName(each) for each in row.targets),
        event=EventId(row.event),
        since=datetime.fromisoformat(row.at),
        bake=_bake(row.bake),
        candidate=_variant(row.candidate),
        champion=None if row.champion is None else _variant(row.champion),
        measures=tuple(Measure.model_validate(each) for each in row.measures),
        correlation=row.correlation,
    )


def _bake(written: dict[str, str] | None) -> Bake | None:
    if written is None:
        return None
    since, until = (
        datetime.fromisoformat(written[name]) for name in ("since", "until")
    )
    return Bake(since, until)


def _variant(written: dict[str, Any]) -> Variant:
    return Variant(Version(written["version"]), Digest(written["digest"]))
