"""What if something else runs than was applied?"""

import asyncio

import pytest

from rollbook.agent.desired import Desired
from rollbook.agent.drift import off, seen
from rollbook.agent.driver import Observed
from rollbook.agent.wanted import wanted
from rollbook.catalogue.lane import DriftPolicy, Traffic, Variant
from rollbook.names import Digest, Version
from tests.support.agents import (
    PLACE,
    STAGE,
    EdgeSite,
    Said,
    desired_set,
    running,
    sha256_of,
    until,
)
from tests.support.files_driver import FilesDriver

APPLIED: tuple[Said, ...] = (("acknowledged", 1, None), ("applied", 1, None))
DRIFTED, CONVERGED = ("drifted", 1, None), ("converged", 1, None)
OFTEN = 0.1
LEFT_ALONE = [DriftPolicy.ALERT, DriftPolicy.REQUIRE_ACCEPTANCE]
ONE, TWO, OTHER = (sha256_of(name) for name in (b"one", b"two", b"other"))


def foreign(site: EdgeSite, files: FilesDriver) -> Digest:
    """Serve, as a person might in an incident, what nobody desired."""
    digest = sha256_of(b"by hand")
    serving = files.root / "acme.fraud" / "serving"
    serving.mkdir(parents=True, exist_ok=True)
    (serving / digest.replace(":", "-")).write_bytes(b"by hand")
    files.serve(PLACE, {digest: 100})
    return digest


@pytest.mark.parametrize("policy", LEFT_ALONE)
async def test_it_is_told_once_and_left_alone(
    site: EdgeSite, files: FilesDriver, policy: DriftPolicy
) -> None:
    await site.desire(desired_set(site.artifact(b"one"), drift=policy))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        digest = foreign(site, files)
        await site.until_said(*APPLIED, DRIFTED)
        assert site.reports()[-1].report.observed == {"other": digest}
        await looked_at(files)
        assert site.said() == [*APPLIED, DRIFTED]
    assert files.tries == 1
    async with running(site.settings(resync=OFTEN), files):  # nor after a restart
        await looked_at(files)
    assert site.said() == [*APPLIED, DRIFTED]


async def test_it_is_told_again_when_something_else_is_seen(
    site: EdgeSite, files: FilesDriver
) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        foreign(site, files)
        await site.until_said(*APPLIED, DRIFTED)
        files.serve(PLACE, {})
        await site.until_said(*APPLIED, DRIFTED, DRIFTED)
    assert site.reports()[-1].report.observed == {}


async def test_what_is_as_desired_again_is_told_too(
    site: EdgeSite, files: FilesDriver
) -> None:
    desired = site.artifact(b"one")
    await site.desire(desired_set(desired))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        foreign(site, files)
        await site.until_said(*APPLIED, DRIFTED)
        files.serve(PLACE, {desired.digest: 100})
        await site.until_said(*APPLIED, DRIFTED, CONVERGED)
    assert files.tries == 1


async def test_it_is_mended_where_that_is_the_policy(
    site: EdgeSite, files: FilesDriver
) -> None:
    desired = site.artifact(b"one")
    await site.desire(desired_set(desired, drift=DriftPolicy.CORRECT))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        digest = foreign(site, files)
        await site.until_said(*APPLIED, DRIFTED, CONVERGED)
    assert files.served[-1] == {desired.digest: 100}
    drifted, converged = site.reports()[-2:]
    assert drifted.report.observed == {"other": digest}
    assert converged.report.observed == {"stable": desired.digest}


async def test_what_cannot_be_mended_now_is_mended_later(
    site: EdgeSite, files: FilesDriver
) -> None:
    await site.desire(desired_set(site.artifact(b"one"), drift=DriftPolicy.CORRECT))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        files.behave("unloadable")
        foreign(site, files)
        await until(lambda: files.tries > 3)
        assert site.said() == [*APPLIED, DRIFTED]
        files.behave("")
        await site.until_said(*APPLIED, DRIFTED, CONVERGED)


async def test_another_share_than_desired_has_drifted(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, canary = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable, canary=(canary, 25)))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        files.serve(PLACE, {stable.digest: 10, canary.digest: 90})
        await site.until_said(*APPLIED, DRIFTED)


async def test_a_newer_document_is_applied_over_it(
    site: EdgeSite, files: FilesDriver
) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        foreign(site, files)
        await site.until_said(*APPLIED, DRIFTED)
        await site.desire(desired_set(site.artifact(b"two", 2), revision=2))
        await site.until(lambda: site.said()[-1] == ("applied", 2, None))
        await looked_at(files)
    assert site.said()[-1] == ("applied", 2, None)


async def test_nobody_can_tell_is_no_drift(site: EdgeSite, files: FilesDriver) -> None:
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        files.behave("blind")
        await looked_at(files)
    assert site.said() == [*APPLIED]


async def looked_at(files: FilesDriver, times: int = 4) -> None:
    looks = files.looks.total()
    async with asyncio.timeout(10):
        await until(lambda: files.looks.total() >= looks + times)


def version(number: int, digest: Digest) -> Variant:
    return Variant(version=Version(number), digest=digest, size_bytes=3, uri="/one")


OWN = Desired("own", PLACE, desired_set(version(1, ONE)), 1)
SIDE = Desired(
    "side",
    PLACE,
    desired_set(
        version(2, TWO),
        stage="experiments",
        beside=STAGE,
        traffic=Traffic.SHARE,
        share=10,
    ),
    2,
)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ({ONE: 90, TWO: 10}, []),
        ({ONE: None, TWO: None}, []),
        ({ONE: 100}, [OWN, SIDE]),
        ({ONE: None}, [SIDE]),
        ({ONE: 90}, [SIDE]),
        ({TWO: 10}, [OWN]),
        ({}, [OWN, SIDE]),
        ({ONE: 90, TWO: 10, OTHER: 0}, [OWN]),
        ({OTHER: 100}, [OWN, SIDE]),
    ],
)
def test_each_lane_answers_for_its_own_part(
    runs: dict[Digest, int | None], expected: list[Desired]
) -> None:
    found = off([OWN, SIDE], wanted(OWN, [SIDE]), Observed(runs))
    assert found == expected


def test_what_is_seen_is_spelled_alike_whatever_the_order() -> None:
    assert seen(Observed({ONE: 90, TWO: 10})) == seen(Observed({TWO: 10, ONE: 90}))
    assert seen(Observed({ONE: 90})) != seen(Observed({ONE: 100}))
    assert seen(Observed()) == "nothing"
