"""How fast is each view rebuilt from a large ledger, and with how much memory?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from rollbook_services.local.accounts import pipeline
from rollbook_services.local.nats_server import nats_server
from tests.benchmarks import child
from tests.benchmarks.load import keep_in_flight
from tests.benchmarks.measure import Line, at_least, at_most, quantile
from tests.benchmarks.parts import EVENTS_PER_MODEL, event_key, write_parts
from tests.benchmarks.run import ORIGIN, Run
from tests.benchmarks.seeding import Seeded, seed
from tests.benchmarks.site import USER, place_at, publishing
from tests.benchmarks.workload import model_name, registration
from tests.support.postgres import fresh_postgres, postgres

FULLY_VERIFIED_PART = 10  # a tenth of the ledger tells the rate
PER_SECOND = {"SQLite": 45_000.0, "PostgreSQL": 30_000.0}
OF_PULL = 0.3
FEW_MODELS, MANY_MODELS = 20, 200
COLD_IN_FLIGHT = 4
COLD_SECONDS = 60.0
MEBIBYTES = 400.0


async def measure(run: Run) -> list[Line]:
    """Seed a ledger, then rebuild every view from it, each in a process of its own."""
    folder = run.folder / "replay"
    folder.mkdir(mode=0o700)
    lines, seeded = await _seed(run, folder)
    async with nats_server(folder, clients=[pipeline(USER)]) as server:
        where = {"folder": folder, "nats": server.url}
        pulled = await child.ask("pulling", **where)
        limit = max(pulled["pull"], pulled["direct"])
        lines += [
            Line("raw pull consumer, whole ledger", pulled["pull"], "events/s"),
            Line("replay by direct get, whole ledger", pulled["direct"], "events/s"),
        ]
        async for line in _rebuilds(run, where, seeded, limit):
            run.say(line.what)
            lines.append(line)
        lines += await _registrar(run, seeded, folder, server.url)
    return lines


async def _seed(run: Run, folder: Path) -> tuple[list[Line], Seeded]:
    key = event_key(folder)
    run.say(f"writing {run.events:,} signed events")
    with run.timer() as took:
        parts = write_parts(folder, events=run.events, key=key, origin=ORIGIN)
    written = took()
    run.say("seeding the ledger with them")
    seeded = await seed(folder, parts)
    for part in parts:
        part.unlink()
    note = (
        f"{seeded.events:,} events of {seeded.models:,} models, "
        f"{seeded.body_bytes:,.0f} bytes each; decided, signed and chained by the "
        "real rules in two processes"
    )
    return [
        Line(
            "decide, sign, fold (2 processes)",
            run.events / written,
            "events/s",
            note=note,
        ),
        Line(
            "seeding, many in flight, sync default",
            seeded.events / seeded.seconds,
            "events/s",
        ),
    ], seeded


async def _rebuilds(
    run: Run, where: dict[str, object], seeded: Seeded, limit: float
) -> AsyncIterator[Line]:
    for engine in run.engines:
        for view in run.views:
            async with _database(run, engine, view) as url:
                done = await child.ask(
                    "rebuilding",
                    **where,
                    view=view,
                    database=url,
                    events=seeded.events,
                    digest=seeded.digest.hex(),
                )
            _check(done, seeded)
            yield _rate(f"rebuild {view} on {engine}", done, limit, PER_SECOND[engine])
            yield Line(
                f"memory of that rebuild ({view}, {engine})",
                done["peak_mebibytes"],
                "MiB peak",
                target=at_most(MEBIBYTES),
            )
    async with _database(run, "SQLite", "full") as url:
        few = max(1, seeded.events // FULLY_VERIFIED_PART)
        done = await child.ask(
            "rebuilding", **where, view="stage", database=url, events=few, digest=""
        )
    rate = done["position"] / done["seconds"]
    yield Line(
        "rebuild stage on SQLite, every signature verified",
        rate,
        "events/s",
        limit=limit,
        limit_name="pull",
        note=f"nothing vouches; the first {few:,} events",
    )


def _check(done: child.Answer, seeded: Seeded) -> None:
    assert done["position"] == done["vouched"] == seeded.events, done
    assert done["digest"] == seeded.digest.hex(), done


def _rate(what: str, done: child.Answer, limit: float, target: float) -> Line:
    busy = done["processor_seconds"] / done["seconds"]
    return Line(
        what,
        done["position"] / done["seconds"],
        "events/s",
        limit=limit,
        limit_name="pull",
        target=at_least(target, ratio=OF_PULL),
        note=f"{done['seconds']:.1f} s, {busy:.0%} of one core in its own process",
    )


async def _registrar(run: Run, seeded: Seeded, folder: Path, nats: str) -> list[Line]:
    """Let a registrar that knows nothing read the histories of many models."""
    here = place_at(folder, nats)
    models = min(FEW_MODELS if run.is_quick else MANY_MODELS, seeded.models)
    async with (
        child.serving("registering", **here.asked()) as peak,
        publishing(here) as publisher,
    ):
        work = (
            partial(publisher.send, f"cold/{number}", registration(model, 1_000_000))
            for number, model in enumerate(map(model_name, range(models)))
        )
        load = await keep_in_flight(work, many=COLD_IN_FLIGHT, seconds=COLD_SECONDS)
        memory = peak()
    return [
        Line(
            "registrar, first command to a model, p50",
            quantile(load.latencies, 0.5) * 1000,
            "ms",
            note=f"no snapshot: it reads that model's ~{EVENTS_PER_MODEL} events among "
            f"all; {len(load.latencies)} models, {COLD_IN_FLIGHT} in flight",
        ),
        Line(
            "memory of that registrar",
            memory,
            "MiB peak",
            target=at_most(MEBIBYTES),
        ),
    ]


@asynccontextmanager
async def _database(run: Run, engine: str, view: str) -> AsyncIterator[str]:
    if engine == "SQLite":
        file = run.folder / f"{view}.db"
        yield f"sqlite:///{file}"
        for left in run.folder.glob(f"{view}.db*"):
            left.unlink()
        return
    with (
        postgres() as server,
        fresh_postgres(server, f"bench_{view}") as url,
    ):
        yield url
