"""What is known at one moment that may make something due?

Each query searches an index for what is new since the last look, whatever else is
open.
"""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Select, Table, func, select
from sqlalchemy.sql.selectable import CompoundSelect

from rollbook.names import EventId, ModelName, PromotionId
from rollbook_projections import checkpoint
from rollbook_projections.tables import as_of
from rollbook_services.conductor.queries import lanes, outside
from rollbook_services.conductor.react.memory import Hold, Memory, Timer
from rollbook_services.conductor.tables import LANES, STIRS, TIMERS


@dataclass(frozen=True, slots=True)
class Looked:
    """Up to where everything that was due has been answered."""

    position: int = 0
    at: str = ""


def memory(
    connection: Connection, *, swept: Looked, looked: Looked, now: str
) -> Memory:
    """Read what is new since `looked`; of lanes and timers, since `swept`."""
    place = checkpoint.place(connection)
    stirs = outside.stirs(connection, after=looked.position, since=looked.at, now=now)
    policies = outside.policies(connection)
    free, bundles = lanes.free(connection, after=swept.position)
    return Memory(
        position=place[1] if place else 0,
        lanes=free,
        bundles=bundles,
        timers=_timers(connection, swept, now),
        holds=_holds(connection, swept, now),
        stirs=stirs,
        open=outside.promotions(connection) if stirs else [],
        changed=outside.changed(
            connection, policies, stirs=stirs, after=looked.position
        ),
        policies=policies,
        next_at=_next_at(connection, now),
    )


def _timers(connection: Connection, swept: Looked, now: str) -> list[Timer]:
    return [
        Timer(
            model=ModelName(row.model),
            promotion=PromotionId(row.promotion),
            name=row.name,
            at=row.at,
            event=EventId(row.event),
            correlation=row.correlation,
        )
        for row in connection.execute(_come(TIMERS, TIMERS.c.at, swept, now))
    ]


def _holds(connection: Connection, swept: Looked, now: str) -> list[Hold]:
    return [
        Hold(ModelName(row.model), EventId(row.hold_event), row.hold_until)
        for row in connection.execute(_come(LANES, LANES.c.hold_until, swept, now))
    ]


def _come(
    table: Table, at: Column[str], looked: Looked, now: str
) -> CompoundSelect[tuple[object, ...]]:
    """Select the rows whose instant has come, or that were late to tell of it."""
    come = select(table).where(as_of(table, None), at <= now)
    new: Select[tuple[object, ...]] = come.where(table.c.since > looked.position)
    return come.where(at >= looked.at).union(new)


def _next_at(connection: Connection, now: str) -> str | None:
    instants = (
        connection.scalar(select(func.min(at)).where(as_of(table, None), at > now))
        for table, at in (
            (TIMERS, TIMERS.c.at),
            (STIRS, STIRS.c.at),
            (LANES, LANES.c.hold_until),
        )
    )
    return min((each for each in instants if each is not None), default=None)
