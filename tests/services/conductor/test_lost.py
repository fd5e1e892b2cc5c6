"""Are agents on real NATS lost, recovered and kept apart, whatever dies?"""

import asyncio
from pathlib import Path

from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.commands.wire import Problem
from rollbook.ledger.bucket import NOTHING, LeaseBucket
from rollbook.ledger.edge import edge
from tests.services.conductor.installation import (
    AGENT,
    DEFAULT,
    STAGING,
    System,
    system,
)
from tests.support.agents import TIMEOUT_SECONDS, running

LIFE = 2  # seconds
KEY = f"{STAGING}.{DEFAULT}.{AGENT}"


async def lease(it: System, *, is_held: bool) -> None:
    """Wait until the agent holds its lease, or nobody does."""
    async with it.nats.client("conductor") as client, asyncio.timeout(TIMEOUT_SECONDS):
        bucket = LeaseBucket(client)
        while (await bucket.get(KEY) != NOTHING) is not is_held:
            continue


async def ask(it: System, session: str) -> Lease | Problem:
    asked = LeaseRequest(stage=STAGING, target=DEFAULT, session=session)
    token = it.credentials.token(f"svc:{AGENT}")
    async with edge(
        it.nats.url, user=AGENT, seed=it.nats.seed(AGENT), credential=token
    ) as link:
        answer = await link.lease(asked.model_dump_json().encode())
    if b'"problem"' in answer:
        return Problem.model_validate_json(answer)
    return Lease.model_validate_json(answer)


async def test_an_agent_comes_goes_and_comes_back(tmp_path: Path) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it:
        async with running(it.agent()):
            await it.until("agent.recovered")
            await asyncio.sleep(1.5 * LIFE)  # that it stays takes time
            assert "agent.lost" not in await it.types()
        await it.until("agent.lost")
        async with running(it.agent()):
            await it.until("agent.recovered", 2)
        happened = await it.until("agent.lost", 2)
    assert [each for each in happened if each.startswith("agent.")] == [
        "agent.enrolled",
        *["agent.recovered", "agent.lost"] * 2,
    ]


async def test_of_two_processes_of_an_agent_one_stands_by(tmp_path: Path) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it:
        async with running(it.agent()):
            await it.until("agent.recovered")
            second = await ask(it, "second")
        assert isinstance(second, Problem)
        assert second.reason == "another_session"
        await lease(it, is_held=False)
        taken = await ask(it, "second")
        assert isinstance(taken, Lease)
        assert taken.renew_seconds == LIFE / 3


async def test_a_conductor_that_was_away_calls_nobody_lost_too_early(
    tmp_path: Path,
) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it, running(it.agent()):
        await it.until("agent.recovered")
        await it.stop_conductor()
        await lease(it, is_held=False)
        await it.start_conductor()
        await lease(it, is_held=True)
        await asyncio.sleep(1.5 * LIFE)  # until it would be sure
        assert "agent.lost" not in await it.types()


async def test_an_agent_that_stayed_away_with_its_conductor_is_lost_in_the_end(
    tmp_path: Path,
) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it:
        async with running(it.agent()):
            await it.until("agent.recovered")
            await it.stop_conductor()
        await lease(it, is_held=False)
        await it.start_conductor()
        await it.until("agent.lost")


async def test_two_conductors_mark_each_change_once(tmp_path: Path) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it, it.another_conductor():
        async with running(it.agent()):
            await it.until("agent.recovered")
        await it.until("agent.lost")
        async with running(it.agent()):
            happened = await it.until("agent.recovered", 2)
    assert happened.count("agent.lost") == 1
    assert happened.count("agent.recovered") == 2


async def test_a_killed_nats_server_loses_no_agent(tmp_path: Path) -> None:
    async with system(tmp_path, lease_seconds=LIFE) as it, running(it.agent()):
        await it.until("agent.recovered")
        await it.nats.kill9()
        await lease(it, is_held=True)
        await asyncio.sleep(1.5 * LIFE)  # that it stays takes time
        assert "agent.lost" not in await it.types()
