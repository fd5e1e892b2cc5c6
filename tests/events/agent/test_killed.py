"""Does a kill -9 at any step leave what was served, and the next try finish?"""

import asyncio
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("what", "fewest"), [("store", 20), ("symlink", 25), ("routes", 25)]
)
async def test_a_kill_before_any_change_of_the_disk_does_no_harm(
    tmp_path: Path, what: str, fewest: int
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.agent.killed", what, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert int(said) >= fewest
