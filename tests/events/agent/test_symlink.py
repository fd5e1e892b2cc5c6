"""Does the link always lead to verified bytes?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook.agent.driver import Fault, Observed, Unapplied
from rollbook.catalogue.lane import Variant
from rollbook.errors import Misconfigured
from rollbook.names import ModelName
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    World,
    apply,
    assert_serves,
    wants,
)
from tests.events.agent.symlinks import (
    file_of,
    home,
    made,
    symlinks,
)


class TestSymlink(DriverContract):
    """The promises of every driver, kept by a link."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return symlinks(tmp_path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return symlinks(tmp_path)


async def test_the_link_leads_to_the_digest(world: World, tmp_path: Path) -> None:
    served = await world.variant(b"one", 1)
    await apply(world, world.make(), wants(served))
    folder = Path("versions") / served.digest.replace(":", "-")
    assert (home(tmp_path) / "current").readlink() == folder


async def test_a_model_without_a_team_lives_in_default(
    world: World, tmp_path: Path
) -> None:
    place = replace(PLACE, model=ModelName("fraud"))
    served = wants(await world.variant(b"one", 1), target=place)
    await apply(world, world.make(), served)
    assert (tmp_path / "served" / "default" / "fraud" / "current").is_symlink()


async def test_going_back_needs_neither_source_nor_cache(world: World) -> None:
    one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
    driver = world.make()
    await apply(world, driver, wants(one))
    await apply(world, driver, wants(two, revision=2))
    file_of(one).unlink()
    for folder in (world.folder / "cache").glob("*.json"):
        folder.unlink()
    await apply(world, world.make(), wants(one, revision=3))
    await assert_serves(world, driver, wants(one))


@pytest.mark.parametrize("keep", [1, 2, 3])
async def test_so_many_versions_are_kept(tmp_path: Path, keep: int) -> None:
    world = symlinks(tmp_path, keep=keep)
    driver = world.make()
    contents = [b"one", b"two", b"three", b"four", b"two"]
    for revision, content in enumerate(contents, start=1):
        variant = await world.variant(content, revision)
        await apply(world, driver, wants(variant, revision=revision))
    left = {
        (each / "model.bin").read_bytes()
        for each in (home(tmp_path) / "versions").iterdir()
    }
    assert left == {b"two", b"four", b"three"} - set(contents[2:4][: 3 - keep])


async def test_damaged_bytes_are_seen_and_fetched_again(
    world: World, tmp_path: Path
) -> None:
    driver, wanted = world.make(), wants(await world.variant(b"one", 1))
    await apply(world, driver, wanted)
    current = home(tmp_path) / "current" / "model.bin"
    current.write_bytes(b"0ne")
    assert not (await driver.observe(PLACE)).equals(wanted)
    await apply(world, driver, wanted)
    assert current.read_bytes() == b"one"


async def test_bytes_that_change_after_they_were_fetched_are_not_served(
    world: World,
) -> None:
    driver, before = world.make(), wants(await world.variant(b"one", 1))
    await apply(world, driver, before)
    fetch = world.context().fetch

    async def meddled(variant: Variant) -> Path:
        folder = await fetch(variant)
        (folder / "model.bin").write_bytes(b"2wo")
        return folder

    context = replace(world.context(), fetch=meddled)
    plan = driver.plan(wants(await world.variant(b"two", 2)), Observed())
    with pytest.raises(Unapplied) as why:
        [step async for step in driver.apply(plan, context)]
    assert (why.value.fault, why.value.is_passing) == (Fault.DIGEST_MISMATCH, False)
    await assert_serves(world, driver, before)


async def test_what_a_kill_left_behind_does_no_harm(
    world: World, tmp_path: Path
) -> None:
    served = await world.variant(b"one", 1)
    versions, folder = home(tmp_path) / "versions", served.digest.replace(":", "-")
    (versions / f".{folder}.placing").mkdir(parents=True)
    (versions / f".{folder}.placing" / "model.bin").write_bytes(b"on")
    (versions / ".another.damaged").mkdir()
    (versions.parent / ".current.new").symlink_to("nowhere")
    (versions.parent / ".routes.json.new").write_text("{")
    (versions.parent / "current").symlink_to("versions/gone")
    driver = world.make()
    assert await driver.observe(PLACE) == Observed()
    await apply(world, driver, wants(served))
    await assert_serves(world, driver, wants(served))
    assert [each.name for each in versions.iterdir()] == [folder]


async def test_a_link_put_into_a_version_is_no_version(
    world: World, tmp_path: Path
) -> None:
    driver, wanted = world.make(), wants(await world.variant(b"one", 1))
    await apply(world, driver, wanted)
    (home(tmp_path) / "current" / "more").symlink_to("/etc/hostname")
    assert await driver.observe(PLACE) == Observed()
    await apply(world, driver, wanted)
    await assert_serves(world, driver, wanted)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"on_swich": "true"}, "driver.on_swich"),
        ({"on_switch": ""}, "driver.on_switch"),
        ({"signal": "HUP"}, "driver"),
        ({"signal": "KILL", "pid_file": "/x"}, "driver.signal"),
        ({"signal": "HUP", "pid_file": "/x", "on_switch": "true"}, "driver"),
        ({"keep": 0}, "driver.keep"),
        ({"url": "ftp://host"}, "driver.url"),
        ({"deadline": "never"}, "driver.deadline"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(
    tmp_path: Path, options: dict[str, Any], place: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        made(tmp_path, **options)
    assert str(refused.value).startswith(f"{place}:")
