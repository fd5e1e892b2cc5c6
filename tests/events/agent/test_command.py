"""Does a command get all it needs, and is its word taken for what it is?"""

import asyncio
import json
import os
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollbook.agent.driver import (
    Capability,
    Fault,
    Health,
    Interrupted,
    Observed,
    Setup,
    Unapplied,
)
from rollbook.agent.drivers.command import CommandDriver
from rollbook.catalogue.lane import Variant
from rollbook.commands.desired import Target
from rollbook.errors import Misconfigured
from rollbook.names import Digest
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    World,
    apply,
    file_variant,
    planned,
    refused,
    split,
    wants,
)

EVERYTHING = frozenset(Capability)
# What a person writes who serves a model with a script: a file for each model says
# what runs, and bytes are read where the agent laid them.
SERVER = """
import hashlib, json, os, pathlib, sys
told = json.load(sys.stdin)
with open("log", "a") as log:
    log.write(json.dumps(told) + "\\n")
served = pathlib.Path(told["model"].replace("/", "-") + ".served")
match told["action"]:
    case "apply":
        runs = {}
        for variant in told["variants"].values():
            if variant["version"] in json.loads(pathlib.Path("refused").read_text()):
                print("cannot load", variant["version"], file=sys.stderr)
                sys.exit(10)
            held = pathlib.Path(variant["path"], "model.bin").read_bytes()
            digest = "sha256:" + hashlib.sha256(held).hexdigest()
            runs[digest] = runs.get(digest, 0) + variant["weight"]
        served.with_suffix(".new").write_text(json.dumps(runs))
        served.with_suffix(".new").replace(served)
    case "observe":
        runs = json.loads(served.read_text()) if served.exists() else {}
        print(json.dumps({"runs": runs}))
    case "health":
        print("good" if served.exists() else "unknown")
"""


def made(folder: Path, command: str | list[str], **options: Any) -> CommandDriver:
    given = {"command": command, "weights": True, "mirror": True, **options}
    return CommandDriver(Setup("production", "main", folder / "root", given))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Serve by a script of somebody's own."""
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "refused").write_text("[]")
    command = [sys.executable, "-S", "-c", IN.format(str(tmp_path))]

    async def serves(target: Target) -> Mapping[Digest, int | None]:
        return read(tmp_path / f"{target.model.replace('/', '-')}.served")

    async def publish(content: bytes, version: int) -> Variant:
        return file_variant(tmp_path, content, version)

    async def spoil(variant: Variant) -> None:
        file_of(variant).write_bytes(b"0" * variant.size_bytes)

    async def refuse(variant: Variant) -> None:
        (tmp_path / "refused").write_text(json.dumps([variant.version]))

    async def disturb(target: Target) -> None:
        (tmp_path / f"{target.model.replace('/', '-')}.served").write_text("{}")

    return World(
        folder=tmp_path,
        make=lambda: made(tmp_path, command),
        serves=serves,
        capabilities=EVERYTHING,
        variant=publish,
        spoil=spoil,
        refuse=refuse,
        disturb=disturb,
    )


IN = "import os; os.chdir({!r}); exec(open('server.py').read())"


def file_of(variant: Variant) -> Path:
    return Path(variant.uri.removeprefix("file://"))


def read(file: Path) -> dict[Digest, int | None]:
    return json.loads(file.read_text()) if file.exists() else {}


class TestCommand(DriverContract):
    """The promises of every driver."""


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


async def test_a_command_is_told_everything(world: World) -> None:
    driver, one = world.make(), await world.variant(b"one", 6)
    await apply(world, driver, wants(one))
    two = await world.variant(b"two", 7)
    await apply(world, driver, wants(split(one, two), revision=9))
    place = {"stage": "production", "target": "main", "model": "acme/fraud"}
    asked, order = told(world.folder)[-2:]
    assert asked == {"action": "observe", **place}
    home = world.folder / "root" / "acme" / "fraud" / "versions"
    described = [
        {
            "version": each.version,
            "digest": each.digest,
            "size_bytes": 3,
            "uri": each.uri,
            "path": str(home / each.digest.replace(":", "-")),
            "weight": weight,
            "mirror": 0,
        }
        for each, weight in ((one, 95), (two, 5))
    ]
    assert order == {
        "action": "apply",
        **place,
        "revision": 9,
        "promotion": 9,
        "split_key": "header:x-customer",
        "variants": dict(zip(("stable", "canary"), described, strict=True)),
        "previous": {one.digest: 100},
    }


def shell(folder: Path, text: str, **options: Any) -> CommandDriver:
    """Run a few words of a shell, as a person would write them first."""
    return made(folder, ["/bin/sh", "-c", textwrap.dedent(text)], **options)


OBSERVES = 'test "$ROLLBOOK_ACTION" != observe || { echo \'{"runs":{}}\'; exit 0; }; '


async def test_a_shell_script_needs_no_json(world: World, tmp_path: Path) -> None:
    driver = shell(tmp_path, OBSERVES + f"env | grep ^ROLLBOOK_ >{tmp_path}/env")
    one = await world.variant(b"one", 6)
    await apply(world, driver, wants(one, revision=4))
    folder = one.digest.replace(":", "-")
    ours = [name for name in os.environ if name.startswith("ROLLBOOK_")]
    lines = (tmp_path / "env").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines)
    assert {name: each for name, each in told.items() if name not in ours} == {
        "ROLLBOOK_ACTION": "apply",
        "ROLLBOOK_STAGE": "production",
        "ROLLBOOK_TARGET": "main",
        "ROLLBOOK_MODEL": "acme/fraud",
        "ROLLBOOK_REVISION": "4",
        "ROLLBOOK_PROMOTION": "4",
        "ROLLBOOK_VERSION": "6",
        "ROLLBOOK_DIGEST": one.digest,
        "ROLLBOOK_URI": one.uri,
        "ROLLBOOK_PATH": str(tmp_path / f"root/acme/fraud/versions/{folder}"),
    }


@pytest.mark.parametrize(
    ("ends", "fault", "is_passing"),
    [
        ("echo no >&2; exit 10", Fault.LOAD_FAILED, False),
        ("echo no >&2; exit 1", Fault.DRIVER_ERROR, True),
        ("echo no; exit 255", Fault.DRIVER_ERROR, True),
        ("echo no; kill -9 $$", Fault.DRIVER_ERROR, True),
    ],
)
async def test_the_exit_code_says_whose_fault_it_is(
    world: World, tmp_path: Path, *, ends: str, fault: Fault, is_passing: bool
) -> None:
    driver = shell(tmp_path, OBSERVES + ends)
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert (why.fault, why.is_passing) == (fault, is_passing)
    assert why.detail.endswith("no")


async def test_a_command_that_is_not_there_is_the_platforms_fault(
    world: World, tmp_path: Path
) -> None:
    driver = made(tmp_path, "/nowhere/deploy now")
    plan = driver.plan(wants(await world.variant(b"one", 1)), Observed())
    with pytest.raises(Unapplied) as why:
        [step async for step in driver.apply(plan, world.context())]
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, False)


async def test_a_command_that_hangs_is_killed_at_its_deadline(
    world: World, tmp_path: Path
) -> None:
    driver = shell(tmp_path, OBSERVES + "echo loading; sleep 600", deadline=0.3)
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert (why.fault, why.is_passing) == (Fault.DRIVER_TIMEOUT, False)
    assert why.detail.endswith("not done after 0.3 s loading")


async def test_a_grandchild_that_keeps_everything_open_holds_nobody_up(
    world: World, tmp_path: Path
) -> None:
    driver = shell(tmp_path, OBSERVES + "setsid sleep 1 & exit 0", deadline=10)
    async with asyncio.timeout(0.9):
        await apply(world, driver, wants(await world.variant(b"one", 1)))


async def test_a_command_that_never_stops_talking_is_ended(
    world: World, tmp_path: Path
) -> None:
    driver = shell(tmp_path, OBSERVES + "yes")
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert why.fault is Fault.DRIVER_ERROR
    assert "says over" in why.detail


async def test_a_stopping_agent_waits_for_a_command_only_so_long(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollbook.agent.processes.GRACE_SECONDS", 0.2)
    driver = shell(tmp_path, OBSERVES + f"touch {tmp_path}/begun; sleep 600")
    begun = tmp_path / "begun"
    context = replace(world.context(), is_stopping=begun.exists)
    plan = driver.plan(wants(await world.variant(b"one", 1)), Observed())
    with pytest.raises(Interrupted):
        async with asyncio.timeout(5):
            [step async for step in driver.apply(plan, context)]


@pytest.mark.parametrize(
    "said",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        '{"runs": {"model-7": 100}}',
        '{"runs": {"sha256:' + "0" * 64 + '": 101}}',
        '{"runs": {"sha256:' + "0" * 64 + '": "all"}}',
    ],
)
async def test_an_answer_that_says_nothing_is_no_observation(
    tmp_path: Path, said: str
) -> None:
    driver = shell(tmp_path, f"echo '{said}'")
    with pytest.raises(Unapplied) as why:
        await driver.observe(PLACE)
    assert why.value.fault is Fault.DRIVER_ERROR
    assert "does not say what runs" in why.value.detail


async def test_a_weight_that_nobody_knows_is_null(tmp_path: Path) -> None:
    digest = Digest("sha256:" + "0" * 64)
    driver = shell(tmp_path, f'echo \'{{"runs": {{"{digest}": null}}}}\'')
    assert await driver.observe(PLACE) == Observed({digest: None})


@pytest.mark.parametrize(
    ("does", "health"),
    [
        ("echo good", Health.GOOD),
        ("echo bad", Health.BAD),
        ("echo unknown", Health.UNKNOWN),
        ("echo splendid", Health.UNKNOWN),
        ("echo good; exit 1", Health.UNKNOWN),
        ("sleep 600", Health.UNKNOWN),
    ],
)
async def test_only_a_clear_word_is_health(
    tmp_path: Path, does: str, health: Health
) -> None:
    driver = shell(tmp_path, does, deadline=0.3 if "sleep" in does else 10)
    assert await driver.health(PLACE) is health


async def test_a_command_that_knows_no_health_is_not_asked(tmp_path: Path) -> None:
    driver = shell(tmp_path, f"touch {tmp_path}/asked; echo good", health=False)
    assert Capability.HEALTH not in driver.capabilities
    assert await driver.health(PLACE) is Health.UNKNOWN
    assert not (tmp_path / "asked").exists()


async def test_a_command_may_fetch_by_itself(world: World, tmp_path: Path) -> None:
    driver = shell(tmp_path, OBSERVES + f"cat >{tmp_path}/order", fetch=False)
    assert Capability.VERIFIES_DIGEST not in driver.capabilities
    one = await world.variant(b"one", 1)
    assert world.spoil is not None
    await world.spoil(one)
    await apply(world, driver, wants(one))
    order = json.loads((tmp_path / "order").read_text())
    assert order["variants"]["stable"]["path"] is None
    assert not (tmp_path / "root").exists()


async def test_a_plan_shows_the_command(world: World) -> None:
    one = await world.variant(b"one", 6)
    fetching, running = (await planned(world.make(), wants(one))).lines
    assert fetching == f"fetch {one.uri}, unless it is here, and verify {one.digest}"
    assert running.endswith("acme/fraud#production/main: version 6 with 100 %")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "driver.command"),
        ({"command": []}, "driver.command"),
        ({"command": "'"}, "driver.command"),
        ({"command": "x", "deadline": 0}, "driver.deadline"),
        ({"command": "x", "wights": True}, "driver.wights"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(
    tmp_path: Path, options: dict[str, Any], place: str
) -> None:
    with pytest.raises(Misconfigured) as refused:
        CommandDriver(Setup("production", "main", tmp_path, options))
    assert str(refused.value).startswith(f"{place}:")
