"""How does somebody else's command run, and end for sure?

It has its own process group. Whatever is left of that when the command ends, or may
not go on, is killed: what should stay is started elsewhere, by systemd for example.
"""

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Annotated, Final

from pydantic import BeforeValidator, Field

from rollbook.agent.driver import Fault, Interrupted, Unapplied

LOOK_SECONDS: Final = 0.1
GRACE_SECONDS: Final = 10.0
"""How long a command may go on when the agent stops."""
MOST_BYTES: Final = 1024 * 1024
LAST_WORDS_BYTES: Final = 300


def _split(text: object) -> object:
    return tuple(shlex.split(text)) if isinstance(text, str) else text


Command = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_split),
    Field(min_length=1),
]
"""A program and its arguments: a list, or a text with a shell's quotes; no shell."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a command."""

    code: int
    """Negative: the signal that ended it."""
    said: bytes
    last_words: str
    """For people: what it wrote last where errors go, else what it said last."""


async def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    deadline_seconds: float,
    given: bytes = b"",
    is_stopping: Callable[[], bool] = lambda: False,
) -> Ended:
    """Run a command to its end, with something to read and a few more variables.

    Raises Unapplied when it cannot be started, says too much or passes its deadline;
    Interrupted when the agent stops and it does not end soon.
    """
    name = command[0]
    # Files, not pipes: nobody waits for a grandchild that keeps one open.
    with TemporaryFile() as stdin, TemporaryFile() as said, TemporaryFile() as errors:
        stdin.write(given)
        stdin.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **environment},
                stdin=stdin,
                stdout=said,
                stderr=errors,
                process_group=0,
            )
        except (OSError, ValueError) as error:
            raise Unapplied(Fault.DRIVER_ERROR, f"{name}: {error}") from error
        try:
            async with asyncio.timeout(deadline_seconds):
                code = await _until_it_ends(process, (said, errors), is_stopping)
        except TimeoutError as error:
            words = _last_words(errors) or _last_words(said)
            raise Unapplied(
                Fault.DRIVER_TIMEOUT,
                f"{name}: not done after {deadline_seconds:g} s {words}".rstrip(),
            ) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        said.seek(0)
        words = _last_words(errors) or _last_words(said)
        said.seek(0)
        return Ended(code, said.read(MOST_BYTES), words)


async def _until_it_ends(
    process: asyncio.subprocess.Process,
    written: Sequence[IO[bytes]],
    is_stopping: Callable[[], bool],
) -> int:
    loop, ends = asyncio.get_running_loop(), asyncio.create_task(process.wait())
    stopping_since: float | None = None
    try:
        while not ends.done():
            await asyncio.wait({ends}, timeout=LOOK_SECONDS)
            if any(os.fstat(each.fileno()).st_size > MOST_BYTES for each in written):
                raise Unapplied(Fault.DRIVER_ERROR, f"it says over {MOST_BYTES} bytes")
            if is_stopping() and stopping_since is None:
                stopping_since = loop.time()
            if stopping_since and loop.time() - stopping_since > GRACE_SECONDS:
                raise Interrupted("stopped while a command ran")
        return ends.result()
    finally:
        ends.cancel()


def _last_words(file: IO[bytes]) -> str:
    file.seek(max(0, os.fstat(file.fileno()).st_size - LAST_WORDS_BYTES))
    return " ".join(file.read(LAST_WORDS_BYTES).decode(errors="replace").split())
