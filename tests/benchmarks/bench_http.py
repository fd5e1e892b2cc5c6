"""What does HTTP cost on top: registering a version, reading what runs in a stage?"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial

import orjson

from tests.benchmarks.http import Http, http
from tests.benchmarks.load import Load, keep_in_flight
from tests.benchmarks.local import Local, local
from tests.benchmarks.measure import Line, quantile
from tests.benchmarks.run import Run
from tests.benchmarks.workload import model_name, registration

CONNECTIONS = 16
MODELS = 50
SECONDS = 5.0
DEADLINE_SECONDS = 30.0


async def measure(run: Run) -> list[Line]:
    """Ask one at a time, then sixteen side by side."""
    seconds = 1.0 if run.is_quick else SECONDS
    numbers = itertools.count(1)
    lines: list[Line] = []
    async with local(run.folder / "http") as here:
        async with http(here.url, here.token) as connection:
            await _prepare(connection)
        for what, ask in (
            ("HTTP POST a version", partial(_register, numbers=numbers)),
            ("HTTP GET what runs in a stage", _read),
        ):
            alone = await _loaded(here, 1, ask, seconds)
            busy = await _loaded(here, CONNECTIONS, ask, seconds)
            lines += _lines(what, alone, busy)
        lines.append(Line("memory of that process", here.peak(), "MiB peak"))
    return lines


def _path(number: int) -> str:
    return f"/v1/models/{model_name(number % MODELS)}"


async def _prepare(connection: Http) -> None:
    """Register the models, and bring one version of each into development."""
    for number in range(MODELS):
        body = orjson.dumps({"model": model_name(number)})
        await connection.ask("POST", "/v1/models", body)
        await _register(connection, numbers=iter([MODELS * 1_000_000 + number]))
        asked = orjson.dumps({"stage": "development", "version": 1, "reason": "bench"})
        await connection.ask("POST", f"{_path(number)}/promotions", asked)
    async with asyncio.timeout(DEADLINE_SECONDS):
        for number in range(MODELS):
            while not await _is_live(connection, number):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def _is_live(connection: Http, number: int) -> bool:
    lane = orjson.loads(
        await connection.ask("GET", f"{_path(number)}/lanes/development")
    )
    stable = lane["data"]["stable"]
    return bool(stable and stable["version"] == 1)


async def _register(connection: Http, *, numbers: Iterator[int]) -> None:
    number = next(numbers)
    command = registration(model_name(number % MODELS), number)
    body = orjson.dumps(command.model_dump(mode="json", exclude={"model", "command"}))
    await connection.ask("POST", f"{_path(number)}/versions", body)


async def _read(connection: Http) -> None:
    await connection.ask("GET", f"{_path(7)}/lanes/development")


async def _loaded(
    here: Local, many: int, ask: Callable[[Http], Awaitable[None]], seconds: float
) -> Load:
    async with AsyncExitStack() as stack:
        free = [
            await stack.enter_async_context(http(here.url, here.token))
            for _ in range(many)
        ]

        async def piece() -> None:
            connection = free.pop()
            await ask(connection)
            free.append(connection)

        return await keep_in_flight(itertools.repeat(piece), many=many, seconds=seconds)


def _lines(what: str, alone: Load, busy: Load) -> list[Line]:
    return [
        Line(f"{what}, one at a time, p50", quantile(alone.latencies, 0.5) * 1e3, "ms"),
        Line(
            f"{what}, one at a time, p99", quantile(alone.latencies, 0.99) * 1e3, "ms"
        ),
        Line(f"{what}, {CONNECTIONS} in flight", busy.per_second, "requests/s"),
    ]
