"""What can be asked of the record: who did what, when and why?

Synchronous functions over a connection; `as_of` is a ledger sequence, None is now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, select

from rollbook import codec
from rollbook.envelope import written
from rollbook.event import TYPE_PREFIX
from rollbook_projections import checkpoint
from rollbook_projections.audit.tables import EVENTS, TOKENS
from rollbook_projections.checkpoint import Anomaly
from rollbook_projections.tables import as_of as held_at

MOST: Final = 1_000
_STEP: Final = timedelta(milliseconds=1)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) + _STEP
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are asked for; what is None does not matter.

    `type` is a recorded name and may hold `*`: `promotion.*`. Times are the ledger's
    running maximum, so that they grow with the sequence.
    """

    model: str | None = None
    actor: str | None = None
    type: str | None = None
    stage: str | None = None
    promotion: int | None = None
    version: int | None = None
    correlation: str | None = None
    command_id: str | None = None
    since: datetime | int | None = None
    until: datetime | int | None = None
    text: str | None = None
    """Words to find in the reason, in any case."""


def events(
    connection: Connection,
    wanted: Filter | None = None,
    *,
    after: int = 0,
    limit: int = 100,
    newest_first: bool = False,
    as_of: int | None = None,
) -> list[Row]:
    """Return a page of events; `after` is the last sequence of the page before.

    Each has the columns of the table, what the envelope says beside, and its `data`.
    """
    seq = EVENTS.c.seq
    conditions = _conditions(connection, wanted or Filter())
    if as_of is not None:
        conditions.append(seq <= as_of)
    if newest_first and after:
        conditions.append(seq < after)
    elif not newest_first:
        conditions.append(seq > after)
    page = (
        select(EVENTS)
        .where(*conditions)
        .order_by(seq.desc() if newest_first else seq)
        .limit(min(limit, MOST))
    )
    return [_opened(row, with_body=False) for row in _rows(connection, page)]


def event(connection: Connection, seq: int) -> Row | None:
    """Return one event as `events` does, with `event` as recorded and its `body`."""
    found = _rows(connection, select(EVENTS).where(EVENTS.c.seq == seq))
    return _opened(found[0]) if found else None


def bodies(
    connection: Connection,
    wanted: Filter,
    *,
    after: int = 0,
    limit: int = MOST,
    as_of: int | None = None,
) -> list[Row]:
    """Return sequence, type and stored bytes, in order, of what is asked for."""
    seq = EVENTS.c.seq
    conditions = [seq > after, *_conditions(connection, wanted)]
    if as_of is not None:
        conditions.append(seq <= as_of)
    page = (
        select(seq, EVENTS.c.type, EVENTS.c.body)
        .where(*conditions)
        .order_by(seq)
        .limit(limit)
    )
    return _rows(connection, page)


def has_passed(connection: Connection, instant: datetime) -> bool:
    """Tell whether the view has gone beyond an instant: nothing joins what was then."""
    latest = instant_of(connection, head(connection))
    return latest is not None and latest > written(instant)


def resolve_as_of(connection: Connection, instant: datetime) -> int:
    """Return the last sequence that had happened by an instant; 0: none had."""
    # Times grow with the sequence, so twenty looks find one in a million: no index.
    low, high, moment = 0, head(connection), written(instant)
    while low < high:
        middle = (low + high + 1) // 2
        at = instant_of(connection, middle)
        if at is None or at <= moment:
            low = middle
        else:
            high = middle - 1
    return low


def instant_of(connection: Connection, seq: int) -> str | None:
    """Return the running-maximum time at a sequence, as the ledger writes it."""
    latest = (
        select(EVENTS.c.at_max)
        .where(EVENTS.c.seq <= seq)
        .order_by(EVENTS.c.seq.desc())
        .limit(1)
    )
    at: str | None = connection.execute(latest).scalar_one_or_none()
    return at


def head(connection: Connection) -> int:
    """Return the last sequence this view has applied."""
    place = checkpoint.place(connection)
    return place[1] if place else 0


def tokens(connection: Connection, *, as_of: int | None = None) -> list[Row]:
    """Return every credential that was ever issued, and whether it was revoked."""
    page = select(TOKENS).where(held_at(TOKENS, as_of)).order_by(TOKENS.c.token)
    return _rows(connection, page)


def token(
    connection: Connection, token: str, *, as_of: int | None = None
) -> Row | None:
    """Return one credential."""
    page = select(TOKENS).where(held_at(TOKENS, as_of), TOKENS.c.token == token)
    found = _rows(connection, page)
    return found[0] if found else None


def anomalies(connection: Connection, *, as_of: int | None = None) -> list[Anomaly]:
    """Return the messages in the ledger that changed nothing, and why."""
    return [
        each
        for each in checkpoint.anomalies(connection)
        if as_of is None or each.sequence <= as_of
    ]


def _conditions(connection: Connection, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        EVENTS.c[name] == value
        for name in (
            *("model", "actor", "stage", "promotion", "version"),
            *("correlation", "command_id"),
        )
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.type is not None:
        conditions.append(_type_like(wanted.type))
    if wanted.since is not None:
        conditions.append(EVENTS.c.seq >= _from(connection, wanted.since))
    if wanted.until is not None:
        conditions.append(EVENTS.c.seq <= _up_to(connection, wanted.until))
    if wanted.text is not None:
        conditions.append(EVENTS.c.reason.icontains(wanted.text, autoescape=True))
    return conditions


def _type_like(glob: str) -> ColumnElement[bool]:
    escaped = glob.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    pattern = f"{TYPE_PREFIX}{escaped.replace('*', '%')}.v%"
    return EVENTS.c.type.like(pattern, escape="\\")


def _from(connection: Connection, moment: datetime | int) -> int:
    if isinstance(moment, int):
        return moment
    return resolve_as_of(connection, max(moment, _EARLIEST) - _STEP) + 1


def _up_to(connection: Connection, moment: datetime | int) -> int:
    if isinstance(moment, int):
        return moment
    return resolve_as_of(connection, moment)


def _rows(connection: Connection, query: Any) -> list[Row]:
    found: Sequence[Any] = connection.execute(query).mappings().all()
    return [dict(row) for row in found]


def _opened(row: Row, *, with_body: bool = True) -> Row:
    body = bytes(row.pop("body"))
    raw = codec.parse(body)
    opened = {
        **row,
        "aggregate": raw["subject"],
        "rev": raw["rev"],
        "leaf": codec.leaf_hash(body),
        "actor_kind": raw["authtype"],
        "roles": [role for role in raw.get("authroles", "").split(",") if role],
        "kid": raw["kid"],
        "data": codec.data_of(raw),
    }
    return {**opened, "event": raw, "body": body} if with_body else opened
