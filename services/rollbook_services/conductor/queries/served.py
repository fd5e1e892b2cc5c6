"""What should be in the bucket, and whose is a lease?"""

from typing import Any

from sqlalchemy import Connection, select

from rollbook import codec
from rollbook.names import ModelName
from rollbook_projections.tables import as_of
from rollbook_services.conductor.react.documents import Written, documents
from rollbook_services.conductor.tables import DESIRED, KEYS, TOKENS


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


def keys(connection: Connection, *, stage: str, target: str) -> dict[str, int]:
    """List a target's keys with their revisions."""
    query = select(KEYS.c.key, KEYS.c.revision).where(
        as_of(KEYS, None), KEYS.c.stage == stage, KEYS.c.target == target
    )
    return {row.key: row.revision for row in connection.execute(query)}


def token(connection: Connection, id_: str) -> dict[str, Any] | None:
    """Return a token that is bound to a place and not revoked."""
    query = select(TOKENS).where(as_of(TOKENS, None), TOKENS.c.token == id_)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
