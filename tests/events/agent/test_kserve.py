"""Does an InferenceService serve what is wanted, by an API that checks each call?"""

from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.agent.driver import Capability, Fault, Interrupted
from rollbook.catalogue.lane import Variant
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    Served,
    World,
    apply,
    planned,
    refused,
    split,
    wants,
)
from tests.support.kserve_site import Site
from tests.support.kubernetes_stand_in import running_cluster


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_cluster() as cluster:
        yield Site(cluster, tmp_path)


@pytest.fixture
def world(site: Site) -> World:
    return World(
        folder=site.folder,
        make=site.driver,
        serves=site.served,
        capabilities=frozenset({Capability.WEIGHTS, Capability.HEALTH}),
        variant=site.publish,
        disturb=site.edit,
        refuse=site.refuse,
    )


class TestKserve(DriverContract):
    """The promises of every driver."""


async def test_each_change_is_tried_by_the_api_before_it_is_made(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(split(one, two)))
    changes = [each for each in site.cluster.calls if each.verb in ("POST", "PATCH")]
    assert [each.verb for each in changes] == ["POST"] * 2 + ["PATCH"] * 2
    for tried, made in zip(changes[::2], changes[1::2], strict=True):
        assert (tried.is_dry, made.is_dry) == (True, False)
        assert tried.body == made.body


async def test_the_whole_canary_block_is_written_each_time(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    steps: list[Served] = [split(one, two), split(one, two, 50), two, one]
    for revision, shares in enumerate(steps, start=1):
        await apply(world, driver, wants(shares, revision=revision))
    patches = [each for each in site.cluster.calls if each.verb == "PATCH"]
    assert len(patches) == 8
    for each in patches:
        predictor = each.body["spec"]["predictor"]
        assert predictor.keys() == {"canaryTrafficPercent", "model"}
        assert predictor["model"].keys() == {"storageUri", "modelFormat"}
        assert len(each.body["metadata"]["annotations"]) == 5


async def test_another_share_starts_no_pods_anew(world: World, site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    steps: list[Served] = [one, split(one, two), split(one, two, 50), two]
    for revision, shares in enumerate(steps, start=1):
        await apply(world, site.driver(), wants(shares, revision=revision))
    assert len(site.cluster.knative.kept["acme-fraud"].revisions) == 2


async def test_a_bad_canary_gets_nothing_while_the_next_one_loads(
    world: World, site: Site
) -> None:
    stable, bad = await site.publish(b"one", 1), await site.publish(b"bad", 2)
    better = await site.publish(b"better", 3)
    driver = site.driver()
    await apply(world, driver, wants(split(stable, bad, 20)))
    await apply(world, driver, wants(stable, revision=2))
    site.cluster.knative.history.clear()
    await apply(world, driver, wants(split(stable, better, 20), revision=3))
    assert not any(bad.uri in served for served in site.cluster.knative.history)
    await apply(world, driver, wants(split(stable, bad, 20), revision=4))
    site.cluster.knative.history.clear()
    await apply(world, driver, wants(split(stable, better, 20), revision=5))
    got = [served.get(bad.uri, 0) for served in site.cluster.knative.history]
    assert got == sorted(got, reverse=True)
    assert (got[0], got[-1]) == (20, 0)


async def test_what_does_not_load_is_asked_for_no_more(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver()
    await apply(world, driver, wants(one))
    await site.refuse(two)
    why = await refused(world, driver, wants(two, revision=2))
    assert why.detail.endswith("s3://models/two is no model")
    assert site.asked == one.uri
    site.cluster.knative.refused.clear()
    await apply(world, driver, wants(one, revision=3))
    assert await site.served(PLACE) == {one.digest: 100}


async def test_a_first_version_that_does_not_load_leaves_no_service(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1)
    await site.refuse(one)
    await refused(world, site.driver(), wants(one))
    await site.driver().observe(PLACE)
    assert site.cluster.objects == {}


async def test_a_kill_does_not_forget_what_was_served(world: World, site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    await site.refuse(two)
    await begun(world, site, two)
    why = await refused(world, site.driver(), wants(two, revision=2))
    assert why.fault is Fault.LOAD_FAILED
    assert site.asked == one.uri


async def begun(
    world: World, site: Site, variant: Variant, *, until: str = "written"
) -> None:
    """Begin to apply, and be cut off where a line tells of it."""
    driver = site.driver()
    plan = await planned(driver, wants(variant, revision=2))
    async with aclosing(driver.apply(plan, world.context())) as steps:
        async for step in steps:
            if until in f"{step.word}: {step.line}":
                return


async def test_what_failed_before_is_not_held_against_the_next(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    await site.refuse(two)
    await begun(world, site, two, until="RevisionFailed")
    three = await site.publish(b"three", 3)
    await apply(world, site.driver(), wants(three, revision=3))
    assert await site.served(PLACE) == {three.digest: 100}


async def test_what_no_runtime_serves_can_be_written_over(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    site.cluster.knative.unsupported.add(two.uri)
    await begun(world, site, two, until="waiting")
    assert site.asked == two.uri
    await apply(world, site.driver(), wants(one, revision=3))
    assert await site.served(PLACE) == {one.digest: 100}


async def test_a_service_that_is_being_deleted_is_made_anew(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    site.cluster.calls.clear()
    site.cluster.goes_after = 5
    site.cluster.delete("acme-fraud")
    await apply(world, site.driver(), wants(two, revision=2))
    assert await site.served(PLACE) == {two.digest: 100}
    assert "PATCH" not in [each.verb for each in site.cluster.calls]


@pytest.mark.parametrize("kind", ["slow", "asleep"])
async def test_what_is_not_loaded_in_time_is_taken_back(
    world: World, site: Site, kind: str
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    if kind == "slow":
        site.cluster.knative.slow.add(two.uri)
    else:
        site.cluster.is_asleep = True
    driver = site.driver(deadline_seconds=0.1)
    why = await refused(world, driver, wants(two, revision=2))
    assert (why.fault, why.is_passing) == (Fault.DRIVER_TIMEOUT, False)
    assert await site.served(PLACE) == {one.digest: 100}
    assert site.asked == one.uri


async def test_a_format_that_no_runtime_serves_is_the_platforms_fault(
    world: World, site: Site
) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    await apply(world, site.driver(), wants(one))
    site.cluster.knative.unsupported.add(two.uri)
    why = await refused(world, site.driver(), wants(two, revision=2))
    assert why.fault is Fault.DRIVER_ERROR
    assert "InvalidSpec: no runtime" in why.detail
    await apply(world, site.driver(), wants(one, revision=3))
    assert await site.served(PLACE) == {one.digest: 100}


async def test_a_stop_leaves_the_rest_to_the_next_start(
    world: World, site: Site
) -> None:
    one = await site.publish(b"one", 1)
    site.cluster.knative.slow.add(one.uri)
    driver = site.driver()
    plan = await planned(driver, wants(one))
    stopping = replace(world.context(), is_stopping=lambda: True)
    with pytest.raises(Interrupted):
        [step async for step in driver.apply(plan, stopping)]
    assert site.asked == one.uri


async def test_people_are_told_once_what_is_waited_for(
    world: World, site: Site
) -> None:
    driver = site.driver()
    plan = await planned(driver, wants(await site.publish(b"one", 1)))
    told = [each async for each in driver.apply(plan, world.context())]
    assert [(each.word, each.line) for each in told] == [
        ("written", "s3://models/one shall get all"),
        ("waiting", "Ready is Unknown: Deploying: not yet"),
        ("switched", "acme-fraud serves s3://models/one"),
    ]
