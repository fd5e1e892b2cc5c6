"""Does the ledger on JetStream keep every promise, from every account?"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from nats.aio.client import Client

from rollbook.errors import InvalidLedger, Unacknowledged, Unavailable
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.ledger.protocol import Ledger
from rollbook.subjects import subject
from tests.events.ledger.contract import FRAUD, LedgerContract, draft, replayed
from tests.support.nats import NatsServer, ask


@pytest_asyncio.fixture(loop_scope="session")
async def writer(empty: NatsServer) -> AsyncIterator[Client]:
    async with empty.client("registrar", is_appending=True) as client:
        yield client


@pytest.fixture
def ledger(writer: Client) -> JetStreamLedger:
    return JetStreamLedger(writer, try_seconds=1)


@pytest_asyncio.fixture(loop_scope="session")
async def view(empty: NatsServer) -> AsyncIterator[JetStreamLedger]:
    """The ledger as a projection sees it, from the account SERVICES."""
    async with empty.client("stage") as client:
        yield JetStreamLedger(
            client, prefix="JS.CORE.API", deadline_seconds=1, try_seconds=0.3
        )


class TestJetStreamLedger(LedgerContract):
    """Every promise, on a real server with the registrar's rights."""

    @pytest.fixture
    def ledger(self, writer: Client) -> Ledger:
        return JetStreamLedger(writer, try_seconds=1)


async def test_a_projection_reads_what_the_registrar_wrote(
    ledger: JetStreamLedger, view: JetStreamLedger
) -> None:
    await ledger.append([draft(body=b"1"), draft(body=b"2")], expected={FRAUD: 0})
    assert await view.head() == 2
    assert await replayed(view) == await replayed(ledger)
    assert await view.history(FRAUD, after=1) == (await ledger.history(FRAUD))[1:]


async def test_reading_beyond_the_end_brings_nothing(
    ledger: JetStreamLedger, view: JetStreamLedger
) -> None:
    assert await replayed(view, after=5) == []


async def test_large_messages_come_in_several_parts(ledger: JetStreamLedger) -> None:
    for number in range(10):
        drafts = [draft(body=bytes(30_000)) for _ in range(50)]
        await ledger.append(drafts, expected={FRAUD: number * 50})
    parts = [len(batch) async for batch in ledger.replay()]
    assert sum(parts) == 500
    assert len(parts) > 1


async def test_a_message_cannot_forge_its_place(
    empty: NatsServer, ledger: JetStreamLedger
) -> None:
    await empty.core_admin.request(
        subject(FRAUD),
        b"foreign",
        headers={
            "Nats-Sequence": "99",
            "Nats-Subject": "rollbook.ledger.keys",
            "Nats-Num-Pending": "0",
            "Status": "204",
        },
    )
    await ledger.append([draft()], expected={FRAUD: 1})
    for read in (await replayed(ledger), await ledger.history(FRAUD)):
        assert [(each.sequence, each.subject) for each in read] == [
            (1, subject(FRAUD)),
            (2, subject(FRAUD)),
        ]


async def test_many_appends_and_decisions_at_once_are_all_kept(
    ledger: JetStreamLedger,
) -> None:
    models = [type(FRAUD)(f"model.default.m{number}") for number in range(100)]
    await asyncio.gather(
        *[ledger.append([draft(each)], expected={each: 0}) for each in models[:60]],
        *[
            ledger.append([draft(each), draft(each)], expected={each: 0})
            for each in models[60:]
        ],
    )
    assert await ledger.head() == 60 + 2 * 40
    assert [each.sequence for each in await replayed(ledger)] == list(range(1, 141))


async def test_a_cut_stream_is_an_invalid_ledger(
    empty: NatsServer, ledger: JetStreamLedger
) -> None:
    for number in range(3):
        await ledger.append([draft()], expected={FRAUD: number})
    info = await ask(empty.core_admin, "$JS.API.STREAM.INFO.LEDGER")
    # What no right of ours can do, an administrator can.
    await ask(
        empty.core_admin,
        "$JS.API.STREAM.UPDATE.LEDGER",
        {**info["config"], "max_msgs": 1, "discard": "old"},
    )
    with pytest.raises(InvalidLedger, match="message 1 of the ledger is missing"):
        await replayed(ledger)


async def test_a_missing_stream_is_unavailable(
    empty: NatsServer, view: JetStreamLedger
) -> None:
    await ask(empty.core_admin, "$JS.API.STREAM.DELETE.LEDGER")
    with pytest.raises(Unavailable):
        await view.head()
    with pytest.raises(Unavailable):
        await view.history(FRAUD)


async def test_a_view_may_not_append(view: JetStreamLedger) -> None:
    with pytest.raises(Unacknowledged):
        await view.append([draft()], expected={FRAUD: 0})
    assert await view.head() == 0
