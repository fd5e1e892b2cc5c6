"""How soon after a command is sent do readers of the stage view see its event?"""

import asyncio
import sqlite3
import time
from contextlib import closing

from rollbook import catalogue
from rollbook.commands.model import RegisterModel
from rollbook.ledger.connection import connect
from rollbook_services.local.nats_keys import seed_file
from tests.benchmarks.local import Local, local
from tests.benchmarks.measure import Line, at_most, quantile
from tests.benchmarks.run import Run
from tests.benchmarks.site import Pipeline
from tests.benchmarks.workload import model_name, registration

PER_SECOND = 20
SAMPLES = 300
MODELS = 50
LOOK_AGAIN_SECONDS = 0.000_5
P50_MILLISECONDS = 10.0
P99_MILLISECONDS = 40.0


async def measure(run: Run) -> list[Line]:
    """Send commands now and then; read the view's file as another process would."""
    catalogue.load()
    samples = SAMPLES // 5 if run.is_quick else SAMPLES
    async with local(run.folder / "visibility") as here:
        seed = seed_file(here.folder / "nats", "gateway")
        async with connect(here.nats, user="gateway", seed_file=seed) as client:
            pipeline = Pipeline(client, here.token, "core.gateway")
            recorded, visible = await _sample(here, pipeline, samples)
        memory = here.peak()
    note = (
        f"{samples} registrations, {PER_SECOND}/s, all of Rollbook in one process; "
        "seen by a reader of the view's SQLite file"
    )
    return [
        _line("command recorded, p50", recorded, 0.5),
        _line("command recorded, p99", recorded, 0.99),
        _line("command → event → visible, p50", visible, 0.5, P50_MILLISECONDS, note),
        _line("command → event → visible, p99", visible, 0.99, P99_MILLISECONDS),
        Line("memory of that process", memory, "MiB peak"),
    ]


async def _sample(
    here: Local, pipeline: Pipeline, samples: int
) -> tuple[list[float], list[float]]:
    for number in range(MODELS):
        model = RegisterModel(model=model_name(number))
        await pipeline.send(f"model/{number}", model)
    recorded, visible = [], []
    with closing(_open(here)) as view:
        for number in range(samples):
            command = registration(model_name(number % MODELS), number)
            begin = time.perf_counter()
            sequence = await pipeline.send(f"version/{number}", command)
            recorded.append(time.perf_counter() - begin)
            await _seen(view, sequence)
            visible.append(time.perf_counter() - begin)
            await asyncio.sleep(max(0, 1 / PER_SECOND - visible[-1]))
    return recorded, visible


def _open(here: Local) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{here.folder}/stage.db?mode=ro", uri=True, isolation_level=None
    )


async def _seen(view: sqlite3.Connection, sequence: int) -> None:
    async with asyncio.timeout(30):
        while True:
            row = view.execute("SELECT position FROM checkpoint").fetchone()
            if row and row[0] >= sequence:
                return
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _line(
    what: str,
    seconds: list[float],
    part: float,
    milliseconds: float | None = None,
    note: str = "",
) -> Line:
    return Line(
        what,
        quantile(seconds, part) * 1000,
        "ms",
        target=None if milliseconds is None else at_most(milliseconds),
        note=note,
    )
