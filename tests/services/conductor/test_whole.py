"""Do time, freezes, bundles and automation move promotions under the real rules?"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollbook.catalogue.calendar import InFlight
from rollbook.commands.bundle import RequestBundle, Wanted
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.model import RegisterModel
from rollbook.names import EventId, ModelName, Reason, Version
from rollbook_services import main
from tests.services.conductor.installation import DEFAULT, STAGING, System, system
from tests.support.agents import MODEL, artifact, running, until

WHY = Reason("a test")
SIGN_OFF = {"kind": "approvals", "id": "sign-off", "slots": [{"role": "reviewer"}]}
OTHER = ModelName("acme/other")


def staging(**settings: Any) -> dict[str, Any]:
    return {"name": STAGING, "targets": [DEFAULT], **settings}


def soon(seconds: float = 1.0) -> datetime:
    return main.EDGE.now() + timedelta(seconds=seconds)


async def freeze(it: System, **settings: Any) -> EventId:
    answer = await it.tell(DeclareFreeze(reason=WHY, **settings))
    return EventId(answer.events[0]["id"])


async def test_what_nobody_approves_expires(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.govern(staging(gates=[SIGN_OFF], expires_after="1s"))
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        happened = await it.until("promotion.expired")
        assert "promotion.readied" not in happened


async def test_what_expired_while_the_conductor_was_away_ends_at_its_return(
    tmp_path: Path,
) -> None:
    async with system(tmp_path) as it:
        await it.govern(staging(gates=[SIGN_OFF], expires_after="1s"))
        await it.register(artifact(tmp_path, b"one"))
        await it.stop_conductor()
        await it.promote(1)
        over = soon(1.1)
        await until(lambda: main.EDGE.now() > over)
        await it.start_conductor()
        await it.until("promotion.expired")


async def test_a_freeze_that_runs_out_lets_what_waits_go(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await freeze(it, until=soon())
        await it.promote(1)
        assert "promotion.dispatched" not in await it.types()
        happened = await it.until("promotion.succeeded")
        assert "freeze.lifted" not in happened


async def test_a_lifted_freeze_lets_what_waits_go(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        id_ = await freeze(it)
        await it.promote(1)
        assert "promotion.readied" not in await it.types()
        await it.tell(LiftFreeze(freeze=id_, reason=WHY))
        await it.until("promotion.succeeded")


async def test_a_policy_that_asks_for_less_lets_what_waits_go(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.govern(staging(gates=[SIGN_OFF]))
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        assert "promotion.readied" not in await it.types()
        await it.govern(staging())
        happened = await it.until("promotion.succeeded")
        assert "promotion.rebound" in happened


async def test_what_no_agent_acknowledges_ends(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.govern(staging(deadlines={"ack": "1s"}))
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.errored")


async def test_what_has_proved_itself_long_enough_succeeds(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.govern(staging(strategy={"all_at_once": {"bake": "1s"}}))
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        happened = await it.until("promotion.verifying")
        assert "promotion.succeeded" not in happened
        await it.until("promotion.succeeded")


@pytest.mark.parametrize("begins_later", [False, True])
async def test_a_freeze_stops_what_is_under_way_until_it_runs_out(
    tmp_path: Path, begins_later: bool
) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.govern(staging(strategy={"all_at_once": {"bake": "3s"}}))
        await it.register(artifact(tmp_path, b"one"))
        await it.promote(1)
        await it.until("promotion.verifying")
        begins = soon(0.5) if begins_later else None
        await freeze(it, from_at=begins, until=soon(1.5), in_flight=InFlight.PAUSE)
        await it.until("promotion.paused")
        await it.until("promotion.resumed")
        await it.until("promotion.succeeded")


async def test_automation_promotes_what_is_registered(tmp_path: Path) -> None:
    async with system(tmp_path) as it, running(it.agent()):
        await it.register(artifact(tmp_path, b"one"))
        await it.govern(staging(auto_promote="newest_eligible"))
        await it.until("promotion.succeeded")
        await it.register(artifact(tmp_path, b"two"))
        happened = await it.until("promotion.succeeded", 2)
        assert it.served == b"two"
        assert happened.count("promotion.requested") == 2


async def bundled(it: System, folder: Path) -> None:
    """Ask for two models in one stage, as one."""
    await it.tell(RegisterModel(model=OTHER))
    for model in (MODEL, OTHER):
        await it.register(artifact(folder, model.encode()), model=model)
    members = [Wanted(model=each, version=Version(1)) for each in (MODEL, OTHER)]
    await it.tell(RequestBundle(stage=STAGING, members=tuple(members), reason=WHY))


async def test_a_bundle_goes_as_one(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await bundled(it, tmp_path)
        happened = await it.until("bundle.dispatched")
        assert happened.count("promotion.dispatched") == 2
        async with running(it.agent()):
            await it.until("bundle.succeeded")


async def test_a_bundle_is_cancelled_when_a_member_expires(tmp_path: Path) -> None:
    async with system(tmp_path) as it:
        await it.govern(staging(gates=[SIGN_OFF], expires_after="1s"))
        await bundled(it, tmp_path)
        await it.until("bundle.cancelled")
        await it.until("promotion.expired")


async def test_two_conductors_do_each_thing_once(tmp_path: Path) -> None:
    async with system(tmp_path) as it, it.another_conductor(), running(it.agent()):
        bake = {"all_at_once": {"bake": "1s"}}
        await it.govern(staging(auto_promote="newest_eligible", strategy=bake))
        await it.register(artifact(tmp_path, b"one"))
        await it.until("promotion.succeeded")
        await it.govern(staging(gates=[SIGN_OFF], expires_after="1s"))
        await it.register(artifact(tmp_path, b"two"))
        await it.promote(2)
        happened = await it.until("promotion.expired")
    counted = {"promotion.requested": 2, "promotion.expired": 1}
    for once in ("promotion.dispatched", "promotion.verifying", "promotion.succeeded"):
        counted[once] = 1
    assert {each: happened.count(each) for each in counted} == counted
