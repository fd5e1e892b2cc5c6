"""Do the routes share the traffic as it is wanted?"""

import json
from pathlib import Path

import pytest

from tests.events.agent.driver_contract import (
    DriverContract,
    World,
    apply,
    mirrored,
    split,
    wants,
)
from tests.events.agent.symlinks import (
    digest_of,
    home,
    symlinks,
)


class TestRoutes(DriverContract):
    """The promises of every driver, kept by a link and a file of routes."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        return symlinks(tmp_path, routes=True)


async def test_the_routes_say_who_gets_what(tmp_path: Path) -> None:
    world = symlinks(tmp_path, routes=True)
    one, two = await world.variant(b"one", 6), await world.variant(b"two", 7)
    await apply(world, world.make(), wants(split(one, two), revision=9))
    at = home(tmp_path)
    paths = [f"versions/{each.digest.replace(':', '-')}" for each in (one, two)]
    assert json.loads((at / "routes.json").read_text()) == {
        "revision": 9,
        "promotion": 9,
        "split_key": "header:x-customer",
        "variants": {
            "stable": {
                "version": 6,
                "digest": one.digest,
                "path": paths[0],
                "weight": 95,
                "mirror": 0,
            },
            "canary": {
                "version": 7,
                "digest": two.digest,
                "path": paths[1],
                "weight": 5,
                "mirror": 0,
            },
        },
    }
    assert str((at / "current").readlink()) == paths[0]


@pytest.mark.parametrize(("canary", "leads"), [(49, 0), (50, 0), (51, 1)])
async def test_the_link_leads_to_the_larger_share(
    tmp_path: Path, canary: int, leads: int
) -> None:
    world = symlinks(tmp_path, routes=True)
    one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
    shares = dict(reversed([*split(one, two, canary).items()]))
    await apply(world, world.make(), wants(shares))
    led = digest_of((home(tmp_path) / "current").resolve())
    assert led == (one, two)[leads].digest


async def test_copies_are_in_the_routes(tmp_path: Path) -> None:
    world = symlinks(tmp_path, routes=True)
    one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
    await apply(world, world.make(), wants(mirrored(one, two)))
    read = json.loads((home(tmp_path) / "routes.json").read_text())["variants"]
    assert (read["shadow-stable"]["weight"], read["shadow-stable"]["mirror"]) == (0, 10)


async def test_nothing_served_leaves_no_routes(tmp_path: Path) -> None:
    world = symlinks(tmp_path, routes=True)
    await apply(world, world.make(), wants(await world.variant(b"one", 1)))
    await apply(world, world.make(), wants(None, revision=2))
    assert not (home(tmp_path) / "routes.json").exists()
    assert not (home(tmp_path) / "current").is_symlink()
