"""Does a target come to the newest document, and never go back behind one?

Invariant I19 (design/promotion.md §8), on a real server with a real memory: wakes get
lost, come twice and late; old documents come back; the agent is restarted and killed.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbook.agent import runtime
from rollbook.commands.desired import key_of
from rollbook.names import Digest
from tests.support.agents import (
    PLACE,
    TIMEOUT_SECONDS,
    EdgeSite,
    desired_set,
    edge_site,
    running,
    until,
)
from tests.support.files_driver import FilesDriver
from tests.support.nats import NatsServer

KEY = key_of(PLACE)
Step = tuple[str, int, bool]

words = st.sampled_from(
    ["desire", "desire", "haunt", "wake", "list", "garbage", "restart", "wait"]
)
steps = st.tuples(words, st.integers(0, 9), st.booleans())


@dataclass(slots=True)
class History:
    """Everything that was ever desired, in order."""

    site: EdgeSite
    files: FilesDriver
    values: list[bytes] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)

    @property
    def newest(self) -> int:
        return len(self.values)

    async def desire(self, content: bytes) -> None:
        revision = self.newest + 1
        served = self.site.artifact(content, revision)
        _, value = self.site.document(desired_set(served, revision=revision))
        self.values.append(value)
        self.digests.append(served.digest)
        await self.site.store(KEY, value)
        self.site.revisions[KEY] = revision

    async def settle(self) -> None:
        """Wake the agent, and wait until what is desired runs."""
        await self.wake(self.newest)
        await self.site.until(
            lambda: ("applied", self.newest, None) in self.site.said()
        )

    async def wake(self, revision: int) -> None:
        """Wake the agent; what the lease lists stays as it is."""
        listed = self.site.revisions[KEY]
        await self.site.announce(KEY, revision)
        self.site.revisions[KEY] = listed

    def earlier(self, number: int) -> int:
        """Choose one of the revisions that were desired."""
        return number % self.newest + 1

    async def haunt(self, revision: int) -> None:
        """Let an old document come back, and lease and wake agree with it."""
        await self.site.store(KEY, self.values[revision - 1])
        await self.site.announce(KEY, revision)

    def went_back(self) -> bool:
        """Tell whether something was served that was not desired since the last."""
        reached = 0
        for runs in self.files.served:
            [digest] = runs
            later = [
                revision
                for revision, desired in enumerate(self.digests)
                if desired == digest and revision >= reached
            ]
            if not later:
                return True
            reached = later[0]
        return False


class Process:
    """An agent that is stopped, killed and started again over one memory."""

    def __init__(self, site: EdgeSite, files: FilesDriver) -> None:
        self._site, self._files = site, files
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it is there: nats-py forgets a socket it is cancelled over."""
        self._stop = asyncio.Event()
        settings = self._site.settings(resync=0.1)
        self._task = asyncio.create_task(
            runtime.run(settings, stop=self._stop, driver=self._files)
        )
        await self._site.until_leased()

    async def end(self, *, gracefully: bool) -> None:
        assert self._task is not None
        self._stop.set() if gracefully else self._task.cancel()
        async with asyncio.timeout(TIMEOUT_SECONDS):
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


async def do(step: Step, history: History, process: Process) -> None:
    match step:
        case "desire", number, is_in_peace:
            # Some content comes again, as it does when a lane goes back.
            content = number if number < 3 else 100 + history.newest
            await history.desire(b"%d" % content)
            if is_in_peace:
                await history.settle()
        case "garbage", number, _:
            await history.site.store(KEY, b"{" * number)
        case "restart", _, gracefully:
            await process.end(gracefully=gracefully)
            await process.start()
        case "wait", number, _:
            await asyncio.sleep(number / 50)
        case word, number, is_twice if history.values:
            await repeat(word, history.earlier(number), history, is_twice=is_twice)
        case _:
            pass  # nothing was said yet


async def repeat(word: str, revision: int, history: History, *, is_twice: bool) -> None:
    """Let something that was said once be said again."""
    match word:
        case "haunt":
            await history.haunt(revision)
            await asyncio.sleep(0.15 * is_twice)
        case "wake":
            for _ in range(1 + is_twice):
                await history.wake(revision)
        case _:
            history.site.revisions[KEY] = revision


# A life takes about a second: an eighth of the profile's examples.
@settings(max_examples=max(8, settings().max_examples // 8))
@given(plan=st.lists(steps, max_size=14))
@example([("desire", 3, True), ("desire", 4, True), ("haunt", 0, True)])
@example(
    [
        *[("desire", 3, True), ("desire", 4, True), ("haunt", 0, False)],
        *[("restart", 0, False), ("wait", 9, False)],
    ]
)
async def test_it_converges_to_the_newest_and_never_goes_back(
    agents_nats: NatsServer, plan: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        async with edge_site(agents_nats, Path(folder)) as site:
            site.renew_seconds = 0.1
            history = History(site, FilesDriver(site.root))
            process = Process(site, history.files)
            await process.start()
            for step in plan:
                await do(step, history, process)
            await history.desire(b"last")  # and nobody wakes the agent
            newest = ("applied", history.newest, None)
            await site.until(lambda: newest in site.said())
            await process.end(gracefully=True)
            assert [*history.files.served[-1]] == [history.digests[-1]]
            assert not history.went_back()


async def test_a_lost_memory_is_begun_anew_with_what_is_promised(
    site: EdgeSite, files: FilesDriver
) -> None:
    """The bucket holds an old document again, and only the lease knows better."""
    history = History(site, files)
    await history.desire(b"one")
    await history.desire(b"two")
    settings = site.settings(resync=0.1)
    async with running(settings, files):
        await site.until(lambda: ("applied", 2, None) in site.said())
    settings.config.state_file.unlink()
    await site.store(KEY, history.values[0])
    asked = len(site.leases)
    async with running(settings, files):
        # Only an agent that found less than was promised asks a second time so soon.
        await site.until(lambda: len(site.leases) > asked + 1)
        assert [*files.served[-1]] == [history.digests[1]]
        await history.haunt(2)
        await until(lambda: site.said()[-1] == ("applied", 2, None))
    assert not history.went_back()
