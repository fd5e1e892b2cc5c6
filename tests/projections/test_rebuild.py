"""Does a rebuild give the same bytes, lose nothing, and notice what was changed?"""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from rollbook.errors import InvalidLedger
from rollbook.ledger.memory import MemoryLedger
from rollbook.ledger.protocol import Message
from rollbook_projections import checkpoint, generation
from rollbook_projections.compare import compare
from rollbook_projections.database import open_database
from rollbook_projections.projector import Projector
from rollbook_projections.rebuild import Progress, rebuild
from tests.projections.counting import COUNTING, history, moved
from tests.projections.test_projector import ledger_of, projecting
from tests.support.database import rows


async def tamper(projector: Projector, statement: str) -> None:
    def change(connection: Connection) -> None:
        assert connection.execute(text(statement)).rowcount > 0

    await projector.database.write(change)


async def test_a_rebuilt_view_equals_the_live_one_byte_for_byte(
    database_url: str,
) -> None:
    recorder = history()
    recorder.foreign("rollbook.ledger.model.default.x", b"{}")
    recorder.model("team/m0", moved(41))
    ledger = await ledger_of(recorder)
    told: list[Progress] = []
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        before = await rows(projector.database, COUNTING)
        for number in (1, 2, 3):
            rebuilt = await rebuild(
                COUNTING, projector.database, ledger, on_progress=told.append
            )
            assert rebuilt.position == rebuilt.vouched == len(recorder.messages)
            assert await rows(projector.database, COUNTING) == before
            place = await projector.database.read(checkpoint.place)
            assert place == (number, rebuilt.position)
        assert await projector.database.write(generation.leftovers) == []
    assert told[-1].count == told[-1].total == len(recorder.messages)


async def test_without_a_live_view_every_event_is_judged(database_url: str) -> None:
    recorder = history()
    ledger = await ledger_of(recorder)
    async with open_database(database_url, COUNTING.name) as database:
        rebuilt = await rebuild(COUNTING, database, ledger)
        assert rebuilt.vouched == 0
        assert (await compare(COUNTING, database, ledger)).is_equal


async def test_the_follower_goes_on_after_a_rebuild(database_url: str) -> None:
    recorder = history()
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as here, projecting(database_url) as elsewhere:
        await here.catch_up(ledger)
        await rebuild(COUNTING, elsewhere.database, ledger)
        recorder.model("team/m0", moved(71))
        await recorder.append_to(ledger)
        await here.apply(recorder.messages[-1:])
        assert (await compare(COUNTING, here.database, ledger)).is_equal


class Growing(MemoryLedger):
    """Goes on growing, and its live view with it, while somebody replays it."""

    projector: Projector
    more: list[Message]

    async def head(self) -> int:
        if self.more:
            message = self.more.pop(0)
            self.inject(message.subject, message.body, id_=message.id)
            await self.projector.catch_up(Quiet(self))
        return await super().head()


class Quiet(MemoryLedger):
    def __init__(self, other: MemoryLedger) -> None:
        super().__init__()
        self.messages = other.messages


async def test_what_is_written_during_a_rebuild_is_not_lost(database_url: str) -> None:
    recorder = history()
    later = [recorder.model("team/m1", moved(60 + number))[0] for number in range(3)]
    ledger = Growing()
    for message in recorder.messages[: -len(later)]:
        ledger.inject(message.subject, message.body, id_=message.id)
    async with projecting(database_url) as projector:
        ledger.projector, ledger.more = projector, []
        await projector.catch_up(ledger)
        ledger.more = later
        rebuilding = asyncio.create_task(rebuild(COUNTING, projector.database, ledger))
        while ledger.more:
            await ledger.head()
        await rebuilding
        await projector.catch_up(Quiet(ledger))
        assert projector.position == len(recorder.messages)
        assert (await compare(COUNTING, projector.database, Quiet(ledger))).is_equal


async def test_comparing_ends_though_the_view_never_rests(database_url: str) -> None:
    recorder = history()
    begun = len(recorder.messages)
    more = [recorder.model("team/m1", moved(60 + number))[0] for number in range(20)]
    ledger = Growing()
    for message in recorder.messages[:begun]:
        ledger.inject(message.subject, message.body, id_=message.id)
    async with projecting(database_url) as projector:
        ledger.projector, ledger.more = projector, []
        await projector.catch_up(ledger)
        ledger.more = more
        found = await compare(COUNTING, projector.database, ledger)
        assert found.is_equal
        assert begun < found.position < len(recorder.messages)
        assert projector.position > found.position


async def test_events_after_the_vouched_prefix_are_judged(database_url: str) -> None:
    recorder = history()
    seen = len(recorder.messages)
    recorder.model("team/m0", moved(41))
    recorder.foreign(recorder.messages[-1].subject, recorder.messages[-1].body)
    recorder.model("team/m0", moved(42))
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages[:seen])
        ledger = await ledger_of(recorder)
        rebuilt = await rebuild(COUNTING, projector.database, ledger)
        assert (rebuilt.vouched, rebuilt.position) == (seen, seen + 3)
        [anomaly] = await projector.database.read(checkpoint.anomalies)
        assert (anomaly.sequence, anomaly.reason) == (seen + 2, "rev")
        assert (await compare(COUNTING, projector.database, ledger)).is_equal


async def test_new_handlers_fill_new_tables_and_readers_switch(
    database_url: str,
) -> None:
    ledger = await ledger_of(history())
    newer = replace(
        COUNTING, version=2, handlers={"alias.moved": COUNTING.handlers["alias.moved"]}
    )
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        before = await rows(projector.database, COUNTING)
        await rebuild(newer, projector.database, ledger)
        after = await rows(projector.database, newer)
        await Projector(newer, projector.database).open()
    assert after["pointers"] == before["pointers"]
    assert len(after["seen"]) == len(before["seen"]) - 3


async def test_a_rebuild_cut_short_leaves_the_live_view_alone(
    database_url: str,
) -> None:
    recorder = history()
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        before = await rows(projector.database, COUNTING)

        def stop(progress: Progress) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await rebuild(COUNTING, projector.database, ledger, on_progress=stop)
        assert await rows(projector.database, COUNTING) == before
        await rebuild(COUNTING, projector.database, ledger)
        assert await rows(projector.database, COUNTING) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pointers SET version = 77 WHERE until IS NULL",
        "DELETE FROM pointers WHERE until IS NOT NULL",
        "UPDATE seen SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 2",
        "DELETE FROM anomalies",
        "UPDATE links SET rev = rev + 1",
    ],
)
async def test_an_administrators_change_is_found_by_comparing(
    database_url: str, statement: str
) -> None:
    recorder = history()
    recorder.foreign("rollbook.ledger.model.default.x", b"{}")
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        assert (await compare(COUNTING, projector.database, ledger)).is_equal
        await tamper(projector, statement)
        difference = (await compare(COUNTING, projector.database, ledger)).difference
    assert difference is not None
    assert difference.table in statement


async def test_a_rebuild_repairs_what_an_administrator_changed(
    database_url: str,
) -> None:
    ledger = await ledger_of(history())
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        await tamper(projector, "UPDATE pointers SET version = 77")
        await rebuild(COUNTING, projector.database, ledger)
        assert (await compare(COUNTING, projector.database, ledger)).is_equal


@pytest.mark.parametrize("body", [None, b"{}", b"no event"])
async def test_a_rebuild_does_not_take_over_a_verdict_that_was_removed(
    database_url: str, body: bytes | None
) -> None:
    recorder = history(models=1, moves=2)
    damaged = recorder.messages[-1].body.replace(b'"ok"', b'"no"')
    recorder.foreign(recorder.messages[-1].subject, body or damaged)
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        await tamper(projector, "DELETE FROM anomalies")
        with pytest.raises(InvalidLedger, match=r"(them was|anomalies were) changed"):
            await rebuild(COUNTING, projector.database, ledger)
        await rebuild(COUNTING, projector.database, ledger, is_trusting=False)
        assert (await compare(COUNTING, projector.database, ledger)).is_equal


async def test_a_rebuild_refuses_a_ledger_that_was_changed(database_url: str) -> None:
    recorder = history()
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        body = ledger.messages[8].body.replace(b'"ok"', b'"OK"')
        ledger.messages[8] = replace(ledger.messages[8], body=body)
        with pytest.raises(InvalidLedger, match="one of them was changed"):
            await rebuild(COUNTING, projector.database, ledger)


async def test_a_rebuild_refuses_a_ledger_that_was_cut(database_url: str) -> None:
    recorder = history()
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        del ledger.messages[9:]
        with pytest.raises(InvalidLedger, match="was cut"):
            await rebuild(COUNTING, projector.database, ledger)
