"""What is due, what should be in the bucket, and whose is a lease?"""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, and_, select

from rollbook import codec
from rollbook.commands.desired import Lease
from rollbook.names import EventId, ModelName, PromotionId, StageName
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react import (
    Lane,
    Trigger,
    Waiting,
    Written,
    documents,
)
from rollbook_services.conductor.tables import (
    DESIRED,
    KEYS,
    LANES,
    PROMOTIONS,
    TOKENS,
)


def free_lanes(connection: Connection) -> list[Lane]:
    """Return the lanes that somebody waits for and nobody holds."""
    promotion, lane = PROMOTIONS.c, LANES.c
    same = and_(
        lane.model == promotion.model,
        lane.stage == promotion.stage,
        as_of(LANES, None),
    )
    query = (
        select(
            PROMOTIONS,
            lane.freed_event,
            lane.freed_sequence,
        )
        .select_from(PROMOTIONS.outerjoin(LANES, same))
        .where(as_of(PROMOTIONS, None), promotion.ready_sequence.is_not(None))
        .where(lane.slot.is_(None))
    )
    lanes: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        lanes[row.model, row.stage].append(row)
    return [_lane(lanes[key]) for key in sorted(lanes)]


def _lane(rows: list[Any]) -> Lane:
    freed = rows[0]
    return Lane(
        waiting=[
            Waiting(
                model=ModelName(row.model),
                stage=StageName(row.stage),
                promotion=PromotionId(row.promotion),
                readied=Trigger(
                    EventId(row.ready_event), row.ready_sequence, row.correlation
                ),
            )
            for row in rows
        ],
        freed=None
        if freed.freed_event is None
        else Trigger(
            EventId(freed.freed_event), freed.freed_sequence, freed.correlation
        ),
    )


def desired_after(connection: Connection, sequence: int) -> list[Written]:
    """Return the documents that hold now and were decided after a sequence."""
    query = (
        select(DESIRED)
        .where(as_of(DESIRED, None), DESIRED.c.since > sequence)
        .order_by(DESIRED.c.since)
    )
    return [
        written
        for row in connection.execute(query)
        for written in documents(
            ModelName(row.model),
            row.body,
            codec.data_of(codec.parse(row.body)),
            sequence=row.since,
        )
    ]


def lease(connection: Connection, *, stage: str, target: str) -> Lease:
    """List a target's keys with their revisions."""
    query = select(KEYS.c.key, KEYS.c.revision).where(
        as_of(KEYS, None), KEYS.c.stage == stage, KEYS.c.target == target
    )
    return Lease(keys={row.key: row.revision for row in connection.execute(query)})


def token(connection: Connection, id_: str) -> dict[str, Any] | None:
    """Return a token that is bound to a place and not revoked."""
    query = select(TOKENS).where(as_of(TOKENS, None), TOKENS.c.token == id_)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
