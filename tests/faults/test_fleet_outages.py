"""Does a fleet end right when its agents, or NATS, are away for a while?

Leases are short, so that seconds are what hours are elsewhere.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio

from rollbook import subjects
from rollbook.catalogue.fleet import AgentLost, AgentRecovered
from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import StepCompleted
from rollbook.catalogue.target import (
    DriftDetected,
    Report,
    TargetAcknowledged,
    TargetApplied,
)
from rollbook.commands.fleet import DrainAgent, UndrainAgent
from rollbook.commands.promotion import RequestRollback
from rollbook.names import AgentName, ModelName, Reason, StageName
from tests.journeys.rolling import Fleet, content, fleet, is_sound
from tests.support.children import Child
from tests.support.deep import many

LEASE_SECONDS: Final = 2
TARGETS: Final = ("eu-1", "eu-2", "us-1")
PLENTY: Final = ("t-1", "t-2", "t-3", "t-4")
ROUNDS: Final = many(4, deep=60)
CHANGES: Final = 30
WHY: Final = Reason("a test")
STAGES: Final[dict[str, dict[str, Any]]] = {
    "twins": {"targets": ["eu-1"]},
    "hour": {"targets": TARGETS},
    "week": {
        "targets": TARGETS,
        "strategy": {"all_at_once": {"min_success": 2}},
    },
    "back": {
        "targets": PLENTY,
        "deadlines": {"ack": "2s", "step": "2s", "total": "1m"},
    },
}
BACK: Final = [f"back-{number}" for number in range(ROUNDS)]
PLACES: Final = [
    f"{stage}/{target}" for stage, said in STAGES.items() for target in said["targets"]
]
UNDER_WAY: Final = ("DISPATCHED", "PROGRESSING", "SUCCEEDED")
REPORTS: Final = (TargetAcknowledged, TargetApplied)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Run an installation; after all faults its ledger must vouch for all of it."""
    folder = tmp_path_factory.mktemp("outages") / "site"
    async with fleet(folder, PLACES, lease_seconds=LEASE_SECONDS) as found:
        stages = [{"name": name, **said} for name, said in STAGES.items()]
        await found.rules([*STAGES, *BACK], stages)
        yield found
        await is_sound(found)


async def reports(
    site: Fleet, model: str, target: str, *, since: int = 0
) -> list[tuple[str, Report]]:
    """List what a target reported of documents, in order."""
    return [
        (each.event.recorded_as, each.event.report)
        for each in await site.story(subjects.model(ModelName(model)))
        if isinstance(each.event, REPORTS)
        and each.event.report.target == target
        and each.sequence > since
    ]


def halt(agent: Child, number: signal.Signals) -> None:
    """Stop a process where it stands, or let it go on."""
    assert agent.process is not None
    assert agent.process.pid is not None
    os.kill(agent.process.pid, number)


async def test_of_two_processes_one_acts_and_the_other_takes_over(
    site: Fleet,
) -> None:
    stage, target = "twins", "eu-1"
    await site.model(stage, versions=4)
    [first] = await site.start(stage, target)
    await site.live(stage, 1, stage)
    second = site.agent(stage, target, name=f"{stage}.second")
    second.start()
    await second.ready("another process is this agent")
    await site.live(stage, 2, stage)
    assert not [*site.root(f"{stage}.second").glob("default")]
    halt(first, signal.SIGSTOP)
    await site.live(stage, 3, stage)
    assert site.holds(f"{stage}.second", stage) == content(stage, 3)
    halt(first, signal.SIGCONT)
    await first.ready("another process is this agent")
    await site.live(stage, 4, stage)
    assert site.holds(f"{stage}.second", stage) == content(stage, 4)
    assert site.served(stage, target, stage) == content(stage, 2)
    told = await reports(site, stage, target)
    assert [report.promotion for name, report in told if name == "target.applied"] == [
        1,
        2,
        3,
        4,
    ]
    second.kill9()
    await site.until_served(stage, [target], stage, 4)


async def test_nats_is_away_for_many_leases_and_nobody_stops_serving(
    site: Fleet,
) -> None:
    stage = "hour"
    await site.model(stage)
    agents = await site.start(stage, *TARGETS)
    await site.live(stage, 1, stage)
    since = await site.running.ledger.head()
    await site.broker.go()
    for agent in agents:
        await agent.ready("Rollbook unreachable, still serving what runs")
    agents[0].kill9()
    agents[0].start()
    await agents[0].ready(f"serving {stage}@1")
    asked = asyncio.create_task(site.request(stage, 2, stage))
    await asyncio.sleep(2 * LEASE_SECONDS)  # time is what this is about
    await site.until_served(stage, TARGETS, stage, 1)
    assert all(agent.process and agent.process.is_alive() for agent in agents)
    await site.broker.come()
    await site.until(stage, await asked, "SUCCEEDED")
    await site.until_served(stage, TARGETS, stage, 2)
    for target in TARGETS:
        told = await reports(site, stage, target, since=since)
        assert [name for name, _ in told] == ["target.acknowledged", "target.applied"]
        await site.until_agent(f"agent-{stage}-{target}", "present")
    assert not await site.told(DriftDetected, of=stage)


async def test_a_week_of_changes_is_made_up_for_by_the_last_of_them(
    site: Fleet,
) -> None:
    stage, late = "week", "us-1"
    name = AgentName(f"agent-{stage}-{late}")
    await site.model(stage, versions=CHANGES + 3)
    *_, away = await site.start(stage, *TARGETS)
    await site.live(stage, 1, stage)
    away.stop()
    await site.live(stage, 2, stage)
    [*_, last] = await site.told(StepCompleted, of=stage)
    assert last.stragglers == (late,)
    await site.until_told(AgentLost, lambda each: each.agent == name)
    waiting = await site.request(stage, 3, stage)
    await site.until(stage, waiting, "GATING")
    await site.ask(DrainAgent(agent=name, reason=WHY))
    await site.request(stage, 2, stage, kind=PromotionKind.REDEPLOY)
    await site.until(stage, waiting, "SUCCEEDED")
    for version in range(4, CHANGES + 3):
        await site.live(stage, version, stage)
    assert site.served(stage, late, stage) == content(stage, 1)
    since = await site.running.ledger.head()
    away.start()
    await site.until_told(AgentRecovered, lambda each: each.agent == name, since=since)
    await away.ready("drained")
    await site.live(stage, CHANGES + 3, stage)
    assert site.served(stage, late, stage) == content(stage, 1)
    await site.ask(UndrainAgent(agent=name, reason=WHY))
    await site.until_served(stage, [late], stage, CHANGES + 3)
    [*_, newest] = await site.told(DesiredSet, of=stage)
    await site.until_told(TargetApplied, of=stage, since=since)
    assert [
        (said, report.revision) for said, report in await reports(site, stage, late)
    ][2:] == [
        ("target.acknowledged", newest.revision),
        ("target.applied", newest.revision),
    ]
    versions = site.root(f"{stage}.{late}") / "default" / stage / "versions"
    assert len([*versions.iterdir()]) == 2


async def test_a_rollback_reaches_every_target_that_can_be_reached(
    site: Fleet,
) -> None:
    stage = "back"
    agents = dict(
        zip(PLENTY, await site.start(stage, *PLENTY), strict=True),
    )
    for model in BACK:
        await site.model(model)
        await site.live(model, 1, stage)
        number = await site.request(model, 2, stage)
        await site.until(model, number, *random.choice((UNDER_WAY, ("SUCCEEDED",))))
        dead = set(random.sample(PLENTY, random.randint(0, 3)))
        before = {target for target in dead if random.random() < 0.5}
        for target in before:
            agents[target].kill9()
        rollback = RequestRollback(
            model=ModelName(model), stage=StageName(stage), reason=WHY
        )
        await site.ask(rollback)
        await asyncio.sleep(random.uniform(0, 0.1))  # a moment, not a fact
        for target in dead - before:
            agents[target].kill9()
        alive = [target for target in PLENTY if target not in dead]
        await site.until_served(stage, alive, model, 1)
        for target in dead:
            agents[target].start()
        await site.until_served(stage, PLENTY, model, 1)
        row = await site.until(model, number + 1, "SUCCEEDED", "ERRORED")
        assert row["kind"] == "rollback"
        for target in PLENTY:
            await until_applied(site, model, target, number + 1)


async def until_applied(site: Fleet, model: str, target: str, number: int) -> None:
    """Wait until a target has said that it runs what a promotion wants."""
    await site.until_told(
        TargetApplied,
        lambda each: (each.report.target, each.report.promotion) == (target, number),
        of=model,
    )
