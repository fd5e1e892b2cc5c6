"""Is what keeps a view said to other processes, and no longer than it is true?"""

from functools import partial

from rollbook_projections import standstill
from rollbook_projections.rebuild import rebuild
from rollbook_projections.standstill import Standstill
from tests.projections.counting import COUNTING, history, moved
from tests.projections.test_projector import ledger_of, projecting


async def test_it_is_said_until_the_view_moves_on(database_url: str) -> None:
    recorder = history(models=1, moves=2)
    ledger = await ledger_of(recorder)
    async with projecting(database_url) as projector:
        await projector.catch_up(ledger)
        database = projector.database
        assert await database.read(standstill.find) is None
        for why, is_final in (("disk full", False), ("a\x00b", True)):
            work = partial(standstill.record, why=why, is_final=is_final)
            await database.write(work)
        expected = Standstill(4, "a\ufffdb", is_final=True)
        assert await database.read(standstill.find) == expected
        # A rebuild does not make the follower run that stopped.
        await rebuild(COUNTING, database, ledger)
        assert await database.read(standstill.find) == expected
        recorder.model("team/m0", moved(9))
        await projector.apply(recorder.messages[-1:])
        assert await database.read(standstill.find) is None


async def test_it_is_taken_back_when_a_follower_begins(database_url: str) -> None:
    async with projecting(database_url) as projector:
        database = projector.database
        await database.write(standstill.clear)
        await database.write(
            lambda held: standstill.record(held, why="stopped", is_final=True)
        )
        await database.write(standstill.clear)
        assert await database.read(standstill.find) is None
