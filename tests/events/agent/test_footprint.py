"""Is an agent small enough to run beside anything?"""

import asyncio
import json
import subprocess
import sys
import time
from typing import Final

import psutil

from tests.support.agents import EdgeSite, desired_set, process

MODELS: Final = 20
MOST_BYTES: Final = 60 * 1024 * 1024
MOST_OF_A_CORE: Final = 0.01
IDLE_SECONDS: Final = 20.0
UNNEEDED: Final = (
    *("sqlalchemy", "fastapi", "faststream", "click", "rich", "uvicorn"),
    *("httpx2", "fsspec", "aiohttp", "lightkube", "prometheus_client"),
)


async def test_an_idle_agent_takes_little_memory_and_hardly_any_time(
    site: EdgeSite,
) -> None:
    for number in range(MODELS):
        content = b"model %d" % number
        await site.desire(desired_set(site.artifact(content)), model=f"acme/m{number}")
    async with process(site.credentials(), site.root) as agent:
        await site.until(
            lambda: [said[0] for said in site.said()].count("applied") == MODELS
        )
        seen = psutil.Process(agent.pid)
        before, since = seen.cpu_times(), time.monotonic()
        # The one thing that can only be seen by waiting: that nothing happens.
        await asyncio.sleep(IDLE_SECONDS)
        after, seconds = seen.cpu_times(), time.monotonic() - since
        memory = seen.memory_info().rss
    used = after.user + after.system - before.user - before.system
    assert memory < MOST_BYTES
    assert used / seconds < MOST_OF_A_CORE


def test_nothing_is_imported_that_an_idle_agent_does_not_need() -> None:
    look = (
        "import json, sys; import rollbook.agent.__main__; "
        "from rollbook.agent import drivers; drivers.load('symlink'); "
        "print(json.dumps(sorted(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, check=True, text=True
    )
    assert {name.partition(".")[0] for name in json.loads(said.stdout)}.isdisjoint(
        UNNEEDED
    )


def test_what_was_hidden_is_found_again_by_whoever_needs_it() -> None:
    look = (
        "import rollbook.agent.__main__; from rich.console import Console; "
        "print(Console.__name__)"
    )
    said = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, check=True, text=True
    )
    assert said.stdout == "Console\n"
