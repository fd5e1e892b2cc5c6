"""Does the link always lead to verified bytes?"""

from dataclasses import replace
from pathlib import Path

import pytest

from rollbook.agent.driver import DriverOptions, Fault, Health, Observed, Unapplied
from rollbook.agent.drivers.symlink import SymlinkDriver
from rollbook.names import ModelName
from tests.events.agent.driver_contract import (
    PLACE,
    DriverContract,
    apply,
    desired,
)
from tests.support.agents import TARGET, artifact, desired_set, variant


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "served"


@pytest.fixture
def driver(root: Path) -> SymlinkDriver:
    return SymlinkDriver(DriverOptions(root=root))


class TestSymlink(DriverContract):
    """The promises of every driver."""


async def test_the_link_leads_to_the_digest(
    driver: SymlinkDriver, root: Path, tmp_path: Path
) -> None:
    served = variant(artifact(tmp_path, b"one"))
    await apply(driver, desired(served))
    folder = Path("versions") / served.digest.replace(":", "-")
    assert (root / "acme" / "fraud" / "current").readlink() == folder


async def test_a_model_without_a_team_lives_in_default(
    driver: SymlinkDriver, root: Path, tmp_path: Path
) -> None:
    served = variant(artifact(tmp_path, b"one"))
    place = replace(PLACE, model=ModelName("fraud"))
    await apply(driver, replace(desired(served), target=place))
    assert (root / "default" / "fraud" / "current").is_symlink()


async def test_going_back_needs_no_source(
    driver: SymlinkDriver, tmp_path: Path
) -> None:
    file = artifact(tmp_path, b"one")
    first = variant(file)
    await apply(driver, desired(first))
    await apply(driver, desired(variant(artifact(tmp_path, b"two"), 2), 2))
    file.unlink()
    await apply(driver, desired(first, 3))
    assert await driver.observe(PLACE) == Observed(first.digest)


async def test_damaged_bytes_are_seen_and_fetched_again(
    driver: SymlinkDriver, root: Path, tmp_path: Path
) -> None:
    served = variant(artifact(tmp_path, b"one"))
    await apply(driver, desired(served))
    current = root / "acme" / "fraud" / "current" / "model.bin"
    current.write_bytes(b"0ne")
    assert await driver.observe(PLACE) != Observed(served.digest)
    await apply(driver, desired(served))
    assert current.read_bytes() == b"one"


async def test_what_a_kill_left_behind_does_no_harm(
    driver: SymlinkDriver, root: Path, tmp_path: Path
) -> None:
    served = variant(artifact(tmp_path, b"one"))
    versions = root / "acme" / "fraud" / "versions"
    folder = served.digest.replace(":", "-")
    (versions / f".{folder}.fetching").mkdir(parents=True)
    (versions / f".{folder}.fetching" / "model.bin").write_bytes(b"on")
    (versions.parent / ".current.new").symlink_to("nowhere")
    (versions.parent / "current").symlink_to("versions/gone")
    assert await driver.observe(PLACE) == Observed()
    await apply(driver, desired(served))
    assert await driver.observe(PLACE) == Observed(served.digest)
    assert [each.name for each in versions.iterdir()] == [folder]


async def test_a_command_that_says_no_brings_the_former_version_back(
    root: Path, tmp_path: Path
) -> None:
    script = tmp_path / "switch.sh"
    log = tmp_path / "log"
    script.write_text(
        "#!/bin/sh\n"
        f'echo "$ROLLBOOK_MODEL $ROLLBOOK_VERSION $(cat $ROLLBOOK_CURRENT/*)" >>{log}\n'
        'grep -q two "$ROLLBOOK_CURRENT/model.bin" && echo cannot load && exit 3\n'
        "exit 0\n"
    )
    script.chmod(0o755)
    driver = SymlinkDriver(DriverOptions(root=root, on_switch=str(script)))
    first = variant(artifact(tmp_path, b"one"))
    await apply(driver, desired(first))
    with pytest.raises(Unapplied, match="exit 3 cannot load") as refused:
        await apply(driver, desired(variant(artifact(tmp_path, b"two"), 2), 2))
    assert refused.value.fault is Fault.LOAD_FAILED
    assert await driver.observe(PLACE) == Observed(first.digest)
    assert log.read_text().splitlines() == [
        "acme/fraud 1 one",
        "acme/fraud 2 two",
        "acme/fraud 2 one",
    ]


async def test_a_command_that_is_not_there_is_the_platforms_fault(
    root: Path, tmp_path: Path
) -> None:
    driver = SymlinkDriver(DriverOptions(root=root, on_switch="/nowhere/reload"))
    with pytest.raises(Unapplied) as refused:
        await apply(driver, desired(variant(artifact(tmp_path, b"one"))))
    assert refused.value.fault is Fault.DRIVER_ERROR
    assert await driver.observe(PLACE) == Observed()


async def test_shared_traffic_is_refused(driver: SymlinkDriver, tmp_path: Path) -> None:
    one = variant(artifact(tmp_path, b"one"))
    event = desired_set(one).model_copy(
        update={"targets": {TARGET: {"stable": 75, "canary": 25}}}
    )
    wanted = replace(desired(one), event=event)
    with pytest.raises(Unapplied, match="a link is whole"):
        driver.plan(wanted, Observed())


async def test_health_is_good_while_something_is_served(
    driver: SymlinkDriver, tmp_path: Path
) -> None:
    assert await driver.health(PLACE) is Health.UNKNOWN
    await apply(driver, desired(variant(artifact(tmp_path, b"one"))))
    assert await driver.health(PLACE) is Health.GOOD
