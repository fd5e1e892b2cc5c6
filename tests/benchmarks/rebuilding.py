"""A process that rebuilds one view, once, and says how fast it was."""

import time
from pathlib import Path

from sqlalchemy import Connection

from rollbook import catalogue
from rollbook.codec import leaf_hash
from rollbook.ledger import streams
from rollbook.ledger.connection import connect
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook_projections import checkpoint, generation
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.checkpoint import Seen, Standing
from rollbook_projections.database import open_database
from rollbook_projections.lineage.declaration import LINEAGE
from rollbook_projections.projection import Projection
from rollbook_projections.rebuild import rebuild
from rollbook_projections.stage.declaration import STAGE
from rollbook_services.local.nats_keys import seed_file
from tests.benchmarks.child import Answer, answer

VIEWS = {each.name: each for each in (STAGE, LINEAGE, AUDIT)}


class Beginning(JetStreamLedger):
    """The ledger up to some event, for what would take too long on all of it."""

    end = 0

    async def head(self) -> int:
        """Return where we stop."""
        return min(self.end, await super().head())


async def work(question: Answer) -> Answer:
    """Rebuild the view that is asked for."""
    catalogue.load()
    projection = VIEWS[question["view"]]
    seed = seed_file(Path(question["folder"]) / "nats", projection.name)
    async with (
        connect(question["nats"], user=projection.name, seed_file=seed) as client,
        open_database(question["database"], projection.name) as database,
    ):
        ledger = Beginning(client, prefix=streams.CORE_PREFIX)
        ledger.end = question["events"]
        if question["digest"]:
            await database.write(lambda held: _vouch(held, projection, question))
        used = time.process_time()
        rebuilt = await rebuild(projection, database, ledger)
        used = time.process_time() - used
        standing = await database.read(checkpoint.standing)
    assert standing is not None
    return {
        "seconds": rebuilt.seconds,
        "processor_seconds": used,
        "vouched": rebuilt.vouched,
        "position": standing.position,
        "digest": standing.digest.hex(),
    }


def _vouch(connection: Connection, projection: Projection, question: Answer) -> None:
    """Leave what a live view knows of the ledger: that it judged all of it.

    Its other tables stay empty; a rebuild does not look at them.
    """
    live = generation.live(projection)
    live.create(connection)
    live.index(connection)
    now = Standing(
        name=projection.name,
        version=projection.version,
        position=question["events"],
        digest=bytes.fromhex(question["digest"]),
        leaf=leaf_hash(b""),
    )
    checkpoint.record(connection, live.tables, now, Seen({}, (), ()))


if __name__ == "__main__":
    answer(work)
