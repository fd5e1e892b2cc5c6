"""How does all of Rollbook run in one process, on one data directory?

Loopback only, free ports unless given, random credentials in one 0600 file. Stopping
loses nothing; the next start finds everything.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from rollbook.errors import Misconfigured
from rollbook_services import collector, logs, main
from rollbook_services.credentials import read_credentials
from rollbook_services.local.enrolment import Roster, following
from rollbook_services.local.nats_server import ANY_PORT, nats_server
from rollbook_services.serving import ALL, places, serving
from rollbook_services.settings import Settings


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything answers: where."""

    url: str
    nats_url: str
    credentials: Path


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Ready]:
    """Run everything while the context is open.

    Raises Misconfigured when another process runs on the data directory.
    """
    if settings.nats.url:
        raise Misconfigured(
            "nats.url",
            "`rollbook up` runs a NATS server of its own: take the setting away, or "
            "run `rollbook serve` over yours",
        )
    data = settings.server.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    credentials = data / "credentials.json"
    roster = Roster(data, places(settings.server.places, read_credentials(credentials)))
    port = settings.nats.port or ANY_PORT
    async with nats_server(
        data, port=port, clients=roster.users, keys=roster.keys
    ) as server:
        site = main.Site(settings, server.url, data / "nats")
        admitting = partial(following, server=server, roster=roster)
        async with serving(site, ALL, beside=admitting) as url:
            yield Ready(url or "", server.url, credentials)


async def run(settings: Settings) -> None:
    """Run everything until SIGINT or SIGTERM, and tell people what goes on."""
    data = settings.server.data
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    started = time.perf_counter()
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    with (data / "rollbook.log").open("a") as file:
        logs.set_up(level=settings.log.level, format_="json", stream=file)
        _say(
            f"rollbook {version('rollbook')} · local mode · data in {data} "
            "· Ctrl-C stops, nothing is lost"
        )
        async with running(settings) as ready:
            _remember(data)
            collector.relax()
            seconds = time.perf_counter() - started
            _say(f"  nats-server  {ready.nats_url}, loopback, sync always")
            _say(f"  credentials  {ready.credentials}, for this user alone")
            _say(f"  log          {data / 'rollbook.log'}")
            _say(f"Ready in {seconds:.1f} s     {ready.url}")
            await stopping.wait()
            _say("stopping: what is in hand is finished")
    _say("stopped")


def _remember(data: Path) -> None:
    """Leave a pointer to the newest data directory, for a CLI started elsewhere."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    pointer = state / "rollbook" / "local.json"
    with contextlib.suppress(OSError):
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.write_text(json.dumps({"data": str(data.absolute())}))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
