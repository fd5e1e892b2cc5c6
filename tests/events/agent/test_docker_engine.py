"""Is docker called as it wants to be called, and understood when it refuses?"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from rollbook.agent.artifacts.store import Store
from rollbook.agent.driver import (
    AgentContext,
    Fault,
    Health,
    Observed,
    Setup,
    Unapplied,
)
from rollbook.agent.drivers.docker import DockerDriver
from rollbook.agent.drivers.docker.engine import Engine
from rollbook.catalogue.lane import Variant
from rollbook.errors import Misconfigured
from rollbook.names import Digest, Version
from tests.events.agent.driver_contract import PLACE, split, wants
from tests.support.docker_site import IMAGE, Site, image

ALONE = {"network": None, "network_alias": None}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def applied(site: Site, driver: DockerDriver, wanted: Any) -> list[str]:
    store = Store(site.folder / "cache")
    context = AgentContext(is_stopping=lambda: False, fetch=store.bring)
    plan = driver.plan(wanted, await driver.observe(PLACE))
    return [step.word async for step in driver.apply(plan, context)]


def described(digest: str, uri: str) -> Variant:
    return Variant(version=Version(1), digest=Digest(digest), size_bytes=3, uri=uri)


async def test_a_container_says_whose_it_is_and_is_told_what_it_serves(
    site: Site,
) -> None:
    one = await site.publish(b"one", 7)
    driver = site.driver(arguments=["--env=THREADS=4"], command=["serve", "--fast"])
    await applied(site, driver, wants(one))
    with site.state() as state:
        [container] = state["containers"].values()
    hexadecimal = one.digest.removeprefix("oci-sha256:")
    assert container["Name"] == (
        f"/rollbook.production.main.acme.fraud.{hexadecimal[:12]}"
    )
    assert container["Config"] == {
        "Image": f"{IMAGE}@sha256:{hexadecimal}",
        "Labels": {
            "rollbook.stage": "production",
            "rollbook.target": "main",
            "rollbook.model": "acme/fraud",
            "rollbook.version": "7",
            "rollbook.digest": one.digest,
        },
        "Env": [
            "ROLLBOOK_STAGE=production",
            "ROLLBOOK_TARGET=main",
            "ROLLBOOK_MODEL=acme/fraud",
            "ROLLBOOK_VERSION=7",
            f"ROLLBOOK_DIGEST={one.digest}",
            "THREADS=4",
        ],
        "Cmd": ["serve", "--fast"],
    }


async def test_an_image_that_is_here_is_not_fetched_again(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    for revision, each in enumerate((one, two, one), start=1):
        await applied(site, site.driver(), wants(each, revision=revision))
    pulled = [call[-1] for call in site.calls() if call[0] == "pull"]
    assert pulled == [image(one), image(two)]


@pytest.mark.parametrize(
    "uri",
    [
        "docker://registry:5000/a/b@sha256:{hex}",
        "oci://registry:5000/a/b:v1",
        "registry:5000/a/b:v1@sha256:{hex}",
        "registry:5000/a/b",
    ],
)
def test_the_image_is_named_by_the_digest_however_it_is_spelled(
    site: Site, uri: str
) -> None:
    digest = "ab" * 32
    wanted = wants(described(f"oci-sha256:{digest}", uri.format(hex=digest)))
    first, *_ = site.driver().plan(wanted, Observed()).lines
    assert first == f"start registry:5000/a/b@sha256:{digest} beside it"


@pytest.mark.parametrize(
    ("digest", "uri", "fault"),
    [
        (f"sha256:{'ab' * 32}", "s3://models/one", Fault.UNSUPPORTED),
        (
            f"oci-sha256:{'ab' * 32}",
            f"docker://a/b@sha256:{'cd' * 32}",
            Fault.DIGEST_MISMATCH,
        ),
    ],
)
def test_what_is_not_the_versions_image_is_refused_at_once(
    site: Site, digest: str, uri: str, fault: Fault
) -> None:
    with pytest.raises(Unapplied) as why:
        site.driver().plan(wants(described(digest, uri)), Observed())
    assert why.value.fault is fault


async def test_weights_are_refused(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    with pytest.raises(Unapplied) as why:
        site.driver().plan(wants(split(one, two)), Observed())
    assert why.value.fault is Fault.UNSUPPORTED


async def test_a_plan_says_each_step(site: Site) -> None:
    one = await site.publish(b"one", 1)
    driver, serving = site.driver(), Observed({one.digest: 100})
    assert driver.plan(wants(one), Observed()).lines == (
        f"start {image(one)} beside it",
        "switch to it when it is well",
        "stop what runs",
    )
    assert driver.plan(wants(None), serving).lines == ("stop what runs",)


@pytest.mark.parametrize(
    ("refusal", "fault", "is_passing"),
    [
        ("unauthorized: authentication required", Fault.PERMISSION_DENIED, False),
        (
            "pull access denied for a/b, repository does not exist or may require "
            "'docker login': denied: requested access to the resource is denied",
            Fault.PERMISSION_DENIED,
            False,
        ),
        ("write /layer.tar: no space left on device", Fault.NO_CAPACITY, False),
        ("Head: net/http: TLS handshake timeout", Fault.ARTIFACT_UNREACHABLE, True),
        (
            "unexpected commit digest sha256:1, expected sha256:2: failed precondition",
            Fault.DIGEST_MISMATCH,
            False,
        ),
    ],
)
async def test_each_refusal_to_fetch_says_whose_fault_it_is(
    site: Site, refusal: str, fault: Fault, is_passing: bool
) -> None:
    one = await site.publish(b"one", 1, refusal=refusal)
    with pytest.raises(Unapplied) as why:
        await applied(site, site.driver(), wants(one))
    assert (why.value.fault, why.value.is_passing) == (fault, is_passing)
    assert refusal[-40:] in why.value.detail


async def test_an_image_that_nobody_pushed_is_unreachable(site: Site) -> None:
    gone = described(f"oci-sha256:{'ab' * 32}", IMAGE)
    with pytest.raises(Unapplied) as why:
        await applied(site, site.driver(), wants(gone))
    assert why.value.fault is Fault.ARTIFACT_UNREACHABLE
    assert not why.value.is_passing


async def test_a_name_that_somebody_has_taken_is_the_platforms_fault(
    site: Site,
) -> None:
    one = await site.publish(b"one", 1)
    driver = site.driver()
    await applied(site, driver, wants(one))
    with site.state() as state:
        [theirs] = state["containers"].values()
        theirs["Config"]["Labels"] = {}
        theirs["Name"] += ".next"
    with pytest.raises(Unapplied, match="already in use") as why:
        await applied(site, driver, wants(one))
    assert why.value.fault is Fault.DRIVER_ERROR


async def test_an_engine_that_is_away_may_come_back(site: Site) -> None:
    with site.state() as state:
        state["is_down"] = True
    with pytest.raises(Unapplied, match="Cannot connect") as why:
        await site.driver().observe(PLACE)
    assert (why.value.fault, why.value.is_passing) == (Fault.DRIVER_ERROR, True)


async def test_a_program_that_is_not_there_is_named(site: Site) -> None:
    with pytest.raises(Unapplied, match="/nowhere/docker") as why:
        await site.driver(program="/nowhere/docker").observe(PLACE)
    assert why.value.fault is Fault.DRIVER_ERROR


async def test_a_proxy_is_switched_with_the_new_containers_port(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    log, script = site.folder / "log", site.folder / "switch"
    script.write_text(
        f'#!/bin/sh\necho "$1 $ROLLBOOK_VERSION $ROLLBOOK_PORT" >>{log}\n'
        '[ "$ROLLBOOK_VERSION" != 2 ] || { echo no upstream >&2; exit 3; }\n'
    )
    script.chmod(0o755)
    with site.state() as state:
        state["ports"] = [4001, 4002]
    driver = site.driver(switch=[str(script), "go"], container_port=8080, **ALONE)
    await applied(site, driver, wants(one))
    with pytest.raises(Unapplied, match="exit 3 no upstream") as why:
        await applied(site, driver, wants(two, revision=2))
    assert why.value.fault is Fault.DRIVER_ERROR
    assert log.read_text().splitlines() == ["go 1 4001", "go 2 4002", "go 1 4001"]
    assert (await driver.observe(PLACE)).runs == {one.digest: 100}
    assert len(site.containers()) == 1


async def test_without_a_switch_whoever_reads_the_labels_finds_it(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    driver = site.driver(**ALONE)
    for revision, each in enumerate((one, two), start=1):
        await applied(site, driver, wants(each, revision=revision))
    assert (await driver.observe(PLACE)).runs == {two.digest: 100}
    assert not [call for call in site.calls() if call[0] == "network"]


@pytest_asyncio.fixture(loop_scope="session")
async def server() -> AsyncIterator[tuple[int, list[str]]]:
    """Answer what `says` holds, at its port."""
    says = ["503 Busy", "200 OK"]

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        status = says.pop(0) if len(says) > 1 else says[0]
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()
        await writer.wait_closed()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1], says
    listening.close()
    await listening.wait_closed()


async def test_an_address_can_say_how_a_container_does(
    site: Site, server: tuple[int, list[str]]
) -> None:
    port, says = server
    one = await site.publish(b"one", 1, has_check=False)
    with site.state() as state:
        state["ports"] = [port, port]
    asked = {"container_port": 8080, "health_url": "http://127.0.0.1:{port}/"}
    driver = site.driver(**asked)
    await applied(site, driver, wants(one))
    assert await driver.health(PLACE) is Health.GOOD
    says[:] = ["500 No"]
    assert await driver.health(PLACE) is Health.BAD
    two = await site.publish(b"two", 2, has_check=False)
    late = site.driver(health_seconds=0.1, **asked)
    with pytest.raises(Unapplied) as why:
        await applied(site, late, wants(two, revision=2))
    assert why.value.fault is Fault.HEALTH_FAILED
    assert await site.served(PLACE) == {one.digest: 100}


async def test_an_address_counts_beside_the_images_own_check(
    site: Site, server: tuple[int, list[str]]
) -> None:
    port, says = server
    driver = site.driver(health_url=f"http://127.0.0.1:{port}/")
    await applied(site, driver, wants(await site.publish(b"one", 1)))
    assert await driver.health(PLACE) is Health.GOOD
    says[:] = ["500 No"]
    assert await driver.health(PLACE) is Health.BAD


async def test_a_container_that_is_gone_meanwhile_is_left_out(site: Site) -> None:
    await applied(site, site.driver(), wants(await site.publish(b"one", 1)))
    engine = Engine(str(site.program), lambda: False)
    [name] = site.containers()
    assert [each.name for each in await engine.look("nobody", name)] == [name]
    assert await engine.look("nobody") == []


async def test_health_is_what_the_images_check_says(site: Site) -> None:
    driver = site.driver()
    await applied(site, driver, wants(await site.publish(b"one", 1)))
    for said, health in (
        ("healthy", Health.GOOD),
        ("starting", Health.UNKNOWN),
        ("unhealthy", Health.BAD),
    ):
        with site.state() as state:
            [container] = state["containers"].values()
            container["State"]["Health"] |= {"Status": said, "looks": -9}
        assert await driver.health(PLACE) is health


@pytest.mark.skipif(shutil.which("docker") is None, reason="no docker client here")
async def test_the_real_client_takes_every_command(site: Site) -> None:
    one, two = await site.publish(b"one", 1), await site.publish(b"two", 2)
    with site.state() as state:
        state["ports"] = [4001, 4002]
    driver = site.driver(container_port=8080)
    for revision, each in enumerate((one, two), start=1):
        await applied(site, driver, wants(each, revision=revision))
    await site.change(one, crashes=True)
    with pytest.raises(Unapplied):
        await applied(site, driver, wants(one, revision=3))
    shapes = {
        " ".join(each.split("=")[0] for each in call[:2]): call for call in site.calls()
    }
    assert len(shapes) >= 10
    for call in shapes.values():
        said = said_without_an_engine(call)
        assert "Cannot connect to the Docker daemon" in said, call
        assert "deprecated" not in said, call


def said_without_an_engine(call: list[str]) -> str:
    """Let the real client understand a command, which is all it can do here."""
    ended = subprocess.run(
        ["docker", *call],
        env={"PATH": os.environ["PATH"], "DOCKER_HOST": "tcp://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"network": "models"}, "network_alias"),
        ({"health_url": "http://127.0.0.1:{port}/"}, "container_port"),
        ({"health_url": "127.0.0.1"}, "pattern"),
        ({"network": "models", "network_alias": "{digest}"}, "is unknown"),
        ({"imgae": "x"}, "Extra"),
    ],
)
def test_options_that_make_no_sense_are_named(
    tmp_path: Path, options: dict[str, str], said: str
) -> None:
    with pytest.raises(Misconfigured, match=said) as why:
        DockerDriver(Setup("production", "main", tmp_path, options))
    assert why.value.setting.startswith("driver")
