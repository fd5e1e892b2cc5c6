"""How does an agent make what runs equal what is desired, whatever happens?

It acts on the state of its keys alone: a wake, a lease or a time-out only makes it
look (design/promotion.md §5.3). While Rollbook is away it changes nothing.
"""

import asyncio
import contextlib
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from rollbook.agent import drivers, reports
from rollbook.agent.apply import Applier, Outside
from rollbook.agent.desired import peek_revision
from rollbook.agent.driver import Driver
from rollbook.agent.driver import make as make_driver
from rollbook.agent.settings import Settings
from rollbook.agent.state import StateFile, opened
from rollbook.commands.desired import Lease, LeaseRequest, Target, Wake
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import Done, Problem, Request
from rollbook.errors import Unavailable
from rollbook.ledger.edge import Edge, edge
from rollbook.names import ModelName, StageName, TargetName

MIRROR_LAG_SECONDS: Final = 2.0
LOOK_AGAIN_SECONDS: Final = 0.02
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
RESYNC_SPREAD: Final = 0.2
LAST_WORDS_SECONDS: Final = 2.0


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Serve one target until SIGTERM or SIGINT; a step in hand is finished first.

    Raises Misconfigured when NATS refuses this agent, or another one runs here.
    """
    drivers.load()
    driver = make_driver(settings.driver, settings.options)
    stop = stop or asyncio.Event()
    with opened(settings.state_file) as state, _signals(stop):
        agent = Agent(settings, stop)
        told = reports.Reporter(state, agent.tell_answer)
        outside = Outside(
            now=now, tell=tell, is_stopping=stop.is_set, queued=told.queued
        )
        applier = Applier(settings, driver, state, outside)
        tell_start(settings, await _serving(settings, driver, state))
        await agent.serve(applier, told, known=lambda: state.remembered.keys)


class Agent:
    """The loop around one connection: look, apply, wait until there is a reason."""

    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        """Take what to serve and the event that ends it."""
        self._settings, self._stop = settings, stop
        self._prefix = f"{settings.stage}.{settings.target}."
        self._hints: dict[str, int] = {}
        self._woken = asyncio.Event()
        self._is_away = False

    async def serve(
        self,
        applier: Applier,
        reporter: reports.Reporter,
        *,
        known: Callable[[], Iterable[str]],
    ) -> None:
        """Stay connected and follow, until the stop."""
        async with self._connected() as link:
            if link is None:
                return
            await link.hear_wakes(
                self._settings.stage, self._settings.target, self._heard
            )
            async with asyncio.TaskGroup() as tasks:
                sending = tasks.create_task(reporter.send_for_ever(link))
                tasks.create_task(self._wake_at_stop())
                await self._follow(link, applier, known)
                sending.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_SECONDS):
                    await reporter.send_all(link)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Edge | None]:
        """Connect, however long it takes; None when asked to stop before."""
        pause = FIRST_PAUSE_SECONDS
        async with contextlib.AsyncExitStack() as stack:
            link = None
            while link is None and not self._stop.is_set():
                try:
                    link = await stack.enter_async_context(
                        edge(
                            self._settings.nats_url,
                            user=self._settings.user,
                            seed=self._settings.seed,
                            credential=self._settings.token,
                            authority=self._settings.nats_ca,
                        )
                    )
                except Unavailable as error:
                    self._tell_away(error)
                    await self._pause(pause)
                    pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            yield link

    async def _follow(
        self, link: Edge, applier: Applier, known: Callable[[], Iterable[str]]
    ) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                keys, is_known = await self._keys(link), True
                self._tell_back()
            except Unavailable as error:
                self._tell_away(error)
                keys, is_known = dict.fromkeys(known(), 0), False
            if await self._bring_all(link, applier, keys) and is_known:
                wait, pause = self._resync(), FIRST_PAUSE_SECONDS
            else:
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
            await self._until_due(link, applier, wait)

    async def _keys(self, link: Edge) -> Mapping[str, int]:
        """Ask for every own key with its revision."""
        asked = LeaseRequest(
            stage=StageName(self._settings.stage),
            target=TargetName(self._settings.target),
        )
        answer = await link.lease(asked.model_dump_json().encode())
        try:
            return Lease.model_validate_json(answer).keys
        except ValidationError as error:
            said = answer[:200].decode(errors="replace")
            raise Unavailable(f"the conductor gives no lease: {said}") from error

    async def _until_due(self, link: Edge, applier: Applier, seconds: float) -> None:
        """Wait for the next look at everything; follow wakes meanwhile."""
        reconnects = link.reconnects
        due_at = time.monotonic() + seconds
        while not self._stop.is_set() and reconnects == link.reconnects:
            left = due_at - time.monotonic()
            if left <= 0:
                return
            # A lost connection lost wakes: so look now and then whether it came back.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, FIRST_PAUSE_SECONDS)):
                    await self._woken.wait()
            self._woken.clear()
            if not await self._bring_all(link, applier, dict(self._hints)):
                return

    async def _bring_all(
        self, link: Edge, applier: Applier, keys: Mapping[str, int]
    ) -> bool:
        """Tell whether every document was there: after a failover, one comes late."""
        is_whole = True
        for key, revision in sorted(keys.items()):
            if self._stop.is_set():
                break
            if key.startswith(self._prefix):
                try:
                    is_there = await self._bring(link, applier, key, revision)
                except Unavailable:
                    is_there = False
                is_whole = is_whole and is_there
        return is_whole

    async def _bring(
        self, link: Edge, applier: Applier, key: str, revision: int
    ) -> bool:
        """Bring what is desired; False where less is there than was promised."""
        while not self._stop.is_set():
            at_least = max(revision, self._hints.pop(key, 0))
            value = await self._read(link, key, at_least)
            if value is None:
                return at_least == 0
            if await applier.bring(
                key, value, is_superseded=lambda own: self._hints.get(key, 0) > own
            ):
                return peek_revision(value) >= at_least
        return True

    async def _read(self, link: Edge, key: str, at_least: int) -> bytes | None:
        """Read a document; wait a moment for a mirror that lags behind a hint."""
        until = time.monotonic() + MIRROR_LAG_SECONDS
        while True:
            value = (await link.desired.get(key)).value
            revision = peek_revision(value) if value is not None else 0
            if revision >= at_least or time.monotonic() > until or self._stop.is_set():
                return value
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _heard(self, body: bytes) -> None:
        with contextlib.suppress(ValidationError):
            wake = Wake.model_validate_json(body)
            if wake.key.startswith(self._prefix):
                self._hints[wake.key] = max(wake.revision, self._hints.get(wake.key, 0))
                self._woken.set()

    def _resync(self) -> float:
        spread = random.uniform(1 - RESYNC_SPREAD, 1 + RESYNC_SPREAD)
        return self._settings.resync_seconds * spread

    async def _wake_at_stop(self) -> None:
        await self._stop.wait()
        self._woken.set()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _tell_away(self, error: Unavailable) -> None:
        if not self._is_away:
            tell("away", f"Rollbook unreachable, still serving what runs: {error}")
        self._is_away = True

    def _tell_back(self) -> None:
        if self._is_away:
            tell("back", "Rollbook answers again")
        self._is_away = False

    def tell_answer(self, request: Request, answer: Done | Problem) -> None:
        """Tell what became of a report; the next resync repairs what it missed."""
        if not isinstance(request.command, ReportTarget):
            return
        state, report = request.command.state, request.command.report
        observed = ", ".join(report.observed.values()) or "nothing"
        what = f"{request.command.model} {state}, revision {report.revision}"
        match answer:
            case Done(sequence=sequence):
                tell("reported", f"{what}, observed {observed}   seq {sequence}")
            case Problem(code=code, message=message):
                tell("unreported", f"{what}: {message} [{code}]")


async def _serving(settings: Settings, driver: Driver, state: StateFile) -> list[str]:
    """Look at what runs, before anybody says what should."""
    place = StageName(settings.stage), TargetName(settings.target)
    serving = []
    for known in state.remembered.keys.values():
        observed = await driver.observe(Target(*place, ModelName(known.model)))
        is_known = observed.digest == known.digest
        version = f"@{known.version}" if is_known and known.version else ""
        serving.append(f"{known.model}{version} {observed.digest or 'nothing'}")
    return serving


def tell_start(settings: Settings, serving: Iterable[str]) -> None:
    """Say who begins, and with what."""
    sys.stdout.write(
        f"agent {settings.stage}/{settings.target}   "
        f"serving {', '.join(serving) or 'nothing yet'}   "
        f"resync every {settings.resync_seconds:g} s\n"
    )
    sys.stdout.flush()


def tell(word: str, line: str) -> None:
    """Write one transition for people."""
    sys.stdout.write(f"{now():%H:%M:%S}  {word:<10} {line}\n")
    sys.stdout.flush()


def now() -> datetime:
    """Read the agent's clock: it dates reports and orders nothing."""
    return datetime.fromtimestamp(time.time(), UTC)


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
