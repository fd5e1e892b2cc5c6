"""Can a health check tell a service that is ready from one that is not?"""

import asyncio
from pathlib import Path

from tests.support.system import processes


async def test_the_ready_file_is_there_as_long_as_the_service_is(
    tmp_path: Path,
) -> None:
    ready = tmp_path / "run" / "ready"
    async with processes(tmp_path) as (_, found):
        found.environment["ROLLBOOK_SERVER__READY_FILE"] = str(ready)
        ready.parent.mkdir()
        await found.start("registrar")
        assert await asyncio.to_thread(ready.exists)
        found.children["registrar"].stop()
        assert not await asyncio.to_thread(ready.exists)
