"""How is one thing measured in a process of its own, with its own memory?"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvloop

from rollbook_services.logs import set_up

ROOT: Final = Path(__file__).parents[2]
READY: Final = "ready"

Answer = dict[str, Any]


async def ask(module: str, **question: Any) -> Answer:
    """Run `python -m tests.benchmarks.<module>` and read its last line."""
    process = await _start(module, question)
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    answer: Answer = json.loads(output.splitlines()[-1])
    return answer


@asynccontextmanager
async def serving(module: str, **question: Any) -> AsyncIterator[Callable[[], float]]:
    """Run a service until the end of the block; yields a look at its peak memory."""
    process = await _start(module, question)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            line = await process.stdout.readline()
        if line.strip() != READY.encode():
            raise RuntimeError(f"{module} did not get ready: {line.decode()}")
        yield lambda: peak_mebibytes(process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _start(module: str, question: dict[str, Any]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", f"tests.benchmarks.{module}", json.dumps(question, default=str)),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )


def answer(work: Callable[[Answer], Coroutine[Any, Any, Answer]]) -> None:
    """Be such a process: do the work, write the answer with our own peak memory."""
    set_up(level="warning")
    question: Answer = json.loads(sys.argv[1])
    found = uvloop.run(work(question))
    print(json.dumps({**found, "peak_mebibytes": peak_mebibytes("self")}))


def peak_mebibytes(process: int | str) -> float:
    """Read the most memory a process ever held.

    From Linux's own count: `ru_maxrss` starts with the parent's at exec.
    """
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmHWM")
