"""Does a whole fleet end up right, whatever dies while everything changes?

In each commit a small fleet; with `ROLLBOOK_TEST_PROFILE=deep` fifty agents for twenty
models and a thousand changes.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rollbook import subjects
from rollbook.artifact import digest_of
from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.parts import Artifact
from rollbook.catalogue.target import (
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, ProposePolicy
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done
from rollbook.names import Digest, ModelName, PolicyName, Reason, StageName, Version
from rollbook_projections import checkpoint
from rollbook_projections.stage.queries.promotion import promotions
from rollbook_projections.view import View
from rollbook_services.local.nats_server import NatsServer
from rollbook_services.policy.document import digest_of as policy_digest
from rollbook_services.serving import ALL
from tests.support import oracle
from tests.support.children import Child
from tests.support.deep import IS_DEEP, many
from tests.support.settling import accepted, new_id
from tests.support.system import Processes, System, opened, processes

STAGES: Final = many(3, deep=10)
TARGETS: Final = many(2, deep=5)
MODELS: Final = many(4, deep=20)
VERSIONS: Final = 4
CHANGES: Final = many(48, deep=1_000)
AGENT_KILLS: Final = many(12, deep=150)
CONDUCTOR_KILLS: Final = many(3, deep=10)
NATS_KILLS: Final = many(3, deep=10)
AT_ONCE: Final = 16
LIMIT_SECONDS: Final = many(240, deep=2_400)
LOOK_EVERY_SECONDS: Final = 0.1
SERVICES: Final = tuple(role for role in ALL if role != "gateway")
WHY: Final = Reason("the storm")
POLICY: Final = PolicyName("storm")
REPORTS: Final = (TargetAcknowledged, TargetApplied, TargetFailed, TargetErrored)

Lane = tuple[ModelName, StageName]


def stage_names() -> list[StageName]:
    return [StageName(f"s{number}") for number in range(STAGES)]


def target_names() -> list[str]:
    return [f"t{number}" for number in range(TARGETS)]


def models() -> list[ModelName]:
    return [ModelName(f"m{number}") for number in range(MODELS)]


def document() -> dict[str, Any]:
    return {
        "apiVersion": "rollbook/v1",
        "kind": "ReleasePolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "applies_to": {"models": models()},
            "stages": [
                {"name": stage, "targets": target_names()} for stage in stage_names()
            ],
        },
    }


@dataclass(slots=True)
class Storm:
    """What is still to be changed, and what every lane should run at the end."""

    running: System
    artifacts: dict[tuple[ModelName, int], Digest] = field(default_factory=dict)
    last: dict[Lane, int] = field(default_factory=dict)
    left: list[Lane] = field(default_factory=list)
    busy: dict[Lane, int] = field(default_factory=dict)
    """Lanes with a request that the view may not show yet: its sequence."""

    async def ask(self, command: AnyCommand) -> Done:
        return await accepted(
            self.running.gateway,
            command,
            credential=self.running.operator,
            id_=new_id(),
        )

    async def prepare(self, folder: Path) -> None:
        """Register every model with its versions, and bring the rules into force."""
        for model in models():
            await self.ask(RegisterModel(model=model))
            for number in range(1, VERSIONS + 1):
                file = folder / model / str(number) / "model.bin"
                file.parent.mkdir(parents=True)
                file.write_bytes(f"{model} {number}".encode() * 100)
                digest, size = digest_of(file)
                artifact = Artifact(uri=file.as_uri(), digest=digest, size_bytes=size)
                await self.ask(RegisterVersion(model=model, artifact=artifact))
                self.artifacts[model, number] = digest
        rules = document()
        await self.ask(ProposePolicy(document=rules, reason=WHY))
        activate = ActivatePolicy(policy=POLICY, digest=policy_digest(rules))
        await self.ask(activate)
        lanes = [(model, stage) for model in models() for stage in stage_names()]
        self.left = [lanes[number % len(lanes)] for number in range(CHANGES)]
        random.shuffle(self.left)

    async def rage(self) -> None:
        """Ask for change after change, one at a time in each lane."""
        while self.left:
            free = await self._free()
            chosen = list(self._take(free))
            await asyncio.gather(*(self._change(lane) for lane in chosen))
            if not chosen:
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _take(self, free: set[Lane]) -> Iterator[Lane]:
        for lane in [each for each in self.left if each in free]:
            if lane in free:
                free.discard(lane)
                self.left.remove(lane)
                yield lane

    async def _free(self) -> set[Lane]:
        """Return the lanes in which nothing is under way, up to a few."""
        lanes = set(self.left)
        moving, position = await self.running.sources["stage"].database.read(_open)
        self.busy = {lane: at for lane, at in self.busy.items() if at > position}
        free = [lane for lane in lanes if lane not in moving and lane not in self.busy]
        return set(free[:AT_ONCE])

    async def _change(self, lane: Lane) -> None:
        model, stage = lane
        others = [n for n in range(1, VERSIONS + 1) if n != self.last.get(lane)]
        version = random.choice(others)
        done = await self.ask(
            RequestPromotion(model=model, stage=stage, version=Version(version))
        )
        self.last[lane], self.busy[lane] = version, done.sequence


def _open(connection: Any) -> tuple[set[Lane], int]:
    place = checkpoint.place(connection)
    found = promotions(View(connection), open_only=True, limit=10_000)
    return {(each["model"], each["stage"]) for each in found}, place[1] if place else 0


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[tuple[System, Processes, NatsServer]]:
    """Run every service and every agent as a process of its own."""
    places = [
        f"{stage}/{target}" for stage in stage_names() for target in target_names()
    ]
    async with processes(folder, places) as (nats, found):
        await found.start("registrar")
        await found.start(*(role for role in SERVICES if role != "registrar"))
        for stage in stage_names():
            for target in target_names():
                found.agent(stage, target).start()
        async with opened(folder, found.site) as running:
            yield running, found, nats


async def killing(children: Sequence[Child], *, times: int, every: float) -> None:
    for _ in range(times):
        await asyncio.sleep(random.uniform(0, 2 * every))  # a moment, not a fact
        child = random.choice(children)
        child.kill9()
        child.start()


async def cutting(nats: NatsServer, *, times: int, every: float) -> None:
    for _ in range(times):
        await asyncio.sleep(random.uniform(0, 2 * every))  # a moment, not a fact
        nats.kill()


async def test_every_target_ends_at_what_is_desired_whatever_was_killed(
    tmp_path: Path,
) -> None:
    async with fleet(tmp_path) as (running, found, nats):
        storm = Storm(running)
        await storm.prepare(tmp_path / "artifacts")
        agents = [
            child for name, child in found.children.items() if name.startswith("agent-")
        ]
        begin = time.monotonic()
        async with asyncio.timeout(LIMIT_SECONDS), asyncio.TaskGroup() as tasks:
            tasks.create_task(storm.rage())
            tasks.create_task(killing(agents, times=AGENT_KILLS, every=0.5))
            tasks.create_task(
                killing([found.children["conductor"]], times=CONDUCTOR_KILLS, every=2)
            )
            tasks.create_task(cutting(nats, times=NATS_KILLS, every=3))
        head = await oracle.at_rest(running.sources.values())
        seconds = time.monotonic() - begin
        history = await oracle.history(running.ledger)
        assert_all_succeeded(history)
        assert_reported_once(history)
        assert_served(storm, found, history)
        oracle.assert_rules_held(history)
    kills = sum(child.starts for child in agents) - len(agents)
    print(  # noqa: T201 - a fault test says how much it has seen
        f"\n{len(agents)} agents, {MODELS} models, {CHANGES} changes, {kills} agents, "
        f"{CONDUCTOR_KILLS} conductors and {NATS_KILLS} NATS servers killed, "
        f"{head} events in {seconds:.0f} s"
    )
    assert IS_DEEP or kills == AGENT_KILLS


def assert_all_succeeded(history: oracle.History) -> None:
    names = Counter(history.names())
    assert names["promotion.requested"] == CHANGES
    assert names["promotion.succeeded"] == CHANGES, names
    assert names["lane.slot_taken"] == names["lane.slot_released"] == CHANGES


def assert_reported_once(history: oracle.History) -> None:
    """Every transition of a target is in the ledger once."""
    told = Counter(
        (
            each.aggregate,
            event.report.stage,
            event.report.target,
            event.report.revision,
            event.recorded_as,
        )
        for each in history.recorded
        if isinstance(event := each.event, REPORTS)
    )
    doubled = {key: count for key, count in told.items() if count > 1}
    assert not doubled
    applied = [key for key in told if key[-1] == "target.applied"]
    assert len(applied) == CHANGES * TARGETS


def assert_served(storm: Storm, found: Processes, history: oracle.History) -> None:
    """Each target serves the last version of each lane, and never had other bytes."""
    wanted = {
        (each.aggregate, each.event.stage): each.event
        for each in history.recorded
        if isinstance(each.event, DesiredSet)
    }
    known = set(storm.artifacts.values())
    for (model, stage), version in storm.last.items():
        digest = storm.artifacts[model, version]
        desired = wanted[subjects.model(model), stage]
        assert desired.variants["stable"].digest == digest
        for target in target_names():
            home = found.served(stage, target) / "default" / model
            assert _digest_in(home / "current") == digest, (model, stage, target)
            for kept in (home / "versions").iterdir():
                if not kept.name.startswith("."):
                    assert _digest_in(kept) in known
                    assert kept.name == _digest_in(kept).replace(":", "-")


def _digest_in(folder: Path) -> Digest:
    [file] = folder.resolve().iterdir()
    return digest_of(file)[0]
