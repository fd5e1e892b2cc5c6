"""Does a view follow the real server, and go on by itself after every fault?"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey

from rollbook.ledger.connection import options
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook_projections import standstill
from rollbook_projections.audit import queries
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.compare import compare
from rollbook_projections.database import open_database
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector
from rollbook_projections.service import Follower, follow
from tests.projections.counting import history, moved
from tests.support.nats import LOOK_AGAIN_SECONDS, NatsServer, running_nats
from tests.support.recorder import Recorder

PREFIX = "JS.CORE.API"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@asynccontextmanager
async def writing(nats: NatsServer) -> AsyncIterator[JetStreamLedger]:
    async with nats.client("registrar", is_appending=True) as client:
        yield JetStreamLedger(client)


@asynccontextmanager
async def following(
    nats: NatsServer, path: Path, projection: Projection = AUDIT
) -> AsyncIterator[Follower]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(nats.client("audit"))
        url = f"sqlite:///{path / 'audit.db'}"
        database = await stack.enter_async_context(open_database(url, "audit"))
        broker = NatsBroker(
            nats.url,
            security=NatsNKey.from_seed(nats.seed("audit")),
            js_options={"prefix": PREFIX},
            apply_types=False,
            logger=None,
            **options("audit"),
        )
        yield await stack.enter_async_context(
            follow(
                broker,
                Projector(projection, database),
                JetStreamLedger(client, prefix=PREFIX),
            )
        )


async def assert_equal(nats: NatsServer, follower: Follower) -> None:
    async with nats.client("audit") as client:
        ledger = JetStreamLedger(client, prefix=PREFIX)
        found = await compare(AUDIT, follower.projector.database, ledger)
    assert found.is_equal
    assert found.position == follower.projector.position


async def test_a_view_catches_up_and_then_follows(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=2, moves=10)
    async with writing(nats) as ledger:
        await recorder.append_to(ledger)
        async with following(nats, tmp_path) as follower:
            assert follower.projector.position == len(recorder.messages)
            for number in range(5):
                recorder.model("team/m0", moved(number + 50))
                await recorder.append_to(ledger)
            await follower.projector.wait_for(
                len(recorder.messages), timeout_seconds=10
            )
            await assert_equal(nats, follower)
        recorder.model("team/m1", moved(70))
        await recorder.append_to(ledger)
        async with following(nats, tmp_path) as follower:
            assert follower.projector.position == len(recorder.messages)
            await assert_equal(nats, follower)


async def test_an_event_is_visible_soon(nats: NatsServer, tmp_path: Path) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=1)
    seconds = []
    async with writing(nats) as ledger:
        await recorder.append_to(ledger)
        async with following(nats, tmp_path) as follower:
            for number in range(100):
                recorder.model("team/m0", moved(number + 1))
                await recorder.append_to(ledger)
                begin = time.perf_counter()
                await follower.projector.moved(len(recorder.messages) - 1)
                seconds.append(time.perf_counter() - begin)
    # The target is 10 ms; this only tells a live path from a polling one.
    assert statistics.median(seconds) < 0.1


async def test_a_view_goes_on_after_the_server_was_killed(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=2, moves=5)
    async with writing(nats) as ledger, following(nats, tmp_path) as follower:
        await recorder.append_to(ledger)
        for round_ in range(2):
            await nats.kill9()
            recorder.model("team/m0", moved(round_ + 90))
            await recorder.append_to(ledger)
            await follower.projector.wait_for(
                len(recorder.messages), timeout_seconds=30
            )
        await assert_equal(nats, follower)


async def test_a_foreign_message_is_an_anomaly_and_nothing_else(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=2)
    async with writing(nats) as ledger, following(nats, tmp_path) as follower:
        await recorder.append_to(ledger)
        await nats.core_admin.request(
            "rollbook.ledger.model.team.m0", b"not an event", timeout=5
        )
        head = len(recorder.messages) + 1
        await follower.projector.wait_for(head, timeout_seconds=10)
        database = follower.projector.database
        [anomaly] = await database.read(queries.anomalies)
        assert (anomaly.sequence, anomaly.reason) == (head, "json")
        assert len(await database.read(queries.events)) == head - 1


async def test_a_deleted_consumer_does_not_stop_a_view(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=2)
    async with writing(nats) as ledger, following(nats, tmp_path) as follower:
        await recorder.append_to(ledger)
        await follower.projector.wait_for(len(recorder.messages), timeout_seconds=10)
        await nats.core_admin.jetstream().delete_consumer("LEDGER", "audit")
        for number in range(3):
            recorder.model("team/m0", moved(number + 10))
            await recorder.append_to(ledger)
            await follower.projector.wait_for(
                len(recorder.messages), timeout_seconds=20
            )
        assert follower.failure is None
        await assert_equal(nats, follower)


async def test_a_view_of_another_ledger_stops_and_says_so(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=6)
    async with writing(nats) as ledger:
        await recorder.append_to(ledger)
        async with following(nats, tmp_path) as follower:
            await nats.fresh()
            await Recorder(origin="other.test").append_to(ledger)
            async with asyncio.timeout(20):
                await follower.stopped.wait()
            assert "cut or made anew" in str(follower.failure)
            assert "cut or made anew" in (await said(follower)).why


async def said(follower: Follower) -> standstill.Standstill:
    """Wait for word of what keeps a view, as another process reads it."""
    async with asyncio.timeout(20):
        while True:
            found = await follower.projector.database.read(standstill.find)
            if found is not None:
                return found
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def never(*_: object) -> None:
    raise RuntimeError("nobody thought of this")


async def test_an_error_nobody_thought_of_stops_a_view_and_is_said_until_it_goes_on(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=2)
    async with writing(nats) as ledger:
        async with following(nats, tmp_path, replace(AUDIT, every=never)) as follower:
            await recorder.append_to(ledger)
            async with asyncio.timeout(20):
                await follower.stopped.wait()
            found = await said(follower)
            assert isinstance(follower.failure, RuntimeError)
            assert (found.position, found.is_final) == (0, True)
            assert "nobody thought of this" in found.why
        async with following(nats, tmp_path) as follower:
            assert follower.projector.position == len(recorder.messages)
            assert await follower.projector.database.read(standstill.find) is None


async def test_what_a_database_refuses_is_said_until_it_is_mended(
    nats: NatsServer, tmp_path: Path
) -> None:
    await nats.fresh()
    recorder = history(models=1, moves=2)
    async with writing(nats) as ledger, following(nats, tmp_path) as follower:
        await recorder.append_to(ledger)
        before = len(recorder.messages)
        await follower.projector.wait_for(before, timeout_seconds=10)
        await follower.projector.database.write(
            lambda held: held.exec_driver_sql("ALTER TABLE events RENAME TO away")
        )
        recorder.model("team/m0", moved(9))
        await recorder.append_to(ledger)
        found = await said(follower)
        assert (found.position, found.is_final) == (before, False)
        assert "no such table" in found.why
        await follower.projector.database.write(
            lambda held: held.exec_driver_sql("ALTER TABLE away RENAME TO events")
        )
        await follower.projector.wait_for(before + 1, timeout_seconds=20)
        assert await follower.projector.database.read(standstill.find) is None
