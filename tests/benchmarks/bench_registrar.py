"""How much of JetStream's own speed is left once every command is judged and signed?

Rounds of raw publishes and of commands take turns, so that both meet the same
machine; the medians are compared.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from nats.js.client import JetStreamContext

from rollbook import canonical
from rollbook.commands.model import RegisterModel
from rollbook.ledger import streams
from tests.benchmarks import child
from tests.benchmarks.load import Load, keep_in_flight
from tests.benchmarks.measure import Line, at_least, at_most, median, quantile
from tests.benchmarks.run import Run
from tests.benchmarks.site import Pipeline, place, publishing
from tests.benchmarks.workload import model_name, registration

IN_FLIGHT = 64
MODELS = 500
ROUNDS = 5
ROUND_SECONDS = 4.0
WARM_UP_SECONDS = 1.0
OF_RAW = 0.6
MEBIBYTES = 400.0
RAW = streams.ledger("RAW", ["bench.raw.>"])

Work = Iterator[Callable[[], Awaitable[None]]]


async def measure(run: Run) -> list[Line]:
    """Hold registrations against raw publishes of the same size."""
    async with (
        place(run.folder / "registrar") as at,
        publishing(at) as pipeline,
        at.connect("core-admin") as admin,
        child.serving("registering", **at.asked()) as peak,
    ):
        await streams.create(admin, streams.Stream(RAW.name, RAW.settings))
        body_bytes = await _warm_up(pipeline)
        raw = _raw(admin.jetstream(), bytes(body_bytes))
        rounds = 2 if run.is_quick else ROUNDS
        loads = await _take_turns(raw, _registrations(pipeline), rounds)
        memory = peak()
    return _lines(*loads, memory, body_bytes)


async def _warm_up(pipeline: Pipeline) -> int:
    """Register the models; return how large the event of a registration is."""
    for number in range(MODELS):
        model = RegisterModel(model=model_name(number))
        await pipeline.send(f"model/{number}", model)
    [event] = await pipeline.events("first", registration(model_name(0), 1_000_000))
    return len(canonical.dumps(event))


async def _take_turns(
    raw: Work, commands: Work, rounds: int
) -> tuple[list[Load], list[Load]]:
    for work in (raw, commands):
        await keep_in_flight(work, many=IN_FLIGHT, seconds=WARM_UP_SECONDS)
    loads: tuple[list[Load], list[Load]] = [], []
    for _ in range(rounds):
        for work, done in zip((raw, commands), loads, strict=True):
            done.append(
                await keep_in_flight(work, many=IN_FLIGHT, seconds=ROUND_SECONDS)
            )
    return loads


def _raw(jetstream: JetStreamContext, body: bytes) -> Work:
    async def publish(number: int) -> None:
        to, headers = f"bench.raw.{number % MODELS}", {"Nats-Msg-Id": f"raw/{number}"}
        await jetstream.publish(to, body, timeout=30, headers=headers)

    return (partial(publish, number) for number in itertools.count())


def _registrations(pipeline: Pipeline) -> Work:
    async def register(number: int) -> None:
        command = registration(model_name(number % MODELS), number // MODELS)
        await pipeline.send(f"version/{number}", command)

    return (partial(register, number) for number in itertools.count())


def _lines(
    raw: list[Load], commands: list[Load], memory: float, body_bytes: int
) -> list[Line]:
    limit = median([load.per_second for load in raw])
    latencies = [each for load in commands for each in load.latencies]
    spread = ", ".join(f"{load.per_second:,.0f}" for load in commands)
    of_raw = ", ".join(f"{load.per_second:,.0f}" for load in raw)
    return [
        Line(
            "registrar over NATS, 64 in flight, sync always",
            median([load.per_second for load in commands]),
            "commands/s",
            limit=limit,
            limit_name="raw publishes/s",
            target=at_least(ratio=OF_RAW),
            note=f"rounds {spread}; raw {of_raw}; raw bodies of {body_bytes} bytes",
        ),
        Line("the same, latency p50", quantile(latencies, 0.5) * 1000, "ms"),
        Line("the same, latency p99", quantile(latencies, 0.99) * 1000, "ms"),
        Line(
            f"memory of that registrar ({len(latencies):,} commands)",
            memory,
            "MiB peak",
            target=at_most(MEBIBYTES),
        ),
    ]
