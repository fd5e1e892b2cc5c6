"""A process that is one registrar, as it runs in production, until SIGTERM."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from rollbook.commands.access import IssueToken
from rollbook_services import collector, main
from rollbook_services.logs import set_up
from rollbook_services.settings import Server, Settings
from tests.benchmarks.child import READY, Answer
from tests.benchmarks.run import ORIGIN


async def serve(question: Answer) -> None:
    """Run the registrar until SIGTERM."""
    folder = Path(question["folder"])
    settings = Settings(server=Server(data=folder, origin=ORIGIN))
    site = main.Site(settings, question["nats"], folder / "nats")
    tokens = [IssueToken.model_validate_json(each) for each in question["tokens"]]
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with main.registrar(site, tokens=tokens):
        collector.relax()
        print(READY, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    set_up(level="warning")
    uvloop.run(serve(json.loads(sys.argv[1])))
