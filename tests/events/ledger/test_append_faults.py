"""Is an append kept exactly once, whatever happens on the way?

Each fault is real: cut connections, swallowed answers, killed servers.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client

from rollbook.errors import AppendConflict, Unacknowledged
from rollbook.ledger.connection import connect
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.subjects import Aggregate, subject
from tests.events.ledger.contract import CALENDAR, CHURN, FRAUD, draft, replayed
from tests.support.faults import Fault, Wire, wire
from tests.support.nats import NatsServer, running_nats

COMMIT = b"Nats-Batch-Commit"
GUARD = "Nats-Expected-Last-Subject-Sequence"


@dataclass(frozen=True)
class Faulty:
    """A ledger behind a wire that can fail, and one beside it that cannot."""

    wire: Wire
    ledger: JetStreamLedger
    other: JetStreamLedger


@asynccontextmanager
async def _faulty(
    server: NatsServer, *, deadline_seconds: float = 10
) -> AsyncIterator[Faulty]:
    async with (
        wire(server.url) as through,
        connect(
            through.url,
            user="registrar",
            seed_file=server.seed_file("registrar"),
            is_appending=True,
        ) as client,
        server.client("registrar", is_appending=True) as straight,
    ):
        ledger = JetStreamLedger(
            client, deadline_seconds=deadline_seconds, try_seconds=0.3
        )
        yield Faulty(through, ledger, JetStreamLedger(straight))


@pytest_asyncio.fixture(loop_scope="session")
async def faulty(empty: NatsServer) -> AsyncIterator[Faulty]:
    async with _faulty(empty) as opened:
        yield opened


@pytest.mark.parametrize("fault", Fault)
async def test_an_event_is_kept_once(fault: Fault, faulty: Faulty) -> None:
    event = draft(body=b"once")
    faulty.wire.arm(fault)
    assert await faulty.ledger.append([event], expected={FRAUD: 0}) == [1]
    assert faulty.wire.struck.is_set()
    assert [each.id for each in await replayed(faulty.other)] == [event.id]


@pytest.mark.parametrize("fault", Fault)
async def test_a_decision_is_kept_whole_and_once(fault: Fault, faulty: Faulty) -> None:
    drafts = [draft(FRAUD), draft(FRAUD), draft(CHURN)]
    faulty.wire.arm(fault, trigger=COMMIT)
    expected = {FRAUD: 0, CHURN: 0}
    assert await faulty.ledger.append(drafts, expected=expected) == [1, 2, 3]
    assert faulty.wire.struck.is_set()
    kept = await replayed(faulty.other)
    assert [each.id for each in kept] == [each.id for each in drafts]


@pytest.mark.parametrize("fault", Fault)
async def test_a_dispatch_is_kept_once(fault: Fault, faulty: Faulty) -> None:
    """Guarded on the calendar too, which moves on before the retry looks."""
    drafts, beside = [draft(), draft()], {FRAUD: 0, CALENDAR: 0}
    faulty.wire.arm(fault, trigger=COMMIT)
    ours = asyncio.create_task(faulty.ledger.append(drafts, expected=beside))
    await faulty.wire.struck.wait()
    if fault is Fault.ANSWER_DROPPED:
        await _until_head(faulty.other, 2)
        await faulty.other.append([draft(CALENDAR)], expected={CALENDAR: 0})
    assert await ours == [1, 2]
    kept = await replayed(faulty.other)
    assert [each.id for each in kept][:2] == [each.id for each in drafts]


async def test_a_dispatch_that_was_lost_does_not_follow_a_freeze(
    faulty: Faulty,
) -> None:
    faulty.wire.arm(Fault.LOST, trigger=COMMIT)
    beside = {FRAUD: 0, CALENDAR: 0}
    ours = asyncio.create_task(
        faulty.ledger.append([draft(), draft()], expected=beside)
    )
    await faulty.wire.struck.wait()
    await faulty.other.append([draft(CALENDAR)], expected={CALENDAR: 0})
    with pytest.raises(AppendConflict) as conflict:
        await ours
    assert conflict.value.subject == subject(CALENDAR)
    assert await faulty.other.history(FRAUD) == []


async def test_a_decision_cut_in_the_middle_leaves_no_part(faulty: Faulty) -> None:
    """The first events reach the server, the commit never does."""
    client: Client = faulty.ledger._source.client  # noqa: SLF001
    for number in (1, 2):
        guard = {GUARD: "0"} if number == 1 else {}
        batch = {"Nats-Batch-Id": "torn", "Nats-Batch-Sequence": str(number)}
        await client.publish(subject(FRAUD), b"part", headers=guard | batch)
    await client.flush()
    assert await faulty.other.head() == 0
    assert await faulty.other.append([draft()], expected={FRAUD: 0}) == [1]
    assert await faulty.other.head() == 1


async def test_who_was_first_while_we_did_not_hear_is_told(faulty: Faulty) -> None:
    """Ours is lost, another's is kept: the retry must not follow it."""
    faulty.wire.arm(Fault.LOST)
    ours = asyncio.create_task(
        faulty.ledger.append([draft(body=b"ours")], expected={FRAUD: 0})
    )
    await faulty.wire.struck.wait()
    await faulty.other.append([draft(body=b"theirs")], expected={FRAUD: 0})
    with pytest.raises(AppendConflict) as conflict:
        await ours
    assert conflict.value.actual == 1
    assert [each.body for each in await replayed(faulty.other)] == [b"theirs"]


async def test_ours_is_recognised_beneath_what_followed(faulty: Faulty) -> None:
    """Ours is kept and not acknowledged, and another event already follows."""
    faulty.wire.arm(Fault.ANSWER_DROPPED)
    ours = asyncio.create_task(
        faulty.ledger.append([draft(body=b"ours")], expected={FRAUD: 0})
    )
    await _until_head(faulty.other, 1)
    await faulty.other.append([draft(body=b"next")], expected={FRAUD: 1})
    assert await ours == [1]


async def test_an_unknown_fate_is_said_in_time(empty: NatsServer) -> None:
    """Neither writing nor reading back gets an answer: no claim is made."""
    async with _faulty(empty, deadline_seconds=0.5) as faulty:
        event = draft()
        faulty.wire.refuse_new_connections()
        faulty.wire.arm(Fault.KEPT_BUT_UNACKNOWLEDGED)
        async with asyncio.timeout(5):
            with pytest.raises(Unacknowledged, match="same command"):
                await faulty.ledger.append([event], expected={FRAUD: 0})
        assert [each.id for each in await replayed(faulty.other)] == [event.id]
        assert await faulty.other.append([event], expected={FRAUD: 0}) == [1]


async def test_reading_survives_a_cut_connection(faulty: Faulty) -> None:
    for number in range(40):
        drafts = [draft(body=bytes(500)) for _ in range(100)]
        await faulty.other.append(drafts, expected={FRAUD: number * 100})
    faulty.wire.arm(Fault.LOST, trigger=b'"seq":2001')
    sequences = [each.sequence for each in await replayed(faulty.ledger)]
    assert faulty.wire.struck.is_set()
    assert sequences == list(range(1, 4001))


@pytest.mark.parametrize(
    ("id_", "guard", "says"),
    [("new", "0", 10071), ("new", "9", 10071), ("first", "0", 10071)],
)
async def test_a_wrong_guard_is_refused_even_for_our_own_retry(
    id_: str, guard: str, says: int, empty: NatsServer
) -> None:
    await _publish(empty, FRAUD, {"Nats-Msg-Id": "first", GUARD: "0"})
    answer = await _publish(empty, FRAUD, {"Nats-Msg-Id": id_, GUARD: guard})
    assert answer["error"]["err_code"] == says


async def test_a_taken_id_is_acknowledged_and_not_stored(empty: NatsServer) -> None:
    await _publish(empty, FRAUD, {"Nats-Msg-Id": "first"})
    answer = await _publish(empty, CHURN, {"Nats-Msg-Id": "first", GUARD: "0"})
    assert (answer["duplicate"], answer["seq"]) == (True, 1)


async def test_a_second_guard_on_a_subject_of_a_batch_is_refused(
    empty: NatsServer,
) -> None:
    batch = {"Nats-Batch-Id": "both"}
    await _publish(empty, FRAUD, {**batch, "Nats-Batch-Sequence": "1", GUARD: "0"})
    last = {"Nats-Batch-Sequence": "2", GUARD: "1", "Nats-Batch-Commit": "1"}
    answer = await _publish(empty, FRAUD, batch | last)
    assert answer["error"]["err_code"] in (10071, 10164)


async def _until_head(ledger: JetStreamLedger, sequence: int) -> None:
    async with asyncio.timeout(10):
        while await ledger.head() < sequence:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def _publish(
    server: NatsServer, to: Aggregate, headers: dict[str, str]
) -> dict[str, Any]:
    """Publish past the ledger, to hear what the server itself says."""
    reply = await server.core_admin.request(
        subject(to), b"{}", timeout=5, headers=headers
    )
    answer: dict[str, Any] = json.loads(reply.data or b"{}")
    return answer


async def test_a_server_killed_under_load_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    """64 appends in flight, singles and decisions, over three kills."""
    models = [Aggregate(f"model.default.m{number}") for number in range(64)]
    async with running_nats(tmp_path) as server:
        await server.fresh_ledger()
        async with server.client("registrar", is_appending=True) as client:
            ledger = JetStreamLedger(client, deadline_seconds=60, try_seconds=0.5)
            acknowledged: dict[str, int] = {}
            is_over = asyncio.Event()

            async def write(model: Aggregate, events: int) -> None:
                last = 0
                while not is_over.is_set():
                    drafts = [draft(model) for _ in range(events)]
                    kept = await ledger.append(drafts, expected={model: last})
                    last = kept[-1]
                    pairs = zip(drafts, kept, strict=True)
                    acknowledged.update({each.id: at for each, at in pairs})

            async with asyncio.TaskGroup() as tasks:
                for number, model in enumerate(models):
                    tasks.create_task(write(model, 3 if number % 8 == 0 else 1))
                for _ in range(3):
                    await _more(acknowledged, by=500)
                    await server.kill9()
                await _more(acknowledged, by=500)
                is_over.set()
            stored = {each.id: each.sequence for each in await replayed(ledger)}
            assert stored == acknowledged
            assert await ledger.head() == len(acknowledged)


async def _more(acknowledged: dict[str, int], *, by: int) -> None:
    wanted = len(acknowledged) + by
    async with asyncio.timeout(60):
        while len(acknowledged) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
