"""What does every driver promise? A driver's tests subclass this and describe a world.

A test module gives a fixture `world`, and a class `TestX(DriverContract)` runs it all:
what is served is asked of the world itself, never of the driver alone.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import (
    AgentContext,
    Capability,
    Driver,
    Fault,
    Health,
    Observed,
    Plan,
    Unapplied,
)
from rollbook.agent.wanted import Share, Wanted
from rollbook.catalogue.lane import DesiredSet, DriftPolicy, Traffic, Variant
from rollbook.catalogue.parts import PromotionKind
from rollbook.commands.desired import Target
from rollbook.names import (
    Digest,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)

PLACE = Target(StageName("production"), TargetName("main"), ModelName("acme/fraud"))
ELSEWHERE = replace(PLACE, model=ModelName("acme/churn"))
Runs = Mapping[Digest, int | None]
Served = Mapping[str, Share] | Variant | None


@dataclass(frozen=True, slots=True)
class World:
    """What a driver works on, and how to see and disturb it without the driver."""

    folder: Path
    """Scratch; the contract keeps its cache in it."""
    make: Callable[[], Driver]
    """A driver on this world; once more: as after the agent's restart."""
    serves: Callable[[Target], Awaitable[Runs]]
    """What a caller gets: digests with their weights, None where it cannot be seen."""
    capabilities: frozenset[Capability]
    """What the driver has to claim, and is tried to do."""
    variant: Callable[[bytes, int], Awaitable[Variant]]
    """Publish content as the artifact of a version; `file_variant` for plain files."""
    spoil: Callable[[Variant], Awaitable[None]] | None = None
    """Change a published artifact's bytes; None: only where digests are verified."""
    disturb: Callable[[Target], Awaitable[None]] | None = None
    """Change what is served behind the driver's back; None: nobody can."""
    refuse: Callable[[Variant], Awaitable[None]] | None = None
    """Make the real thing fail to load this version; None: it has no say."""

    def context(self) -> AgentContext:
        """Stand in for the agent."""
        store = Store(self.folder / "cache")
        return AgentContext(is_stopping=lambda: False, fetch=store.bring)

    def can(self, capability: Capability) -> bool:
        """Tell whether the driver claims it."""
        return capability in self.capabilities


def file_variant(folder: Path, content: bytes, version: int = 1) -> Variant:
    """Write a file of its own for a version's artifact."""
    digest = Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")
    file = folder / digest[-8:] / "model.bin"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Variant(
        version=Version(version),
        digest=digest,
        size_bytes=len(content),
        uri=file.as_uri(),
    )


def wants(
    shares: Served,
    *,
    revision: int = 1,
    target: Target = PLACE,
) -> Wanted:
    """Say what to serve: one version, several by name, or nothing."""
    if isinstance(shares, Variant):
        shares = {"stable": Share(shares, 100)}
    shares = shares or {}
    event = DesiredSet(
        stage=target.stage,
        revision=revision,
        token=revision,
        promotion=PromotionId(revision),
        kind=PromotionKind.FORWARD,
        variants={name: share.variant for name, share in shares.items()},
        targets={target.target: {name: each.weight for name, each in shares.items()}},
        previous=None,
        wave=0,
        step=0,
        split_key="header:x-customer",
        drift=DriftPolicy.ALERT,
        beside=None,
        traffic=Traffic.WHOLE,
    )
    return Wanted(target, event, shares)


def split(stable: Variant, canary: Variant, weight: int = 5) -> Mapping[str, Share]:
    """Give the canary some of the requests."""
    return {"stable": Share(stable, 100 - weight), "canary": Share(canary, weight)}


def mirrored(stable: Variant, shadow: Variant) -> Mapping[str, Share]:
    """Give the shadow copies of some requests."""
    return {"stable": Share(stable, 100), "shadow-stable": Share(shadow, 0, 10)}


async def planned(driver: Driver, wanted: Wanted) -> Plan:
    """Plan from what the driver observes."""
    return driver.plan(wanted, await driver.observe(wanted.target))


async def apply(world: World, driver: Driver, wanted: Wanted) -> list[str]:
    """Plan and apply; return the words of each step."""
    plan = await planned(driver, wanted)
    return [step.word async for step in driver.apply(plan, world.context())]


async def refused(world: World, driver: Driver, wanted: Wanted) -> Unapplied:
    """Apply what cannot be; return why."""
    with pytest.raises(Unapplied) as why:
        await apply(world, driver, wanted)
    return why.value


async def assert_serves(world: World, driver: Driver, wanted: Wanted) -> None:
    """Ask the world and the driver; both have to see what is wanted."""
    seen = await world.serves(wanted.target)
    assert Observed(seen).equals(wanted), f"served are {seen}"
    observed = await driver.observe(wanted.target)
    assert observed.equals(wanted), f"observed are {observed.runs}"


class DriverContract:
    """Observes what runs, repeats harmlessly, keeps serving when it cannot apply."""

    async def test_it_claims_what_it_is_tried_for(self, world: World) -> None:
        assert world.make().capabilities == world.capabilities

    async def test_at_first_nothing_is_served(self, world: World) -> None:
        await assert_serves(world, world.make(), wants(None))

    async def test_what_was_applied_is_served(self, world: World) -> None:
        driver, wanted = world.make(), wants(await world.variant(b"one", 1))
        assert await apply(world, driver, wanted)
        await assert_serves(world, driver, wanted)

    async def test_planning_changes_nothing(self, world: World) -> None:
        driver, wanted = world.make(), wants(await world.variant(b"one", 1))
        assert (await planned(driver, wanted)).lines
        await assert_serves(world, driver, wants(None))

    async def test_for_what_runs_nothing_is_planned(self, world: World) -> None:
        driver, wanted = world.make(), wants(await world.variant(b"one", 1))
        await apply(world, driver, wanted)
        assert (await planned(driver, wanted)).lines == ()

    async def test_applying_twice_is_applying_once(self, world: World) -> None:
        driver, wanted = world.make(), wants(await world.variant(b"one", 1))
        for _ in range(2):
            await apply(world, driver, wanted)
            await assert_serves(world, driver, wanted)

    async def test_it_goes_forth_and_back(self, world: World) -> None:
        driver = world.make()
        one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
        for revision, served in enumerate((one, two, one), start=1):
            wanted = wants(served, revision=revision)
            await apply(world, driver, wanted)
            await assert_serves(world, driver, wanted)

    async def test_nothing_wanted_serves_nothing(self, world: World) -> None:
        driver = world.make()
        await apply(world, driver, wants(await world.variant(b"one", 1)))
        await apply(world, driver, wants(None, revision=2))
        await assert_serves(world, driver, wants(None))

    async def test_a_restart_finds_what_is_served(self, world: World) -> None:
        wanted = wants(await world.variant(b"one", 1))
        await apply(world, world.make(), wanted)
        await assert_serves(world, world.make(), wanted)

    async def test_models_do_not_touch_each_other(self, world: World) -> None:
        driver, one = world.make(), await world.variant(b"one", 1)
        two = await world.variant(b"two", 1)
        here, there = wants(one), wants(two, target=ELSEWHERE)
        await apply(world, driver, here)
        await apply(world, driver, there)
        await assert_serves(world, driver, here)
        await apply(world, driver, wants(None, revision=2))
        await assert_serves(world, driver, there)

    async def test_what_is_cut_off_after_any_step_is_finished_later(
        self, world: World
    ) -> None:
        one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
        before, wanted = wants(one), wants(two, revision=2)
        await apply(world, world.make(), before)
        for cut in range(1, len(await apply(world, world.make(), wanted)) + 1):
            await apply(world, world.make(), before)
            await _apply_until(cut, world, wanted)
            after = world.make()
            await apply(world, after, wanted)
            await assert_serves(world, after, wanted)

    async def test_shares_are_served_or_refused(self, world: World) -> None:
        stable, canary = await world.variant(b"one", 1), await world.variant(b"two", 2)
        driver, before = world.make(), wants(stable)
        await apply(world, driver, before)
        steps: list[Served] = [split(stable, canary), split(stable, canary, 50), canary]
        if world.can(Capability.WEIGHTS):
            for revision, shares in enumerate(steps, start=2):
                wanted = wants(shares, revision=revision)
                await apply(world, driver, wanted)
                await assert_serves(world, driver, wanted)
        else:
            why = await refused(world, driver, wants(steps[0], revision=2))
            assert why.fault is Fault.UNSUPPORTED
            await assert_serves(world, driver, before)

    async def test_a_canary_is_taken_back_whole(self, world: World) -> None:
        if not world.can(Capability.WEIGHTS):
            pytest.skip("it serves whole versions")
        stable, canary = await world.variant(b"one", 1), await world.variant(b"two", 2)
        driver = world.make()
        await apply(world, driver, wants(split(stable, canary)))
        await apply(world, driver, wants(stable, revision=2))
        await assert_serves(world, driver, wants(stable))

    async def test_copies_are_sent_or_refused(self, world: World) -> None:
        stable, shadow = await world.variant(b"one", 1), await world.variant(b"two", 2)
        driver, before = world.make(), wants(stable)
        await apply(world, driver, before)
        wanted = wants(mirrored(stable, shadow), revision=2)
        if world.can(Capability.MIRROR):
            await apply(world, driver, wanted)
            await assert_serves(world, driver, wanted)
        else:
            why = await refused(world, driver, wanted)
            assert why.fault is Fault.UNSUPPORTED
            await assert_serves(world, driver, before)

    async def test_other_bytes_are_never_served(self, world: World) -> None:
        if world.spoil is None or not world.can(Capability.VERIFIES_DIGEST):
            pytest.skip("it cannot compare bytes")
        one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
        driver, before = world.make(), wants(one)
        await apply(world, driver, before)
        await world.spoil(two)
        why = await refused(world, driver, wants(two, revision=2))
        assert (why.fault, why.is_passing) == (Fault.DIGEST_MISMATCH, False)
        await assert_serves(world, driver, before)

    async def test_what_cannot_be_loaded_leaves_what_is_served(
        self, world: World
    ) -> None:
        if world.refuse is None:
            pytest.skip("what it serves has no say")
        one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
        driver, before = world.make(), wants(one)
        await apply(world, driver, before)
        await world.refuse(two)
        why = await refused(world, driver, wants(two, revision=2))
        assert why.fault is Fault.LOAD_FAILED
        await assert_serves(world, driver, before)

    async def test_what_others_change_is_seen_and_mended(self, world: World) -> None:
        if world.disturb is None:
            pytest.skip("nobody else can change it")
        driver, wanted = world.make(), wants(await world.variant(b"one", 1))
        await apply(world, driver, wanted)
        await world.disturb(PLACE)
        assert not (await driver.observe(PLACE)).equals(wanted)
        await apply(world, driver, wanted)
        await assert_serves(world, driver, wanted)

    async def test_what_serves_is_well(self, world: World) -> None:
        driver = world.make()
        assert await driver.health(PLACE) is not Health.GOOD
        await apply(world, driver, wants(await world.variant(b"one", 1)))
        health = await driver.health(PLACE)
        is_known = world.can(Capability.HEALTH)
        assert health in ({Health.GOOD} if is_known else {Health.GOOD, Health.UNKNOWN})


async def _apply_until(cut: int, world: World, wanted: Wanted) -> None:
    """Stop after so many steps, as a kill does."""
    driver, done = world.make(), 0
    plan = await planned(driver, wanted)
    async with aclosing(driver.apply(plan, world.context())) as steps:
        async for _ in steps:
            done += 1
            if done == cut:
                return
