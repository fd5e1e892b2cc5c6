"""Which expressions take too long? A child process tries them, and dies in time.

The engine holds the interpreter's lock while it runs, so no thread could stop it. The
child is this very module, run by itself.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from rollbook.errors import Unavailable
from rollbook_services.policy.document import Policy
from rollbook_services.policy.expression.caps import over
from rollbook_services.policy.expression.context import ANALYSIS, CONTEXT
from rollbook_services.policy.expression.dry_run import largest, pieces
from rollbook_services.policy.expression.engine import load, outcome
from rollbook_services.policy.expression.tokens import read
from rollbook_services.policy.lint.expressions import written
from rollbook_services.policy.lint.places import stages
from rollbook_services.policy.reading import check

MOST_SECONDS: Final = 0.020
_SILENT_SECONDS: Final = 2.0  # then the child is killed
_ALL_SECONDS: Final = 10.0
_START_SECONDS: Final = 30.0  # to import the engine, perhaps on a busy machine
_TRIES: Final = 3
_READY: Final = 0.0
_REMEDY: Final = "leave out macros and patterns, or make several gates of it"


async def faults_in(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Name the expressions of a policy document that take too long.

    What cannot be read is left to the rules, which say why. The engine is imported in
    a thread meanwhile, so that no other command waits for it.
    """
    policy = check(document)
    if not isinstance(policy, Policy):
        return []
    placed = {
        text: path
        for at, stage in stages(policy)
        for path, text, _ in written(at, stage)
    }
    if not placed:
        return []
    await asyncio.to_thread(load)
    return [
        {"path": _place(placed, said), "line": None, "message": what, "remedy": _REMEDY}
        for said in await slow(placed)
        for what in (said.removesuffix(f": {_REMEDY}"),)
    ]


def _place(placed: Mapping[str, str], said: str) -> str:
    found = (path for text, path in placed.items() if said.startswith(text))
    return next(found, "")


async def slow(texts: Iterable[str]) -> list[str]:
    """Say which expressions take too long on the largest facts that are allowed.

    Raises Unavailable where no child process comes up.
    """
    # What a cap refuses never runs; the rules say so themselves.
    tried = [text for text in dict.fromkeys(texts) if not over(text)]
    if not tried:
        return []
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__), stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    try:
        return [fault async for fault in _faults(process, tried)]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _faults(process: Process, texts: Sequence[str]) -> AsyncIterator[str]:
    assert process.stdin is not None
    process.stdin.write(json.dumps(texts).encode())
    process.stdin.close()
    if await _answer(process, _START_SECONDS) is None:
        raise Unavailable("the process that times expressions does not come up")
    left = _ALL_SECONDS
    for text in texts:
        begin = time.monotonic()
        seconds = await _answer(process, min(left, _SILENT_SECONDS))
        left -= time.monotonic() - begin
        if seconds is None:
            # It is stuck or has crashed the child: the others are tried next time.
            yield f"{text} does not come to an end: {_REMEDY}"
            return
        if seconds > MOST_SECONDS:
            took, most = (f"{each * 1e3:.0f} ms" for each in (seconds, MOST_SECONDS))
            yield f"{text} takes {took}, at most {most}: {_REMEDY}"


async def _answer(process: Process, patience_seconds: float) -> float | None:
    """Return the child's next number; None where it says no more."""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(patience_seconds):
            line = await process.stdout.readline()
    except TimeoutError:
        return None
    return float(line) if line else None


def answer() -> None:
    """Be the child: say for each expression how many seconds it takes."""
    texts = json.loads(sys.stdin.read())
    _seconds("true")  # imports the engine, and warms its parser
    sys.stdout.write(f"{_READY}\n")
    for text in texts:
        sys.stdout.flush()
        sys.stdout.write(f"{_seconds(text)}\n")
    sys.stdout.flush()


def _seconds(text: str) -> float:
    """Measure an expression and each of its parts, until one is too slow.

    Parts too, because a short circuit hides one in the whole.
    """
    most = 0.0
    for variables in (CONTEXT, ANALYSIS):
        for context in largest(text, variables):
            for piece in pieces(read(text)):
                most = max(most, _least(piece, context))
                if most > MOST_SECONDS:
                    return most
    return most


def _least(text: str, context: dict[str, object]) -> float:
    """Return the least of several times: a busy machine only makes it slower."""
    least = float("inf")
    for _ in range(_TRIES):
        begin = time.process_time()
        outcome(text, context)
        least = min(least, time.process_time() - begin)
        if least < MOST_SECONDS:
            break
    return least


if __name__ == "__main__":
    answer()
