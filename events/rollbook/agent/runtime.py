"""How does an agent make what runs equal what is desired, whatever happens?

It acts on the state of its keys alone: a wake, a lease or a time-out only makes it
look (design/promotion.md §5.3). While Rollbook is away it changes nothing.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final

from pydantic import ValidationError

from rollbook.agent import drivers, health, telling
from rollbook.agent.apply import NOTHING, Applier, Fetch
from rollbook.agent.artifacts.store import Store
from rollbook.agent.config import Config
from rollbook.agent.crew import Crew
from rollbook.agent.documents import Reader
from rollbook.agent.driver import Driver, Setup
from rollbook.agent.driver import make as make_driver
from rollbook.agent.lease import LeaseKeeper
from rollbook.agent.outside import Outside
from rollbook.agent.promised import Promised
from rollbook.agent.reconcile import Reconciler
from rollbook.agent.reports import Reporter
from rollbook.agent.settings import Settings
from rollbook.agent.standing import Now, models
from rollbook.agent.state import StateFile, opened
from rollbook.agent.transitions import Transitions
from rollbook.agent.worker import Worker
from rollbook.commands.desired import Target, Wake
from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import Unavailable
from rollbook.ledger.edge import Edge, edge
from rollbook.names import ModelName

AT_ONCE: Final = 8
"""So many models are looked at together."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 15.0
LAST_WORDS_SECONDS: Final = 2.0


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    driver: Driver | None = None,
) -> None:
    """Serve one target until SIGTERM or SIGINT; a step in hand is finished first.

    `driver` stands for the one that is named. Raises Misconfigured when NATS refuses
    this agent, or another one runs here.
    """
    stop = stop or asyncio.Event()
    driver = driver or driver_of(settings.config)
    with opened(settings.config.state_file) as state, _signals(stop):
        await Agent(settings, driver, state, stop).serve()


def driver_of(config: Config) -> Driver:
    """Make the driver that the configuration names."""
    drivers.load(config.driver_name)
    setup = Setup(config.stage, config.target, config.root, config.driver_options)
    return make_driver(config.driver_name, setup)


class Agent:
    """Everything one process keeps while it serves one target."""

    def __init__(
        self, settings: Settings, driver: Driver, state: StateFile, stop: asyncio.Event
    ) -> None:
        """Take what to serve, by which driver, the memory, and what ends it."""
        config = settings.config
        self._settings, self._state, self._stop = settings, state, stop
        self._outside = outside = Outside(is_stopping=stop.is_set)
        self._promised = Promised(f"{config.stage}.{config.target}.")
        self._promised.known(state.remembered.keys)
        self._reporter = Reporter(state, self._told, stop.is_set)
        self._transitions = Transitions(
            settings.user, state, outside, self._reporter.queued
        )
        self._reader = Reader(settings, self._promised, state, outside)
        self._applier = Applier(
            driver, fetching(config, outside), outside, seconds=config.apply_deadline
        )
        self._lease = LeaseKeeper(
            config,
            state.remembered.session,
            promised=self._promised,
            outside=outside,
            taken_over=self._transitions.count_from_now,
        )
        self._link: Edge | None = None

    async def serve(self) -> None:
        """Connect, follow, and finish at the stop."""
        async with self._answering():
            await self._tell_start()
            async with self._connected() as link:
                if link is not None:
                    self._link = link
                    await self._follow(link)

    def _answering(self) -> AbstractAsyncContextManager[object]:
        """Answer whoever asks how it is, where that is wanted."""
        listen = self._settings.config.listen
        if listen is None:
            return contextlib.nullcontext()
        return health.answering(listen, self._now, self._outside.metrics)

    async def _follow(self, link: Edge) -> None:
        config, at_once = self._settings.config, asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            crew = Crew(
                tasks,
                promised=self._promised,
                outside=self._outside,
                make=lambda home: self._worker(home, link, at_once),
            )
            going_on = [
                tasks.create_task(self._reporter.send_for_ever(link)),
                tasks.create_task(crew.resync_for_ever(config.resync)),
            ]
            try:
                await link.hear_wakes(
                    config.stage, config.target, partial(self._heard, crew)
                )
                # Only now: what the lease does not list yet, a wake will tell.
                going_on += [tasks.create_task(self._lease.keep(link, crew.wake))]
                await self._stop.wait()
            finally:
                crew.stop()
            for task in going_on:
                task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._reporter.send_all(link)

    def _worker(self, home: str, link: Edge, at_once: asyncio.Semaphore) -> Worker:
        reconciler = Reconciler(
            self._applier,
            self._transitions,
            self._outside,
            self._settings.config.retry,
        )
        return Worker(
            home,
            link,
            promised=self._promised,
            reader=self._reader,
            reconciler=reconciler,
            outside=self._outside,
            lease=self._lease,
            at_once=at_once,
        )

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Edge | None]:
        """Connect, however long it takes; None when asked to stop before."""
        settings, pause = self._settings, FIRST_PAUSE_SECONDS
        async with contextlib.AsyncExitStack() as stack:
            link = None
            while link is None and not self._stop.is_set():
                self._lease.turn()
                try:
                    link = await stack.enter_async_context(
                        edge(
                            settings.nats_url,
                            user=settings.user,
                            seed=settings.seed,
                            credential=settings.token,
                            authority=settings.nats_ca,
                        )
                    )
                except Unavailable as error:
                    self._lease.miss(error)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._stop.wait()
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            yield link

    def _heard(self, crew: Crew, body: bytes) -> None:
        with contextlib.suppress(ValidationError):
            wake = Wake.model_validate_json(body)
            crew.heard(wake.key, wake.revision)
            self._lease.heard()

    def _told(self, request: Request, answer: Done | Problem) -> None:
        """Tell what became of a report; the next resync repairs what it missed."""
        self._outside.tell(*telling.answer(request, answer))

    async def _tell_start(self) -> None:
        """Look at what runs, before anybody says what should."""
        config, keys = self._settings.config, self._state.remembered.keys
        serving = []
        for model in sorted({known.model for known in keys.values()}):
            target = Target(config.stage, config.target, ModelName(model))
            observed = await self._applier.observe(target) or NOTHING
            known = self._state.remembered.of_model(model)
            serving.append(telling.serving(model, known, observed))
        sys.stdout.write(telling.start(config, serving))
        sys.stdout.flush()

    def _now(self) -> Now:
        return Now(
            stage=self._settings.config.stage,
            target=self._settings.config.target,
            is_alive=self._lease.is_turning,
            is_connected=self._link is not None and self._link.is_connected,
            lease=self._lease.standing.value,
            is_drained=self._lease.is_drained,
            lease_age_seconds=self._lease.age_seconds,
            reports_queued=len(self._state.remembered.reports),
            models=[*models(self._promised, self._state.remembered)],
        )


def fetching(config: Config, outside: Outside) -> Fetch:
    """Say how artifacts come here."""
    cache = config.cache
    store = Store(
        config.cache_folder,
        limit_bytes=cache.limit_bytes,
        most_bytes_each=cache.most_bytes_each,
        options=config.artifacts,
        only_from=cache.only_from,
    )
    return partial(store.bring, is_stopping=outside.is_stopping, told=outside.tell)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(RuntimeError, ValueError):
                loop.remove_signal_handler(number)
