"""Is the server told of each switch, and what becomes of its no?"""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from rollbook.agent.driver import Capability, Fault, Health
from tests.events.agent.artifact_server import Page, artifact_server
from tests.events.agent.driver_contract import (
    PLACE,
    apply,
    assert_serves,
    refused,
    split,
    wants,
)
from tests.events.agent.symlinks import (
    home,
    link_of,
    log,
    script,
    symlinks,
)
from tests.support.agents import until


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_command_that_says_no_brings_the_former_version_back(
    tmp_path: Path,
) -> None:
    command = script(
        tmp_path,
        'echo "$ROLLBOOK_MODEL $ROLLBOOK_VERSION $(cat $ROLLBOOK_CURRENT/*)" >>$LOG\n'
        'grep -q two "$ROLLBOOK_CURRENT/model.bin" && echo cannot load && exit 3\n'
        "exit 0",
    )
    world = symlinks(tmp_path, on_switch=command)
    driver = world.make()
    one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
    await apply(world, driver, wants(one))
    why = await refused(world, driver, wants(two, revision=2))
    assert (why.fault, why.is_passing) == (Fault.LOAD_FAILED, False)
    assert "exit 3 cannot load" in why.detail
    await assert_serves(world, driver, wants(one))
    assert log(tmp_path) == ["acme/fraud 1 one", "acme/fraud 2 two", "acme/fraud  one"]


async def test_a_first_version_that_cannot_be_loaded_serves_nothing(
    tmp_path: Path,
) -> None:
    world = symlinks(tmp_path, on_switch="false")
    driver = world.make()
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert why.fault is Fault.LOAD_FAILED
    await assert_serves(world, driver, wants(None))


async def test_a_command_that_is_not_there_is_the_platforms_fault(
    tmp_path: Path,
) -> None:
    world = symlinks(tmp_path, on_switch="/nowhere/reload")
    driver = world.make()
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert why.fault is Fault.DRIVER_ERROR
    await assert_serves(world, driver, wants(None))


async def test_a_command_that_hangs_is_ended_with_all_its_children(
    tmp_path: Path,
) -> None:
    command = script(tmp_path, "sleep 600 & echo $! >$LOG; echo waiting; wait")
    world = symlinks(tmp_path, on_switch=command, deadline="0.3s")
    driver = world.make()
    why = await refused(world, driver, wants(await world.variant(b"one", 1)))
    assert (why.fault, why.is_passing) == (Fault.DRIVER_TIMEOUT, False)
    assert why.detail.endswith("not done after 0.3 s waiting")
    await assert_serves(world, driver, wants(None))
    await until(lambda: not is_alive(int(log(tmp_path)[0])))


async def test_the_server_is_told_only_of_what_changed(tmp_path: Path) -> None:
    world = symlinks(tmp_path, on_switch=script(tmp_path, "echo told >>$LOG"))
    driver, one = world.make(), await world.variant(b"one", 1)
    for revision in (1, 2, 3):
        await apply(world, driver, wants(one, revision=revision))
    assert log(tmp_path) == ["told"]
    (home(tmp_path) / "current" / "model.bin").write_bytes(b"0ne")
    await apply(world, driver, wants(one, revision=3))
    assert log(tmp_path) == ["told", "told"]


async def test_a_killed_switch_counts_only_when_the_server_was_told(
    tmp_path: Path,
) -> None:
    """A kill -9 in the middle of `on_switch`: the link was moved, nobody answered."""
    once = symlinks(tmp_path)
    one, two = await once.variant(b"one", 1), await once.variant(b"two", 2)
    await apply(once, once.make(), wants(one))
    command = script(tmp_path, "kill -9 $PPID")
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), command, two.model_dump_json()
    )
    assert await killed.wait() == -signal.SIGKILL
    assert link_of(home(tmp_path)) == {two.digest: 100}
    no = symlinks(tmp_path, on_switch="false")
    assert (await no.make().observe(PLACE)).equals(wants(one))
    # The new one is refused now, and what was served before the kill is back.
    assert (await refused(no, no.make(), wants(two))).fault is Fault.LOAD_FAILED
    assert link_of(home(tmp_path)) == {one.digest: 100}
    yes = symlinks(tmp_path, on_switch="true")
    await apply(yes, yes.make(), wants(two, revision=2))
    await assert_serves(yes, yes.make(), wants(two))


KILLED = """
import asyncio, sys
from pathlib import Path
from rollbook.catalogue.lane import Variant
from tests.events.agent.driver_contract import apply, wants
from tests.events.agent.symlinks import symlinks
world = symlinks(Path(sys.argv[1]), on_switch=sys.argv[2])
two = Variant.model_validate_json(sys.argv[3])
asyncio.run(apply(world, world.make(), wants(two, revision=2)))
"""


async def test_a_signal_reaches_the_server(tmp_path: Path) -> None:
    server = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'trap "echo again; exit" HUP; echo ready; sleep 600 & wait'),
        stdout=asyncio.subprocess.PIPE,
        process_group=0,
    )
    assert server.stdout is not None
    try:
        assert await server.stdout.readline() == b"ready\n"
        (tmp_path / "pid").write_text(f"{server.pid}\n")
        world = symlinks(tmp_path, signal="HUP", pid_file=tmp_path / "pid")
        await apply(world, world.make(), wants(await world.variant(b"one", 1)))
        assert await server.stdout.readline() == b"again\n"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        await server.communicate()
    # It is gone: the next version is found by whoever starts it again.
    two = wants(await world.variant(b"two", 2), revision=2)
    await apply(world, world.make(), two)
    await assert_serves(world, world.make(), two)


@pytest.mark.parametrize("text", ["", "abc", "-1", "0", "1"])
async def test_a_pid_file_without_a_process_signals_nobody(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "pid").write_text(text)
    world = symlinks(tmp_path, signal="HUP", pid_file=str(tmp_path / "pid"))
    why = await refused(world, world.make(), wants(await world.variant(b"one", 1)))
    assert why.fault is Fault.DRIVER_ERROR


async def test_a_refused_split_brings_routes_and_link_back(tmp_path: Path) -> None:
    command = script(tmp_path, 'grep -q canary "$ROLLBOOK_ROUTES" && exit 1; exit 0')
    world = symlinks(tmp_path, routes=True, on_switch=command)
    one, two = await world.variant(b"one", 1), await world.variant(b"two", 2)
    await apply(world, world.make(), wants(one))
    before = (home(tmp_path) / "routes.json").read_text()
    why = await refused(world, world.make(), wants(split(one, two, 90), revision=2))
    assert why.fault is Fault.LOAD_FAILED
    assert (home(tmp_path) / "routes.json").read_text() == before
    await assert_serves(world, world.make(), wants(one))


async def test_a_server_that_is_not_well_is_seen(tmp_path: Path) -> None:
    with artifact_server() as server:
        world = symlinks(tmp_path, url=f"{server.url}/health")
        driver = world.make()
        assert Capability.HEALTH in driver.capabilities
        assert await driver.health(PLACE) is Health.UNKNOWN
        await apply(world, driver, wants(await world.variant(b"one", 1)))
        found = []
        for status in (200, 204, 302, 404, 503):
            server.pages["/health"] = Page(status=status)
            found.append(await driver.health(PLACE))
        assert found == [Health.GOOD] * 2 + [Health.BAD] * 3
    assert await driver.health(PLACE) is Health.BAD
