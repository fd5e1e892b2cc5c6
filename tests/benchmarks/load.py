"""How are many things kept in flight, and how fast did they go?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What one round of load did."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Return how many were answered in a second."""
        return len(self.latencies) / self.seconds


async def keep_in_flight(
    work: Iterator[Callable[[], Awaitable[object]]], *, many: int, seconds: float
) -> Load:
    """Run pieces of work side by side for some seconds; count those that ended."""
    load = Load()
    begin = time.perf_counter()

    async def one_after_another() -> None:
        for piece in work:
            started = time.perf_counter()
            await piece()
            ended = time.perf_counter()
            load.latencies.append(ended - started)
            if ended - begin >= seconds:
                return

    async with asyncio.TaskGroup() as tasks:
        for _ in range(many):
            tasks.create_task(one_after_another())
    load.seconds = time.perf_counter() - begin
    return load
