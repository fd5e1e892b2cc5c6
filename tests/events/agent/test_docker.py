"""Does exactly one container serve, whatever happens in between?"""

import asyncio
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.agent.driver import Capability, Fault, Health, Interrupted, Observed
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    World,
    apply,
    planned,
    refused,
    wants,
)
from tests.support.docker_site import IMAGE, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def world(site: Site) -> World:
    return World(
        folder=site.folder,
        make=site.driver,
        serves=site.served,
        capabilities=frozenset({Capability.VERIFIES_DIGEST, Capability.HEALTH}),
        variant=site.publish,
        spoil=lambda variant: site.change(variant, is_spoiled=True),
        disturb=site.end,
        refuse=lambda variant: site.change(variant, crashes=True),
    )


class TestDocker(DriverContract):
    """The promises of every driver."""


async def test_a_kill_after_any_command_leaves_one_container_in_the_end(
    tmp_path: Path,
) -> None:
    """In a process of its own: a fork of this one would share its loop."""
    killing = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.events.agent.killed_docker", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await killing.communicate()
    assert killing.returncode == 0, errors.decode()
    assert int(said) > 10


async def test_callers_always_find_somebody(world: World, site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    await apply(world, driver, wants(one))
    plan = await planned(driver, wants(two, revision=2))
    words = []
    async with aclosing(driver.apply(plan, world.context())) as steps:
        async for step in steps:
            words.append(step.word)
            served = await site.served(PLACE)
            expected = {"switched": {one.digest, two.digest}, "stopped": {two.digest}}
            assert served.keys() == expected.get(step.word, {one.digest})
    assert words == ["pulled", "started", "healthy", "switched", "stopped"]


async def test_the_old_container_goes_on_for_callers_that_remember_it(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver(drain_seconds=1)
    await apply(world, driver, wants(one))
    plan = await planned(driver, wants(two, revision=2))
    times = {}
    async for step in driver.apply(plan, world.context()):
        times[step.word] = asyncio.get_running_loop().time()
    assert times["stopped"] - times["switched"] >= 1


async def test_a_version_that_is_not_well_never_gets_a_request(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    await site.change(two, is_well=False)
    async with asyncio.timeout(20):  # and not as long as it might take to be well
        why = await refused(world, site.driver(), wants(two, revision=2))
    assert why.fault is Fault.HEALTH_FAILED
    assert "model.bin: not a model" in why.detail
    assert await site.served(PLACE) == {one.digest: 100}
    assert len(site.containers()) == 1


async def test_a_container_that_removes_itself_when_it_ends_is_gone_enough(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    with site.state() as state:
        [container] = state["containers"].values()
        container["AutoRemove"] = True
    await apply(world, site.driver(), wants(two, revision=2))
    assert [*site.containers().values()] == ["running"]


async def test_a_version_that_ends_says_its_last_words(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1, crashes=True)
    why = await refused(world, site.driver(), wants(one))
    assert (why.fault, why.is_passing) == (Fault.LOAD_FAILED, False)
    assert "cannot load model.bin" in why.detail
    assert site.containers() == {}


async def test_a_version_that_is_started_again_and_again_does_not_load(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1, restarts=1)
    why = await refused(world, site.driver(), wants(one))
    assert why.fault is Fault.LOAD_FAILED
    assert site.containers() == {}


async def test_an_image_without_its_program_is_the_versions_fault(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1)
    two = await site.publish(b"two", 2, has_no_program=True)
    await apply(world, site.driver(), wants(one))
    why = await refused(world, site.driver(), wants(two, revision=2))
    assert why.fault is Fault.LOAD_FAILED
    assert await site.served(PLACE) == {one.digest: 100}
    await apply(world, site.driver(), wants(one, revision=3))
    assert [*site.containers().values()] == ["running"]


async def test_an_image_without_a_health_check_has_to_run_for_a_while(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1, has_check=False)
    driver = site.driver(settle_seconds=0.2)
    plan = await planned(driver, wants(one))
    times = {}
    async for step in driver.apply(plan, world.context()):
        times[step.word] = asyncio.get_running_loop().time()
    assert times["healthy"] - times["started"] >= 0.2
    assert await driver.health(PLACE) is Health.UNKNOWN


async def test_a_version_that_stays_unwell_is_late(world: World, site: Site) -> None:
    one = await site.publish(b"one", 1, is_slow=True)
    driver = site.driver(health_seconds=0.1)
    why = await refused(world, driver, wants(one))
    assert why.fault is Fault.HEALTH_FAILED
    assert site.containers() == {}


async def test_a_stop_leaves_the_new_container_to_the_next_start(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1, is_slow=True)
    plan = await planned(site.driver(), wants(one))
    stopping = replace(world.context(), is_stopping=lambda: True)
    with pytest.raises(Interrupted):
        [step async for step in site.driver().apply(plan, stopping)]
    assert [*site.containers().values()] == ["running"]
    assert await site.driver().observe(PLACE) == Observed()
    await site.change(one, is_slow=False)
    words = await apply(world, site.driver(), wants(one))
    assert words == ["healthy", "switched"]
    assert await site.served(PLACE) == {one.digest: 100}


async def test_a_container_cut_off_by_hand_is_connected_again(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1)
    await apply(world, site.driver(), wants(one))
    before = site.containers()
    with site.state() as state:
        [container] = state["containers"].values()
        container["NetworkSettings"]["Networks"]["models"]["Aliases"] = ["other"]
    assert await site.driver().observe(PLACE) == Observed()
    await apply(world, site.driver(), wants(one))
    assert await site.served(PLACE) == {one.digest: 100}
    assert site.containers() == before


async def test_a_container_of_somebody_elses_image_is_nothing_known(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1)
    await apply(world, site.driver(), wants(one))
    with site.state() as state:
        [container] = state["containers"].values()
        container["Config"]["Image"] = f"{IMAGE}:latest"
    assert await site.driver().observe(PLACE) == Observed()


async def test_two_that_serve_are_both_seen(world: World, site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    await apply(world, driver, wants(one))
    plan = await planned(driver, wants(two, revision=2))
    async with aclosing(driver.apply(plan, world.context())) as steps:
        async for step in steps:
            if step.word == "switched":
                break
    assert (await driver.observe(PLACE)).runs == {one.digest: 50, two.digest: 50}
