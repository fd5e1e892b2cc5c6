"""Does a view take each event once, in order, or not at all?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from rollbook.errors import InvalidLedger, Unavailable
from rollbook.ledger.memory import MemoryLedger
from rollbook_projections import checkpoint
from rollbook_projections.database import open_database
from rollbook_projections.fold import HandlerFailed
from rollbook_projections.projector import Gap, Outdated, Projector
from tests.projections.counting import COUNTING, history, moved, registered
from tests.support.database import rows
from tests.support.recorder import CI_BOT, Recorder


@contextlib.asynccontextmanager
async def projecting(url: str) -> AsyncIterator[Projector]:
    async with open_database(url, COUNTING.name) as database:
        projector = Projector(COUNTING, database)
        await projector.open()
        yield projector


async def ledger_of(recorder: Recorder) -> MemoryLedger:
    ledger = MemoryLedger()
    await recorder.append_to(ledger)
    return ledger


async def written_by_replay(url: str, recorder: Recorder) -> dict[str, list[str]]:
    async with projecting(url) as projector:
        await projector.catch_up(await ledger_of(recorder))
        return await rows(projector.database, COUNTING)


async def test_following_equals_replaying(database_url: str, tmp_path: object) -> None:
    recorder = history()
    expected = await written_by_replay(f"sqlite:///{tmp_path}/other.db", recorder)
    async with projecting(database_url) as projector:
        for message in recorder.messages:
            await projector.apply([message])
        followed = await rows(projector.database, COUNTING)
    assert followed == expected
    assert len(followed["seen"]) > 10
    assert f'"position":{len(recorder.messages)}' in followed["checkpoint"][0]


async def test_redelivered_messages_change_nothing(database_url: str) -> None:
    recorder = history()
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        before = await rows(projector.database, COUNTING)
        await projector.apply(recorder.messages)
        await projector.apply(recorder.messages[5:9])
        assert await rows(projector.database, COUNTING) == before


async def test_a_gap_is_refused_and_replay_fills_it(database_url: str) -> None:
    recorder = history()
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages[:4])
        with pytest.raises(Gap):
            await projector.apply(recorder.messages[6:])
        assert (await projector.database.read(checkpoint.place)) == (0, 4)
        await projector.catch_up(await ledger_of(recorder))
        assert projector.position == len(recorder.messages)


async def test_messages_out_of_order_within_a_batch_are_a_gap(
    database_url: str,
) -> None:
    messages = history().messages
    async with projecting(database_url) as projector:
        with pytest.raises(Gap):
            await projector.apply([messages[0], messages[2], messages[1]])
        assert await projector.database.read(checkpoint.place) is None


async def test_a_stop_between_any_two_batches_loses_and_doubles_nothing(
    database_url: str, tmp_path: object
) -> None:
    recorder = history()
    expected = await written_by_replay(f"sqlite:///{tmp_path}/other.db", recorder)
    for start in range(0, len(recorder.messages), 5):
        # A new process each time: nothing but the database is carried over.
        async with projecting(database_url) as projector:
            await projector.apply(recorder.messages[start : start + 5])
    async with projecting(database_url) as projector:
        assert await rows(projector.database, COUNTING) == expected


async def test_two_processes_on_one_view_do_not_apply_an_event_twice(
    database_url: str, tmp_path: object
) -> None:
    recorder = history()
    expected = await written_by_replay(f"sqlite:///{tmp_path}/other.db", recorder)
    async with projecting(database_url) as one, projecting(database_url) as other:
        for message in recorder.messages:
            await asyncio.gather(one.apply([message]), other.apply([message]))
        assert await rows(one.database, COUNTING) == expected


async def test_an_invalid_message_is_kept_as_an_anomaly_and_changes_nothing(
    database_url: str,
) -> None:
    recorder = history()
    damaged = recorder.messages[3].body.replace(b"team/m", b"teem/m")
    recorder.foreign(recorder.messages[3].subject, damaged)
    recorder.foreign("rollbook.ledger.model.default.x", b"\x00{}")
    recorder.model("team/m0", moved(99))
    async with projecting(database_url) as projector:
        await projector.catch_up(await ledger_of(recorder))
        found = await projector.database.read(checkpoint.anomalies)
        seen = (await rows(projector.database, COUNTING))["pointers"]
    number = len(recorder.messages)
    assert [each.sequence for each in found] == [number - 2, number - 1]
    assert [each.reason for each in found] == ["signature", "json"]
    assert any('"version":99' in row for row in seen)


async def test_an_event_of_a_newer_release_stops_its_aggregate_and_no_other(
    database_url: str,
) -> None:
    recorder = history(models=2, moves=4)
    model = recorder.messages[1]
    recorder.retyped(model, "io.rollbook.model.dreamt.v1")
    recorder.model("team/m0", moved(98))
    recorder.model("team/m1", moved(97))
    async with projecting(database_url) as projector:
        await projector.catch_up(await ledger_of(recorder))
        [halt] = await projector.database.read(checkpoint.halted)
        seen = (await rows(projector.database, COUNTING))["pointers"]
    assert (halt.aggregate, halt.type) == (
        "model.team.m0",
        "io.rollbook.model.dreamt.v1",
    )
    assert not any('"version":98' in row for row in seen)
    assert any('"version":97' in row for row in seen)


async def test_a_higher_version_of_a_known_event_stops_its_aggregate(
    database_url: str,
) -> None:
    recorder = history(models=1, moves=2)
    recorder.retyped(recorder.messages[-1], "io.rollbook.alias.moved.v7")
    async with projecting(database_url) as projector:
        await projector.catch_up(await ledger_of(recorder))
        [halt] = await projector.database.read(checkpoint.halted)
    assert halt.is_newer
    assert "alias.moved.v1" in halt.why


async def test_an_event_the_handler_cannot_take_stops_the_view_before_it(
    database_url: str,
) -> None:
    recorder = history(models=1, moves=3)
    [bad] = recorder.model("team/m0", moved(5, reason="fail"))
    recorder.model("team/m0", moved(6))
    async with projecting(database_url) as projector:
        with pytest.raises(HandlerFailed, match="cannot count that"):
            await projector.apply(recorder.messages)
        assert await projector.database.read(checkpoint.place) == (0, bad.sequence - 1)


async def test_a_cut_ledger_is_refused(database_url: str) -> None:
    recorder = history()
    shorter = Recorder(messages=recorder.messages[:5])
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        with pytest.raises(InvalidLedger, match="cut or made anew"):
            await projector.catch_up(await ledger_of(shorter))


async def test_another_ledger_of_the_same_length_is_refused(database_url: str) -> None:
    recorder, other = history(), history(models=4, moves=19)
    assert len(recorder.messages) == len(other.messages)
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        with pytest.raises(InvalidLedger, match="is not the one"):
            await projector.catch_up(await ledger_of(other))


async def test_tables_of_another_version_are_not_written(database_url: str) -> None:
    recorder = history()
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        newer = Projector(replace(COUNTING, version=2), projector.database)
        with pytest.raises(Outdated, match="projection rebuild counting"):
            await newer.open()


async def test_a_question_waits_until_the_view_shows_an_event(
    database_url: str,
) -> None:
    recorder = history()
    async with projecting(database_url) as here, projecting(database_url) as elsewhere:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(here.wait_for(6, timeout_seconds=5))
            tasks.create_task(elsewhere.wait_for(6, timeout_seconds=5))
            await here.apply(recorder.messages[:6])
        with pytest.raises(Unavailable, match="behind event 7"):
            await here.wait_for(7, timeout_seconds=0.02)


async def test_the_time_only_grows(database_url: str) -> None:
    recorder = Recorder()
    recorder.model("a", registered("a"))
    late = recorder.at
    recorder.model("a", moved(1), by=CI_BOT, at=late.replace(year=2020))
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        standing = await projector.database.read(checkpoint.standing)
    assert standing is not None
    assert standing.at_max.startswith("2026-05-01T09:00:02")


async def test_text_that_a_database_cannot_hold_does_not_stop_a_view(
    database_url: str,
) -> None:
    recorder = history(models=1, moves=0)
    recorder.model("team/m0", moved(1, reason="nul \x00 and \U0001f4a5 'quotes\t\\N"))
    async with projecting(database_url) as projector:
        await projector.apply(recorder.messages)
        seen = await rows(projector.database, COUNTING)
    assert "nul \ufffd and" in seen["seen"][-1]
