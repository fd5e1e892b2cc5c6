"""Does a promotion go all its way through real services, whatever dies on it?"""

import asyncio
from pathlib import Path

import pytest

from rollbook.commands.desired import Lease, LeaseRequest
from rollbook.commands.promotion import RequestRollback
from rollbook.commands.wire import Problem
from rollbook.ledger.bucket import NOTHING, DesiredBucket
from rollbook.ledger.edge import edge
from rollbook.names import (
    Reason,
    StageName,
)
from rollbook_services import main
from tests.services.conductor.installation import (
    AGENT,
    BOSS,
    DEFAULT,
    STAGING,
    System,
    system,
)
from tests.support.agents import MODEL, TIMEOUT_SECONDS, artifact, running


async def test_a_stage_without_targets_only_records(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1, "development")
        await it.until("promotion.succeeded")


async def test_a_promotion_is_dispatched_applied_and_succeeds(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        # Of its last decision the last event: a replay may end between two of them.
        happened = await it.until("lane.stable_advanced")
        assert it.served == b"one"
    assert happened.count("promotion.dispatched") == 1
    assert happened.count("target.applied") == 1
    assert happened.count("promotion.succeeded") == 1


async def test_a_queue_drains_in_order(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        for number, content in enumerate((b"one", b"two", b"three"), 1):
            await it.register(artifact(tmp_path, content))
            await it.promote(number)
            await it.until("promotion.succeeded", number)
        assert it.served == b"three"


async def test_other_bytes_fail_the_promotion_and_a_rollback_goes_back(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.succeeded")
        changed = artifact(tmp_path, b"two")
        await it.register(changed)
        changed.write_bytes(b"TWO")
        await it.promote(2)
        happened = await it.until("promotion.failed")
        assert "target.failed" in happened
        assert it.served == b"one"
        await it.tell(
            RequestRollback(model=MODEL, stage=STAGING, reason=Reason("it failed"))
        )
        await it.until("promotion.succeeded", 2)
        assert it.served == b"one"


async def test_a_conductor_that_was_away_owes_what_is_open(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.stop_conductor()
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.readied")
        assert "promotion.dispatched" not in await it.types()
        await it.start_conductor()
        await it.until("promotion.succeeded")


async def test_two_conductors_are_safe(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        async with it.another_conductor():
            for number, content in enumerate((b"one", b"two"), 1):
                await it.register(artifact(tmp_path, content))
                await it.promote(number)
                await it.until("promotion.succeeded", number)
        happened = await it.types()
        assert it.served == b"two"
        assert happened.count("promotion.dispatched") == 2
        assert happened.count("target.applied") == 2


async def test_a_killed_nats_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        for number in range(1, 4):
            await it.register(artifact(tmp_path, f"{number}".encode()))
            await it.promote(number)
            await it.nats.kill9()
            happened = await it.until("promotion.succeeded", number)
            assert happened.count("promotion.dispatched") == number
            assert happened.count("target.applied") == number
            assert it.served == f"{number}".encode()


async def test_a_wiped_bucket_is_rebuilt_at_the_next_start(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        async with running(it.agent()):
            await it.register(artifact(tmp_path, b"one"))
            await it.promote(1)
            await it.until("promotion.succeeded")
        await it.stop_conductor()
        await it.nats.core_admin.request("$JS.API.STREAM.DELETE.KV_DESIRED", timeout=5)
        await it.nats.edge_admin.request("$JS.API.STREAM.DELETE.DESIRED", timeout=5)
        await main.prepare(it.site)
        async with it.nats.client("conductor") as client:
            bucket = DesiredBucket.in_core(client)
            key = "staging.default.acme.fraud"
            assert await bucket.get(key) == NOTHING
            await it.start_conductor()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while await bucket.get(key) == NOTHING:
                    pass


async def test_a_lease_lists_an_agents_own_keys(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        token = it.credentials.token(f"svc:{AGENT}")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (own := await _lease(it, "staging", token)) == Lease():
                continue
        assert own == Lease(keys={"staging.default.acme.fraud": 1}, renew_seconds=15)


@pytest.mark.parametrize(
    ("stage", "holder", "code"),
    [
        ("production", f"svc:{AGENT}", "forbidden"),
        ("staging", BOSS, "unauthenticated"),
        ("staging", "", "unauthenticated"),
    ],
)
async def test_a_lease_is_for_its_agent_alone(
    tmp_path: Path, stage: str, holder: str, code: str
) -> None:
    async with system(tmp_path) as it:
        token = it.credentials.token(holder) if holder else "rbk_nonsense"
        answer = await _lease(it, stage, token)
        assert isinstance(answer, Problem)
        assert answer.code == code


async def _lease(it: System, stage: str, token: str) -> Lease | Problem:
    asked = LeaseRequest(stage=StageName(stage), target=DEFAULT)
    async with edge(
        it.nats.url, user=AGENT, seed=it.nats.seed(AGENT), credential=token
    ) as link:
        answer = await link.lease(asked.model_dump_json().encode())
    if b'"problem"' in answer:
        return Problem.model_validate_json(answer)
    return Lease.model_validate_json(answer)
