"""A process that is all of Rollbook, as `rollbook up` runs it, until SIGTERM."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from rollbook_services import collector
from rollbook_services.local import up
from rollbook_services.logs import set_up
from rollbook_services.settings import Server, Settings
from tests.benchmarks.child import READY, Answer
from tests.benchmarks.run import ORIGIN


async def serve(question: Answer) -> None:
    """Run everything until SIGTERM."""
    data, places = Path(question["folder"]), tuple(question["places"])
    settings = Settings(server=Server(data=data, origin=ORIGIN, places=places))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with up.running(settings):
        collector.relax()
        print(READY, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    set_up(level="warning")
    uvloop.run(serve(json.loads(sys.argv[1])))
