"""What would an agent do now? Nothing is changed, and nothing is reported."""

import asyncio
import time
from collections.abc import AsyncIterator

from rollbook.agent import state, telling
from rollbook.agent.apply import NOTHING, Applier
from rollbook.agent.desired import Desired
from rollbook.agent.documents import Documents, Reader
from rollbook.agent.driver import Driver, Unapplied
from rollbook.agent.lease import LeaseKeeper
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.agent.reconcile import fitting, joined
from rollbook.agent.runtime import driver_of, fetching
from rollbook.agent.settings import Settings
from rollbook.agent.state import StateFile
from rollbook.agent.worker import LOOK_AGAIN_SECONDS, MIRROR_LAG_SECONDS
from rollbook.commands.desired import ONLY_LOOKS
from rollbook.errors import Unavailable
from rollbook.ledger.edge import Edge, edge


async def show(settings: Settings) -> list[str]:
    """Return the plan of each model in lines; runs beside the agent itself.

    Raises Unavailable when nobody says which documents there are.
    """
    config, outside = settings.config, Outside(is_stopping=lambda: False)
    memory = StateFile(config.state_file, state.load(config.state_file))
    promised = Promised(f"{config.stage}.{config.target}.")
    promised.known(memory.remembered.keys)
    lease = LeaseKeeper(
        config, ONLY_LOOKS, promised=promised, outside=outside, taken_over=lambda: None
    )
    driver = driver_of(config)
    applier = Applier(driver, fetching(config, outside), outside, seconds=1.0)
    reader = Reader(settings, promised, memory, outside)
    lines: list[str] = []
    async with edge(
        settings.nats_url,
        user=settings.user,
        seed=settings.seed,
        credential=settings.token,
        authority=settings.nats_ca,
    ) as link:
        await lease.renew(link)
        if not promised.homes:
            raise Unavailable("nobody says which documents there are")
        for home in promised.homes:
            documents = await _read(reader, link, home)
            lines += [line async for line in _model(home, documents, driver, applier)]
    return lines


async def _read(reader: Reader, link: Edge, home: str) -> Documents:
    """Read a model's documents; wait a moment for a mirror that lags."""
    until = time.monotonic() + MIRROR_LAG_SECONDS
    while True:
        documents = await reader.read(link, home)
        if not documents.late or time.monotonic() > until:
            return documents
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _model(
    home: str, documents: Documents, driver: Driver, applier: Applier
) -> AsyncIterator[str]:
    if documents.own is None:
        yield f"{home}: no document can be read, so nothing would change"
        return
    for lane in documents.all:
        yield telling.desired(lane)
    for line in await _plan(documents.own, documents, driver, applier):
        yield f"  {line}"


async def _plan(
    own: Desired, documents: Documents, driver: Driver, applier: Applier
) -> tuple[str, ...]:
    observed = await applier.observe(own.target) or NOTHING
    try:
        whole = joined(own, fitting(own, documents.beside))
        return driver.plan(whole, observed).lines or ("nothing is to be done",)
    except Unapplied as why:
        return (f"it cannot be done: {why}",)
