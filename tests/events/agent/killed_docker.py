"""What is left by a kill after each command that docker has done for an agent?

`python -m tests.events.agent.killed_docker FOLDER` kills a child of its own after the
first command, after the second, and so on, until one gets through; it says how many.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import AgentContext
from rollbook.catalogue.lane import Variant
from tests.events.agent.driver_contract import PLACE, planned, wants
from tests.support.docker_site import Site


async def apply(site: Site, variant: Variant, revision: int) -> None:
    driver, store = site.driver(), Store(site.folder / "cache")
    context = AgentContext(is_stopping=lambda: False, fetch=store.bring)
    plan = await planned(driver, wants(variant, revision=revision))
    async for _ in driver.apply(plan, context):
        pass


def is_killed_after(commands: int, site: Site, variant: Variant) -> bool:
    """Kill an agent when docker has done so many commands for it."""
    with site.state() as state:
        state["kill_at"] = state["calls"] + commands
    child = os.fork()
    if not child:
        asyncio.run(apply(site, variant, 2))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def kills(site: Site) -> int:
    """Check what each kill leaves; return how many there were."""
    one = asyncio.run(site.publish(b"one", 1))
    two = asyncio.run(site.publish(b"two", 2))
    asyncio.run(apply(site, one, 1))
    with site.state() as state:
        before = json.dumps(state)
    count = 0
    while is_killed_after(count + 1, site, two):
        count += 1
        assert asyncio.run(site.served(PLACE)), f"{count}: callers found nobody"
        asyncio.run(apply(site, two, 2))
        assert asyncio.run(site.served(PLACE)) == {two.digest: 100}, count
        assert [*site.containers().values()] == ["running"], count
        with site.state() as state:
            state.update(json.loads(before))
    return count


if __name__ == "__main__":
    sys.stdout.write(f"{kills(Site(Path(sys.argv[1])))}\n")
