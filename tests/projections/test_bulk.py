"""Do bulk jobs fail in words that callers know, and leave the process as it was?"""

import gc
import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rollbook_projections import bulk, generation
from rollbook_projections.bulk import FEW, collector_paused
from rollbook_projections.database import open_database
from tests.projections.counting import COUNTING, history
from tests.projections.test_projector import ledger_of, projecting
from tests.support.postgres import fresh_postgres


@pytest.fixture
def fresh_url(postgres_url: str) -> Iterator[str]:
    with fresh_postgres(postgres_url, f"test_{uuid.uuid4().hex}") as url:
        yield url


def refuse_late_rows(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE seen ADD CHECK (seq < 10)")


async def test_a_refused_copy_is_an_error_of_the_database(fresh_url: str) -> None:
    recorder = history(models=1, moves=2 * FEW)
    async with projecting(fresh_url) as projector:
        await projector.database.write(refuse_late_rows)
        with pytest.raises(DBAPIError, match="seen_seq_check"):
            await projector.catch_up(await ledger_of(recorder))


async def test_a_connection_lost_in_a_copy_is_replaced(fresh_url: str) -> None:
    table = generation.live(COUNTING).tables["seen"]
    async with open_database(fresh_url, "lost") as database:
        await database.write(table.create)

        def cut(connection: Connection) -> None:
            def rows() -> Iterator[tuple[int, str, str]]:
                for seq in range(2 * FEW):
                    yield seq, "", "x" * 100_000
                    if seq == FEW:
                        with database.snapshot() as other:
                            other.exec_driver_sql(f"SELECT pg_terminate_backend({pid})")

            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            bulk.insert(connection, table, rows())

        with pytest.raises(DBAPIError):
            await database.write(cut)
        rows = [(seq, "", "") for seq in range(2 * FEW)]
        await database.write(lambda connection: bulk.insert(connection, table, rows))


def test_the_collector_comes_back_after_the_last_bulk_job() -> None:
    assert gc.isenabled()
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(collector_paused(True))
        second.enter_context(collector_paused(True))
        first.close()
        assert not gc.isenabled()
        second.close()
        assert gc.isenabled()


def test_a_bulk_job_leaves_alone_what_the_start_froze() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with collector_paused(True):
            pass
        assert gc.get_freeze_count() >= frozen > 0
    finally:
        gc.unfreeze()
