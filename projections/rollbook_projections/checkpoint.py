"""Where does a view stand, and what did it see on the way?

These tables lie in the view's own database and change in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, MetaData, Table, select

from rollbook.codec import Link
from rollbook.names import Digest
from rollbook_projections.bulk import insert, upsert
from rollbook_projections.tables import blob, flag, integer, json, plain, text
from rollbook_projections.values import Encoder

TABLES: Final = MetaData()
CHECKPOINT: Final = plain(
    "checkpoint",
    TABLES,
    keys=[integer("id")],
    columns=[
        text("name"),
        integer("version"),
        integer("generation"),
        integer("position"),
        blob("digest"),
        text("leaf"),
        text("at_max"),
        text("origin"),
        json("keys"),
    ],
)
LINKS: Final = plain(
    "links",
    TABLES,
    keys=[text("aggregate")],
    columns=[integer("rev"), text("leaf"), integer("sequence")],
)
ANOMALIES: Final = plain(
    "anomalies",
    TABLES,
    keys=[integer("sequence")],
    columns=[text("subject"), text("reason")],
)
HALTED: Final = plain(
    "halted",
    TABLES,
    keys=[text("aggregate")],
    columns=[integer("sequence"), text("type"), text("why"), flag("is_newer")],
)


@dataclass(frozen=True, slots=True)
class Standing:
    """One view's place in the ledger."""

    name: str
    version: int
    generation: int = 0
    """How often the view was rebuilt."""
    position: int = 0
    """The last sequence that was applied."""
    digest: bytes = bytes(32)
    """Running SHA-256 over each message's verdict and leaf hash, up to the position."""
    leaf: str = ""
    """Leaf hash of the message at the position: recognises another ledger."""
    at_max: str = ""
    """The latest time of any event so far."""
    origin: str | None = None
    keys: Mapping[str, str] | None = None
    """Event keys that were accepted: key id → base64 of the public bytes."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A message in the ledger that changes nothing, and why."""

    sequence: int
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """An aggregate that this view stopped following, and why."""

    aggregate: str
    sequence: int
    type: str
    why: str
    is_newer: bool
    """Whether a newer release of Rollbook wrote the event."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a batch adds to the view's memory of the ledger."""

    links: Mapping[str, tuple[Link, int]]
    anomalies: Sequence[Anomaly]
    halts: Sequence[Halt]


def standing(connection: Connection, table: Table = CHECKPOINT) -> Standing | None:
    """Read where the view stands; None: it has not begun."""
    row = connection.execute(select(table)).mappings().one_or_none()
    if row is None:
        return None
    return Standing(**{name: row[name] for name in row if name != "id"})


def place(connection: Connection) -> tuple[int, int] | None:
    """Read generation and position alone."""
    row = connection.exec_driver_sql(_PLACE).one_or_none()
    return None if row is None else (row[0], row[1])


_PLACE: Final = "SELECT generation, position FROM checkpoint"  # asked at every event


def record(
    connection: Connection, tables: Mapping[str, Table], now: Standing, seen: Seen
) -> None:
    """Write where the view stands after a batch."""
    _add(connection, tables["anomalies"], seen.anomalies)
    _add(connection, tables["halted"], seen.halts)
    links = [
        (aggregate, link.rev, link.leaf, sequence)
        for aggregate, (link, sequence) in seen.links.items()
    ]
    if links:
        upsert(connection, tables["links"], links)
    row = {name: getattr(now, name) for name in Standing.__dataclass_fields__}
    upsert(connection, tables["checkpoint"], [_CHECKPOINT.encode({"id": 1, **row})])


_CHECKPOINT: Final = Encoder(CHECKPOINT)


def _add(
    connection: Connection, table: Table, rows: Sequence[Anomaly] | Sequence[Halt]
) -> None:
    if rows:
        encode = Encoder(table).encode
        insert(connection, table, [encode(asdict(row)) for row in rows])


def link(connection: Connection, aggregate: str, table: Table = LINKS) -> Link:
    """Return the last accepted place of an aggregate."""
    row = connection.execute(
        select(table.c.rev, table.c.leaf).where(table.c.aggregate == aggregate)
    ).one_or_none()
    return Link() if row is None else Link(row.rev, Digest(row.leaf))


def anomalies(connection: Connection, table: Table = ANOMALIES) -> list[Anomaly]:
    """Return every message that changed nothing, in order."""
    rows = connection.execute(select(table).order_by(table.c.sequence)).mappings()
    return [Anomaly(**row) for row in rows]


def halted(connection: Connection, table: Table = HALTED) -> list[Halt]:
    """Return the aggregates this view stopped following."""
    rows = connection.execute(select(table).order_by(table.c.sequence)).mappings()
    return [Halt(**row) for row in rows]
