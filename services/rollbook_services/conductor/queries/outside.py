"""What happened outside of promotions that may concern them, or make new ones?"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, not_, or_, select

from rollbook.names import EventId, ModelName, PromotionId, StageName
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react.choosing import read_policies
from rollbook_services.conductor.react.memory import (
    Changed,
    Kind,
    Open,
    Policy,
    Stir,
    Trigger,
)
from rollbook_services.conductor.tables import MODELS, POLICIES, PROMOTIONS, STIRS

_OF_A_PROMOTION = [
    PROMOTIONS.c[name]
    for name in (
        *("model", "stage", "promotion", "is_running"),
        *("requested_sequence", "requested_at", "correlation"),
    )
]


def stirs(connection: Connection, *, after: int, since: str, now: str) -> list[Stir]:
    """Return what was stirred after a place in the ledger, or since an instant."""
    stir = STIRS.c
    has_come = or_(not_(stir.is_edge), stir.at <= now)
    current = select(STIRS).where(as_of(STIRS, None))
    query = current.where(stir.since > after, has_come).union(
        current.where(and_(stir.is_edge, stir.at >= since, stir.at <= now))
    )
    return [
        Stir(
            kind=Kind(row.kind),
            event=EventId(row.event),
            sequence=row.since,
            at=row.at,
            is_edge=row.is_edge,
            models=tuple(row.models),
            stages=tuple(row.stages),
        )
        for row in connection.execute(query)
    ]


def promotions(connection: Connection) -> list[Open]:
    """Return every promotion that has not ended, oldest first."""
    query = select(*_OF_A_PROMOTION).where(as_of(PROMOTIONS, None))
    rows = connection.execute(query.order_by(PROMOTIONS.c.requested_sequence))
    return [
        Open(
            model=ModelName(row.model),
            stage=StageName(row.stage),
            promotion=PromotionId(row.promotion),
            is_running=row.is_running,
            requested=row.requested_sequence,
            requested_at=row.requested_at,
            correlation=row.correlation,
        )
        for row in rows
    ]


def policies(connection: Connection) -> dict[str, Policy]:
    """Return the policies that hold now, by name."""
    query = select(POLICIES.c.active).where(as_of(POLICIES, None))
    return read_policies(connection.scalar(query) or {})


def changed(
    connection: Connection,
    policies: Mapping[str, Policy],
    *,
    stirs: Sequence[Stir],
    after: int,
) -> list[Changed]:
    """Return the models for which automation may choose anew."""
    if not any(policy.is_automatic for policy in policies.values()):
        return []
    query = select(MODELS).where(as_of(MODELS, None))
    if not any(stir.kind is Kind.POLICY for stir in stirs):
        query = query.where(MODELS.c.since > after, MODELS.c.event.is_not(None))
    return [
        Changed(
            ModelName(row.model),
            Trigger(EventId(row.event), row.since) if row.event else None,
        )
        for row in connection.execute(query.order_by(MODELS.c.model))
    ]
