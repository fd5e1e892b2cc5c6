"""How soon after a change do three targets run it, and what does an idle agent take?"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from rollbook import catalogue, codec
from rollbook.artifact import digest_of
from rollbook.catalogue.parts import Artifact
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, ProposePolicy
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.event import parse_type
from rollbook.ledger.connection import connect
from rollbook.ledger.jetstream import JetStreamLedger
from rollbook.ledger.streams import CORE_PREFIX
from rollbook.names import ModelName, PolicyName, Reason, StageName, Version
from rollbook_services.local.nats_keys import seed_file
from rollbook_services.policy.document import digest_of as policy_digest
from tests.benchmarks.local import Local, local
from tests.benchmarks.measure import Line, at_most, quantile
from tests.benchmarks.run import Run
from tests.benchmarks.site import Pipeline

STAGE = StageName("edge")
TARGETS = ("eu-1", "eu-2", "us-1")
MODEL = ModelName("scorer")
ARTIFACT_BYTES = 4 * 1024 * 1024
CHANGES = 100
WARM = 4
"""The first changes bring the artifacts; from then on they are cached."""
P50_MILLISECONDS = 150.0
P99_MILLISECONDS = 500.0
IDLE_SECONDS = 30
IDLE_MEBIBYTES = 60.0
IDLE_PERCENT = 1.0
LOOK_AGAIN_SECONDS = 0.001
WHY = Reason("measured")


@dataclass(frozen=True, slots=True)
class Fleet:
    """Three agents of one model, and who asks for changes."""

    pipeline: Pipeline
    links: Sequence[Path]
    agents: Sequence[subprocess.Popen[bytes]]
    versions: Sequence[str]
    """The folder that each version is served from, by its number less one."""


async def measure(run: Run) -> list[Line]:
    """Change a version on three targets again and again, then leave them alone."""
    catalogue.load()
    changes = CHANGES // 5 if run.is_quick else CHANGES
    folder, places = run.folder / "agents", [f"{STAGE}/{name}" for name in TARGETS]
    async with local(folder, places=places) as here, _fleet(here, folder) as fleet:
        asked = [await _change(fleet, number) for number in range(WARM + changes)]
        recorded = await _recorded(here)
        idle = await _idle(fleet.agents[0].pid)
    switched = [each for several in asked[WARM:] for each in several]
    applied = recorded[WARM * len(TARGETS) :]
    note = (
        f"{changes} changes on {len(TARGETS)} targets, symlink driver, "
        f"{ARTIFACT_BYTES >> 20} MiB cached; from lane.desired_set to target.applied"
    )
    return [
        _line("change → applied, p50", applied, 0.5, P50_MILLISECONDS, note),
        _line("change → applied, p99", applied, 0.99, P99_MILLISECONDS),
        _line("request sent → link switched, p50", switched, 0.5),
        _line("request sent → link switched, p99", switched, 0.99),
        Line("idle agent, memory", idle[0], "MiB", target=at_most(IDLE_MEBIBYTES)),
        Line("idle agent, processor", idle[1], "%", target=at_most(IDLE_PERCENT)),
    ]


@asynccontextmanager
async def _fleet(here: Local, folder: Path) -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        seed = seed_file(here.folder / "nats", "gateway")
        client = await stack.enter_async_context(
            connect(here.nats, user="gateway", seed_file=seed)
        )
        pipeline = Pipeline(client, here.token, "core.gateway")
        versions = await _register(pipeline, folder / "artifacts")
        await _rule(pipeline)
        links, agents = [], []
        for target in TARGETS:
            root = folder / "served" / target
            agents.append(_start(here.folder, target, root))
            stack.callback(_stop, agents[-1])
            links.append(root / "default" / MODEL / "current")
        yield Fleet(pipeline, links, agents, versions)


async def _register(pipeline: Pipeline, folder: Path) -> list[str]:
    await pipeline.send("model", RegisterModel(model=MODEL))
    names = []
    for number in (1, 2):
        file = folder / str(number) / "model.bin"
        file.parent.mkdir(parents=True)
        file.write_bytes(os.urandom(ARTIFACT_BYTES))
        digest, size = digest_of(file)
        artifact = Artifact(uri=file.as_uri(), digest=digest, size_bytes=size)
        command = RegisterVersion(model=MODEL, artifact=artifact)
        await pipeline.send(f"version/{number}", command)
        names.append(digest.replace(":", "-"))
    return names


async def _rule(pipeline: Pipeline) -> None:
    name = PolicyName("bench")
    rules = {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": name},
        "spec": {
            "applies_to": {"models": [MODEL]},
            "stages": [{"name": STAGE, "targets": [*TARGETS]}],
        },
    }
    await pipeline.send("propose", ProposePolicy(document=rules, reason=WHY))
    activate = ActivatePolicy(policy=name, digest=policy_digest(rules))
    await pipeline.send("activate", activate)


def _start(data: Path, target: str, root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "rollbook.agent", "--stage", STAGE),
            *("--target", target, "--driver", "symlink", "--root", str(root)),
            *("--data", str(data)),
        ],
        stdout=subprocess.DEVNULL,
    )


def _stop(agent: subprocess.Popen[bytes]) -> None:
    agent.terminate()
    agent.wait(20)


async def _change(fleet: Fleet, number: int) -> list[float]:
    """Ask for the other version; return after how long each link led to it."""
    version = Version(1 + number % 2)
    wanted, seconds = fleet.versions[version - 1], dict[Path, float]()
    begin = time.perf_counter()
    command = RequestPromotion(model=MODEL, stage=STAGE, version=version)
    await fleet.pipeline.send(f"change/{number}", command)
    async with asyncio.timeout(60):
        while len(seconds) < len(fleet.links):
            for link in fleet.links:
                if link not in seconds and _leads_to(link) == wanted:
                    seconds[link] = time.perf_counter() - begin
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    await asyncio.sleep(0.1)  # until every report is in: one change after the other
    return list(seconds.values())


def _leads_to(link: Path) -> str:
    try:
        return link.readlink().name
    except OSError:
        return ""


async def _recorded(here: Local) -> list[float]:
    """Read from the ledger how long each target took, change by change."""
    seed = seed_file(here.folder / "nats", "audit")
    begun, seconds = dict[int, datetime](), []
    async with connect(here.nats, user="audit", seed_file=seed) as client:
        async for batch in JetStreamLedger(client, prefix=CORE_PREFIX).replay():
            for message in batch:
                raw = codec.parse(message.body)
                kind = parse_type(raw["type"])
                at = datetime.fromisoformat(raw["time"])
                if kind and kind[0] == "lane.desired_set":
                    begun[raw["data"]["revision"]] = at
                elif kind and kind[0] == "target.applied":
                    since = begun[raw["data"]["report"]["revision"]]
                    seconds.append((at - since).total_seconds())
    return seconds


async def _idle(pid: int) -> tuple[float, float]:
    """Return memory in MiB and processor in percent of one core, doing nothing."""
    process = psutil.Process(pid)
    process.cpu_percent()
    await asyncio.sleep(IDLE_SECONDS)
    return process.memory_info().rss / 2**20, process.cpu_percent()


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
