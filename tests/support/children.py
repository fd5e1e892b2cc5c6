"""How does a test run each service as a process of its own, to kill -9 it?

The children are forked from a process that has imported everything already: a start
takes 20 ms instead of a second and a half, so that a test can afford a hundred.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
START_SECONDS: Final = 60
STOP_SECONDS: Final = 20
LOOK_AGAIN_SECONDS: Final = 0.01

_forking: Final = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    [
        "rollbook_services.cli.main",
        "rollbook_services.local.up",
        "rollbook.agent.runtime",
    ]
)


@dataclass(slots=True)
class Child:
    """One `rollbook …` command line as a process, which can be started again."""

    arguments: Sequence[str]
    folder: Path
    """Where the output of each start is kept."""
    environment: Mapping[str, str] = field(default_factory=dict)
    starts: int = 0
    process: BaseProcess | None = None

    @property
    def output(self) -> Path:
        return self.folder / f"{self.starts}.log"

    def start(self) -> None:
        self.starts += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = _forking.Process(
            target=be_a_command,
            args=(list(self.arguments), dict(self.environment), str(self.output)),
            daemon=True,
        )
        self.process.start()

    async def ready(self, word: str = "Ready:") -> None:
        """Wait for the line with which a start tells that it is complete."""
        async with asyncio.timeout(START_SECONDS):
            while word not in self.told():
                assert self.process is not None
                assert self.process.is_alive(), self.told()
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def told(self) -> str:
        """Return what this start has written so far."""
        return self.output.read_text() if self.output.exists() else ""

    def told_ever(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("*.log")))

    def kill9(self) -> None:
        """End the process without a word; it can be started again at once."""
        assert self.process is not None
        self.process.kill()
        self.process.join()

    def stop(self) -> None:
        """End the process as an operator does; raise where it does not obey."""
        if self.process is None or not self.process.is_alive():
            return
        self.process.terminate()
        self.process.join(STOP_SECONDS)
        if self.process.is_alive():
            self.kill9()
            raise AssertionError(
                f"{self.arguments} did not stop: {self.told()[-2000:]}"
            )


def be_a_command(
    arguments: list[str], environment: dict[str, str], output: str
) -> None:
    """Become `rollbook …` in a process just forked."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    descriptor = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    os.environ.update(environment)
    from rollbook_services.cli.main import run  # noqa: PLC0415 - in the child alone

    sys.exit(run(arguments))
