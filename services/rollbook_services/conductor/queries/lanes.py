"""In which free lanes, and for which bundles, did something become possible?"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, select, union

from rollbook.names import BundleId, EventId, ModelName, PromotionId, StageName
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react.memory import (
    Bundle,
    Lane,
    Member,
    Trigger,
    Waiting,
)
from rollbook_services.conductor.tables import (
    BUNDLES,
    ENDED_MEMBERS,
    LANES,
    PROMOTIONS,
)

_SAME = and_(
    LANES.c.model == PROMOTIONS.c.model,
    LANES.c.stage == PROMOTIONS.c.stage,
    as_of(LANES, None),
)
_WITH_LANE = select(
    *(
        PROMOTIONS.c[name]
        for name in (
            *("model", "stage", "promotion", "bundle", "correlation"),
            *("ready_event", "ready_sequence"),
        )
    ),
    *(LANES.c[name] for name in ("slot", "freed_event", "freed_sequence")),
).where(as_of(PROMOTIONS, None))


def free(connection: Connection, *, after: int) -> tuple[list[Lane], list[Bundle]]:
    """Return the free lanes where somebody waits, and bundles, with news.

    News: somebody got ready, a slot was released, a member ended.
    """
    waiting: dict[tuple[str, str], list[Any]] = defaultdict(list)
    numbers: set[int] = set()
    for row in _waiting(connection, after):
        if row.bundle is None:
            waiting[row.model, row.stage].append(row)
        else:
            numbers.add(row.bundle)  # a member never goes alone
    numbers |= _moved(connection, after)
    return (
        [_lane(waiting[key]) for key in sorted(waiting)],
        _bundles(connection, numbers),
    )


def _waiting(connection: Connection, after: int) -> list[Any]:
    ready = select(PROMOTIONS.c.model, PROMOTIONS.c.stage).where(
        as_of(PROMOTIONS, None), PROMOTIONS.c.ready_sequence > after
    )
    freed = select(LANES.c.model, LANES.c.stage).where(
        as_of(LANES, None), LANES.c.freed_sequence > after
    )
    news = union(ready, freed).subquery("news")
    same = and_(PROMOTIONS.c.model == news.c.model, PROMOTIONS.c.stage == news.c.stage)
    query = (
        _WITH_LANE.select_from(news.join(PROMOTIONS, same).outerjoin(LANES, _SAME))
        .where(PROMOTIONS.c.ready_sequence.is_not(None))
        .where(LANES.c.slot.is_(None))
    )
    return list(connection.execute(query))


def _lane(rows: list[Any]) -> Lane:
    return Lane(
        waiting=[
            Waiting(
                model=ModelName(row.model),
                stage=StageName(row.stage),
                promotion=PromotionId(row.promotion),
                readied=Trigger(EventId(row.ready_event), row.ready_sequence),
                correlation=row.correlation,
            )
            for row in rows
        ],
        freed=_trigger(rows[0].freed_event, rows[0].freed_sequence),
    )


def _moved(connection: Connection, after: int) -> set[int]:
    """Number the bundles that were dispatched, or of which a member ended."""
    return {
        number
        for table in (BUNDLES, ENDED_MEMBERS)
        for number in connection.scalars(
            select(table.c.bundle).where(as_of(table, None), table.c.since > after)
        )
    }


def _bundles(connection: Connection, numbers: Collection[int]) -> list[Bundle]:
    if not numbers:
        return []
    members = _members(connection, numbers)
    known = select(BUNDLES).where(as_of(BUNDLES, None), BUNDLES.c.bundle.in_(numbers))
    return [
        Bundle(
            bundle=BundleId(row.bundle),
            is_dispatched=row.is_dispatched,
            members=[
                members.get((row.bundle, each), Member(ModelName(each)))
                for each in row.members
            ],
        )
        for row in connection.execute(known.order_by(BUNDLES.c.bundle))
    ]


def _members(
    connection: Connection, numbers: Collection[int]
) -> dict[tuple[int, str], Member]:
    open_ = _WITH_LANE.select_from(PROMOTIONS.outerjoin(LANES, _SAME))
    ended = select(ENDED_MEMBERS).where(as_of(ENDED_MEMBERS, None))
    members = {
        (row.bundle, row.model): Member(
            model=ModelName(row.model),
            readied=_trigger(row.ready_event, row.ready_sequence),
            is_lane_free=row.slot is None,
            freed=_trigger(row.freed_event, row.freed_sequence),
        )
        for row in connection.execute(open_.where(PROMOTIONS.c.bundle.in_(numbers)))
    }
    for row in connection.execute(ended.where(ENDED_MEMBERS.c.bundle.in_(numbers))):
        members[row.bundle, row.model] = Member(
            model=ModelName(row.model),
            ended=Trigger(EventId(row.event), row.sequence),
            has_succeeded=row.has_succeeded,
        )
    return members


def _trigger(event: str | None, sequence: int | None) -> Trigger | None:
    if event is None or sequence is None:
        return None
    return Trigger(EventId(event), sequence)
