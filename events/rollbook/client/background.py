"""How does a program without an event loop, or inside one, use what needs a loop?

One daemon thread runs a loop of its own, so it works in notebooks too, where a loop
runs already. After a fork only the forking thread lives on: the child starts anew.
"""

import asyncio
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing, suppress
from typing import Any, Final, TypeVar

from rollbook.errors import RollbookError

T = TypeVar("T")

_STOP_SECONDS: Final = 5.0
# What was opened before a fork; dropping it would close what the parent still uses.
_left_to_the_parent: Final[list[object]] = []


class Closed(RollbookError):
    """The client was closed: make another."""


class _Over(Exception):
    """A feed has come to its end."""


Last = Callable[[], Coroutine[Any, Any, None]]


class BackgroundLoop:
    """A loop in a thread of its own, started when it is first needed."""

    def __init__(self, last: Last) -> None:
        """Start nothing yet; `last` is what runs before the thread ends."""
        self._last = last
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: weakref.finalize[..., BackgroundLoop] | None = None
        self._pid = os.getpid()
        self._is_closed = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it there and wait for what it returns or raises."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._running())
        except (RollbookError, RuntimeError):
            work.close()
            raise
        try:
            return future.result()
        except BaseException:  # also Ctrl-C, which reaches only this thread
            future.cancel()
            raise

    def iterate(self, feed: AsyncGenerator[T, None]) -> Iterator[T]:
        """Read it there in one task, so that all it is made of ends with the task."""
        read: asyncio.Queue[T | Exception] = asyncio.Queue(maxsize=1)
        task = self.run(_started(_read(feed, read)))
        try:
            while True:
                told = self.run(read.get())
                if isinstance(told, _Over):
                    return
                if isinstance(told, Exception):
                    raise told
                yield told
        finally:
            with suppress(RuntimeError):  # the loop has ended, and the task with it
                task.get_loop().call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Stop the thread; `run` raises Closed from now on."""
        self._is_closed = True
        if self._end is not None and self._pid == os.getpid():
            self._end()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._is_closed:
            raise Closed("this client is closed: make another")
        if self._pid != os.getpid():
            _left_to_the_parent.append((self._loop, self._starting))
            self._loop, self._starting = None, threading.Lock()
            self._pid = os.getpid()
        with self._starting:
            if self._loop is None:
                self._loop = self._start()
            return self._loop

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(
            target=_serve, args=(loop, self._last), name="rollbook-client", daemon=True
        )
        thread.start()
        # Also when the client is forgotten, and when the program ends.
        self._end = weakref.finalize(self, _stop, loop, thread, os.getpid())
        return loop


async def _started(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


async def _read(
    feed: AsyncGenerator[T, None], into: "asyncio.Queue[T | Exception]"
) -> None:
    try:
        async with aclosing(feed):
            async for told in feed:
                await into.put(told)
        await into.put(_Over())
    except Exception as error:  # noqa: BLE001  raised where it is read
        await into.put(error)


def _serve(loop: asyncio.AbstractEventLoop, last: Last) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        _finish(loop)
        loop.run_until_complete(last())
        _finish(loop)
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Let tasks end, and generators, which end one inside the other."""
    while True:
        loop.run_until_complete(asyncio.sleep(0))
        left = asyncio.all_tasks(loop)
        if not left:
            return
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread, pid: int) -> None:
    if pid != os.getpid():
        return
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(_STOP_SECONDS)
