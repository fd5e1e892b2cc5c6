"""How does a test look at everything a view has written?"""

from rollbook_projections.compare import digest, dump
from rollbook_projections.database import Database
from rollbook_projections.projection import Projection


async def rows(database: Database, projection: Projection) -> dict[str, list[str]]:
    """Return every row of every table, as text, in order."""
    lines = await database.read(
        lambda connection: [
            (name, line.decode()) for name, line in dump(connection, projection)
        ]
    )
    tables: dict[str, list[str]] = {}
    for name, line in lines:
        tables.setdefault(name, []).append(line)
    return tables


async def digest_of(database: Database, projection: Projection) -> str:
    """Return the digest of everything a view has written."""
    return await database.read(digest, projection)
