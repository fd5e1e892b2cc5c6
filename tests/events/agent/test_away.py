"""What if NATS cannot be reached, or the agent's own memory be written?"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
import pytest_asyncio

from rollbook.agent.config import Address
from rollbook.agent.settings import Settings
from tests.events.agent.test_health import get
from tests.events.agent.test_lease import until_told
from tests.support.agents import (
    PLACE,
    EdgeSite,
    Said,
    desired_set,
    running,
    until,
)
from tests.support.cable import Cable, cable
from tests.support.files_driver import FilesDriver

APPLIED: tuple[Said, ...] = (("acknowledged", 1, None), ("applied", 1, None))
APPLIED_2: tuple[Said, ...] = (("acknowledged", 2, None), ("applied", 2, None))


@pytest_asyncio.fixture(loop_scope="session")
async def line(site: EdgeSite) -> AsyncIterator[Cable]:
    async with cable(site.nats.url) as laid:
        yield laid


def through(line: Cable, site: EdgeSite, **said: Any) -> Settings:
    return replace(site.settings(**said), nats_url=line.url)


async def test_it_starts_without_nats_and_goes_on_with_it(
    site: EdgeSite,
    files: FilesDriver,
    line: Cable,
    unused_port: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    line.cut()
    at = Address("127.0.0.1", unused_port)
    async with running(through(line, site, listen=f":{unused_port}"), files):
        await until_told(capsys, "away")
        answer = await get(at, "/healthz")
        assert answer.status_code == 200
        said = orjson.loads(answer.content)
        assert (said["is_connected"], said["lease"]) == (False, "away")
        await line.plug()
        await site.until_said(*APPLIED)


async def test_while_the_line_is_cut_it_keeps_serving_and_touches_nothing(
    site: EdgeSite,
    files: FilesDriver,
    line: Cable,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site.renew_seconds = 1.0
    first = site.artifact(b"one")
    await site.desire(desired_set(first))
    async with running(through(line, site, resync=0.1), files):
        await site.until_said(*APPLIED)
        line.cut()
        await site.desire(desired_set(site.artifact(b"two", 2), revision=2))
        told = await until_told(capsys, "away")
        files.serve(PLACE, {first.digest: 50})  # somebody helps himself meanwhile
        assert files.tries == 1
        await line.plug()
        await site.until_said(*APPLIED, *APPLIED_2)
        told += await until_told(capsys, "back")
    assert told.count("away ") == 1


async def test_what_was_applied_while_the_line_was_cut_is_told_after(
    site: EdgeSite, files: FilesDriver, line: Cable
) -> None:
    files.behave("hang")
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(through(line, site), files):
        await files.hung.wait()
        await site.until_said(APPLIED[0])
        line.cut()
        files.release.set()
        await until(lambda: len(files.served) == 1)
        assert site.said() == [APPLIED[0]]
        await line.plug()
        await site.until_said(*APPLIED)


async def test_nothing_is_begun_that_cannot_be_remembered(
    site: EdgeSite, files: FilesDriver, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = site.settings()
    memory = settings.config.state_file.parent
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(settings, files):
        await site.until_said(*APPLIED)
        memory.rename(memory.with_name("gone"))
        await site.desire(desired_set(site.artifact(b"two", 2), revision=2))
        await until_told(capsys, "unsaved")
        assert files.tries == 1
        memory.with_name("gone").rename(memory)
        await site.until_said(*APPLIED, *APPLIED_2)
