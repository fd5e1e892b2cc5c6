"""Is everything that time makes due done once, whoever was dead when it was?

Soaks end, promotions expire and freezes run out while conductors are killed, and while
two of them run.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from rollbook.catalogue.calendar import Lanes
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionExpired,
    PromotionRequested,
)
from rollbook.commands.calendar import DeclareFreeze
from rollbook.commands.model import RegisterModel
from rollbook.commands.policy import ActivatePolicy, ProposePolicy
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import AnyCommand, Done
from rollbook.names import ModelName, PolicyName, Reason, StageName, Version
from rollbook.subjects import model_name
from rollbook_services import main
from tests.support import oracle
from tests.support.children import Child
from tests.support.deep import many
from tests.support.load import artifact
from tests.support.settling import accepted
from tests.support.system import System, another_host, opened, processes

KILLS = many(4, deep=30)
MODELS = many(8, deep=60)
LONGEST_LIFE_SECONDS = 0.7
REVIEWER = "prn:" + "r" * 13
DOCUMENT: Final[dict[str, Any]] = {
    "apiVersion": "rollbook/v1",
    "kind": "ReleasePolicy",
    "metadata": {"name": "timed"},
    "spec": {
        "applies_to": {"models": ["timed/*"]},
        "stages": [
            {"name": "first"},
            {
                "name": "ripe",
                "after": {"stages": ["first"]},
                "gates": [{"kind": "soak", "in": "first", "for": "2s"}],
            },
            {
                "name": "asking",
                "expires_after": "2s",
                "gates": [{"kind": "approvals", "slots": [{"role": "reviewer"}]}],
            },
            {"name": "thawing"},
        ],
    },
}
STAGES: Final = ("first", "ripe", "asking", "thawing")


@asynccontextmanager
async def conducted(
    folder: Path, conductors: int
) -> AsyncIterator[tuple[System, Sequence[Child]]]:
    """Run so many conductors, each in a process and with data of its own."""
    async with processes(folder) as (_, found):
        await found.start("registrar")
        await found.start("stage", "lineage", "audit")
        children = []
        for number in range(conductors):
            data, name = folder / f"host-{number}", f"conductor-{number}"
            another_host(found.site, data)
            children.append(found.service("conductor", data=data, name=name))
        async with opened(folder, found.site) as running:
            yield running, children


@pytest.mark.parametrize("conductors", [1, 2])
async def test_what_is_due_is_done_once_however_often_conductors_are_killed(
    conductors: int, tmp_path: Path
) -> None:
    async with conducted(tmp_path, conductors) as (running, children):
        for child in children:
            child.start()
        names = [ModelName(f"timed/model-{number}") for number in range(MODELS)]
        await rules(running)
        async with asyncio.TaskGroup() as tasks:
            for child in children:
                tasks.create_task(killed(child))
            for name in names:
                tasks.create_task(enter(running, name))
        for child in children:
            await child.ready()
        head = await oracle.at_rest(running.sources.values())
        found = await oracle.history(running.ledger)
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)
    oracle.assert_recorded_once([], found)
    oracle.assert_rules_held(found)
    oracle.assert_recomputed(found)
    assert ends(found) == {
        (name, stage): PromotionExpired if stage == "asking" else PromotionDispatched
        for name in names
        for stage in STAGES
    }


async def rules(running: System) -> None:
    """Let the rules hold, and somebody exist who could approve."""
    await running.token(REVIEWER, "reviewer")
    owner = await running.token("prn:" + "o" * 13, "policy-owner")
    propose = ProposePolicy(document=DOCUMENT, reason=Reason("timers"))
    done = await accepted(running.gateway, propose, credential=owner)
    digest = done.events[0]["data"]["digest"]
    activate = ActivatePolicy(policy=PolicyName("timed"), digest=digest)
    await accepted(running.gateway, activate, credential=owner)


async def enter(running: System, name: ModelName) -> None:
    """Ask for a version everywhere, and freeze one of its lanes for two seconds."""

    async def has(command: AnyCommand) -> Done:
        token = running.operator
        return await accepted(running.gateway, command, credential=token)

    made = artifact(running.folder / "artifacts" / name, name.encode())
    await has(RegisterModel(model=name))
    await has(RegisterVersion(model=name, artifact=made))
    covers = Lanes(models=(name,), stages=(StageName("thawing"),))
    until = main.EDGE.now() + timedelta(seconds=2)
    await has(DeclareFreeze(covers=covers, until=until, reason=Reason("short")))
    for stage in STAGES:
        asked = RequestPromotion(model=name, stage=StageName(stage), version=Version(1))
        await has(asked)


async def killed(child: Child) -> None:
    """Kill a conductor at random moments, and start it again."""
    for _ in range(KILLS):
        await child.ready()
        lives = random.uniform(0, LONGEST_LIFE_SECONDS)
        await asyncio.sleep(lives)  # a moment, not a fact
        child.kill9()
        child.start()


def ends(found: oracle.History) -> dict[tuple[str, str], type]:
    """Return what became of each promotion; raises where that happened twice."""
    asked: dict[tuple[str, int], str] = {}
    told: Counter[tuple[str, str, type]] = Counter()
    for each in found.recorded:
        name, event = str(model_name(each.aggregate)), each.event
        if isinstance(event, PromotionRequested):
            asked[name, event.promotion] = event.stage
        elif isinstance(event, PromotionDispatched | PromotionExpired):
            told[name, asked[name, event.promotion], type(event)] += 1
    assert set(told.values()) == {1}
    return {(name, stage): kind for name, stage, kind in told}
