"""Is anything lost or doubled when the server dies without a word, again and again?"""

import random
from pathlib import Path

from tests.support import oracle
from tests.support.deep import many
from tests.support.load import under_load
from tests.support.system import system

KILLS = many(20, deep=60)
MOST_BETWEEN = 80


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    tmp_path: Path,
) -> None:
    waits = []
    async with system(tmp_path) as running, running.agent("staging"):
        assert running.nats is not None
        async with under_load(running) as load:
            for _ in range(KILLS):
                await load.more(random.randint(1, MOST_BETWEEN))
                running.nats.kill()
                waits.append(await load.more(1))
        head = await oracle.at_rest(running.sources.values())
        assert running.nats.starts == KILLS + 1
        found = await oracle.history(running.ledger)
        oracle.assert_recorded_once(load.settled.values(), found)
        oracle.assert_rules_held(found)
        oracle.assert_recomputed(found)
        stage = running.sources["stage"]
        await oracle.assert_versions(stage, load.versions)
        await oracle.assert_intervals_whole(stage, load.versions)
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)
    assert "promotion.succeeded" in found.names()
    waits.sort()
    print(  # noqa: T201 - a fault test says how much it has seen
        f"\n{KILLS} kills, {len(load.settled)} commands, {head} events, "
        f"{load.unknown} unknown settled; back after {waits[len(waits) // 2]:.2f} s "
        f"(median), {waits[-1]:.2f} s (longest)"
    )
