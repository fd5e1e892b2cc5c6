"""Does every service go on where it was, whenever it is killed?

The test stands in for the supervisor that starts a service again; everything else
has to come from what the service kept.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rollbook_services.serving import ALL
from tests.support import oracle
from tests.support.children import Child
from tests.support.deep import many
from tests.support.load import Load, under_load
from tests.support.system import Processes, System, opened, processes

KILLS = many(10, deep=30)
MOST_BETWEEN = 40
SERVICES = tuple(role for role in ALL if role != "gateway")
READY_OF_AN_AGENT = "serving"


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[tuple[System, Processes]]:
    """Run each service and the agent of staging as processes."""
    async with processes(folder) as (_, found):
        await found.start("registrar")
        await found.start(*(role for role in SERVICES if role != "registrar"))
        async with opened(folder, found.site) as running:
            found.agent("staging").start()
            yield running, found


async def killed(child: Child, load: Load, *, ready: str) -> None:
    """Kill a service at random moments: half of them while it starts."""
    for number in range(KILLS):
        if number % 2:
            await child.ready(ready)
            await load.until(len(load.settled) + random.randint(1, MOST_BETWEEN))
        else:
            await asyncio.sleep(random.uniform(0, 0.5))  # a moment, not a fact
        child.kill9()
        child.start()
    await child.ready(ready)


async def test_nothing_is_lost_or_doubled_when_services_are_killed(
    tmp_path: Path,
) -> None:
    async with installation(tmp_path) as (running, found):
        async with under_load(running) as load, asyncio.TaskGroup() as killing:
            for name, child in found.children.items():
                is_agent = name.startswith("agent")
                ready = READY_OF_AN_AGENT if is_agent else "Ready:"
                killing.create_task(killed(child, load, ready=ready))
        head = await oracle.at_rest(running.sources.values())
        history = await oracle.history(running.ledger)
        oracle.assert_recorded_once(load.settled.values(), history)
        oracle.assert_rules_held(history)
        oracle.assert_recomputed(history)
        stage = running.sources["stage"]
        await oracle.assert_versions(stage, load.versions)
        await oracle.assert_intervals_whole(stage, load.versions)
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)
        for model, desired in oracle.desired_of(history, "staging").items():
            version = desired.variants["stable"].version
            assert running.served("staging", model) == f"{model} {version}".encode()
    starts = {name: child.starts for name, child in found.children.items()}
    assert set(starts.values()) == {KILLS + 1}
    assert "promotion.succeeded" in history.names()
    print(  # noqa: T201 - a fault test says how much it has seen
        f"\n{len(starts)} services killed {KILLS} times each, "
        f"{len(load.settled)} commands, {head} events, {load.unknown} unknown settled"
    )
