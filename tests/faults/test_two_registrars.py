"""Do two registrars, racing on one lane, make one winner whom everybody is told of?"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from rollbook.catalogue.promotion import PromotionDispatched, PromotionSuperseded
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import RequestPromotion
from rollbook.commands.version import RegisterVersion
from rollbook.commands.wire import Done, Problem, Request
from rollbook.names import ModelName, PromotionId, StageName, Version
from tests.support import oracle
from tests.support.children import Child
from tests.support.deep import many
from tests.support.load import artifact
from tests.support.settling import Settled, accepted, new_id, settle
from tests.support.system import (
    Processes,
    System,
    another_host,
    opened,
    processes,
)

ROUNDS = many(5, deep=200)
RACERS = 64
MODEL = ModelName("race/course")
DEVELOPMENT = StageName("development")


@asynccontextmanager
async def two_registrars(folder: Path) -> AsyncIterator[tuple[System, Sequence[Child]]]:
    """Run two registrars, as on two hosts, and what else a promotion needs."""
    async with processes(folder) as (_, found):
        found.environment["ROLLBOOK_LOG__LEVEL"] = "debug"
        await found.start("registrar")
        other = second_registrar(found)
        other.start()
        await other.ready()
        await found.start("stage", "lineage", "audit", "conductor")
        async with opened(folder, found.site) as running:
            yield running, (found.children["registrar"], other)


def second_registrar(found: Processes) -> Child:
    """Describe a registrar with a data directory of its own, and the same keys."""
    second = found.folder / "second"
    another_host(found.site, second)
    return found.service("registrar", data=second, name="second-registrar")


async def test_of_64_racers_one_wins_and_the_others_are_told_who(
    tmp_path: Path,
) -> None:
    async with two_registrars(tmp_path) as (running, registrars):
        await enter(running, racers=RACERS + 1)
        incumbent: Version | None = None
        told: list[Settled] = []
        head, found = 0, oracle.History()
        for _ in range(ROUNDS):
            answers = await race(running, incumbent)
            told += answers
            head = await oracle.at_rest(running.sources.values())
            found = await oracle.history(running.ledger)
            incumbent = assert_one_winner(found, answers)
        oracle.assert_recorded_once(told, found)
        oracle.assert_rules_held(found)
        oracle.assert_recomputed(found)
        await oracle.assert_intervals_whole(running.sources["stage"], [MODEL])
        await oracle.assert_views_equal_replay(running.sources.values(), head=head)
        for each in registrars:
            assert "command_answered" in each.told_ever(), "it took no part"
    refused = sum(isinstance(each.answer, Problem) for each in told)
    print(  # noqa: T201 - a fault test says how much it has seen
        f"\n{ROUNDS} rounds of {RACERS}: {ROUNDS} winners, {refused} refused, "
        f"{len(told) - ROUNDS - refused} superseded"
    )


async def enter(running: System, *, racers: int) -> None:
    """Register the versions that race."""
    sender, token = running.gateway, running.operator
    await accepted(sender, RegisterModel(model=MODEL), credential=token)
    for number in range(1, racers + 1):
        file = running.folder / "artifacts" / f"{number}.bin"
        made = artifact(file, f"racer {number}".encode())
        command = RegisterVersion(model=MODEL, artifact=made)
        await accepted(sender, command, credential=token)


async def race(running: System, incumbent: Version | None) -> list[Settled]:
    """Let every other version be requested at once, all expecting the same."""
    racers = [number for number in range(1, RACERS + 2) if number != incumbent][:RACERS]
    commands = [
        RequestPromotion(
            model=MODEL,
            stage=DEVELOPMENT,
            version=Version(number),
            expected_incumbent=incumbent,
        )
        for number in racers
    ]
    requests = [Request(id=new_id(), command=command) for command in commands]
    token = running.operator
    # Patient: who asks again each second makes a queue of its own retries.
    async with running.sender("gateway", zone="core", timeout_seconds=60) as sender:
        return await asyncio.gather(
            *(settle(sender, each, credential=token) for each in requests)
        )


def assert_one_winner(found: oracle.History, answers: Sequence[Settled]) -> Version:
    """Exactly one was dispatched; refusals and superseding events name it."""
    asked: set[PromotionId] = set()
    refused = []
    for each in answers:
        if isinstance(each.answer, Done):
            asked.add(PromotionId(each.answer.events[0]["data"]["promotion"]))
        else:
            refused.append(each.answer)
    events = [each.event for each in found.recorded]
    [winner] = [
        each
        for each in events
        if isinstance(each, PromotionDispatched) and each.promotion in asked
    ]
    superseded = {
        each.promotion: each.superseded_by
        for each in events
        if isinstance(each, PromotionSuperseded) and each.promotion in asked
    }
    assert set(superseded) == asked - {winner.promotion}
    # A newer version that was ready pushed older ones aside, before it lost in turn.
    for loser in superseded:
        assert last_of(superseded, loser) == winner.promotion
    for problem in refused:
        assert problem.code == "incumbent-moved", problem
        assert problem.detail["actual"] == winner.version, problem
        assert problem.detail["promotion"] == winner.promotion, problem
        assert str(winner.version) in problem.message
    return winner.version


def last_of(
    superseded: Mapping[PromotionId, PromotionId | None], first: PromotionId
) -> PromotionId | None:
    """Follow who made whom pointless to the one that nobody did."""
    chain = [first]
    while (by := superseded.get(chain[-1])) is not None:
        assert by not in chain
        chain.append(by)
    return None if chain[-1] in superseded else chain[-1]
