"""Do the lanes of one model share a target, and none stand in another's way?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rollbook.catalogue.lane import DesiredSet, DriftPolicy, Traffic, Variant
from rollbook.names import Digest
from tests.events.agent.test_desired import NEWER, newer
from tests.support.agents import STAGE, EdgeSite, desired_set, running, until
from tests.support.files_driver import FilesDriver

BESIDE = "experiments"


@asynccontextmanager
async def agent(site: EdgeSite, files: FilesDriver) -> AsyncIterator[None]:
    async with running(site.settings(), files):
        yield


def begun(revision: int) -> list[tuple[str, int, str | None]]:
    return [("acknowledged", revision, None), ("applied", revision, None)]


async def test_a_canary_gets_its_share(site: EdgeSite, files: FilesDriver) -> None:
    stable, canary = site.artifact(b"one"), site.artifact(b"two", 2)
    async with agent(site, files):
        await site.desire(desired_set(stable))
        await site.until_said(*begun(1))
        await site.desire(desired_set(stable, revision=2, canary=(canary, 25)))
        await site.until_said(*begun(1), *begun(2))
    assert files.served[-1] == {stable.digest: 75, canary.digest: 25}
    assert site.reports()[-1].report.observed == {
        "stable": stable.digest,
        "canary": canary.digest,
    }


async def test_a_challenger_takes_its_share_from_stable(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    async with agent(site, files):
        await site.desire(desired_set(stable))
        await site.until_said(*begun(1))
        await site.desire(beside(other, 10))
        await site.until_said(*begun(1), stage=BESIDE)
    assert files.served[-1] == {stable.digest: 90, other.digest: 10}
    own, side = site.reports("production"), site.reports(BESIDE)
    assert [each.report.observed for each in side] == [{}, {"stable": other.digest}]
    assert len(own) == 2
    assert len({each.report.seq for each in (*own, *side)}) == 4


async def test_a_shadow_gets_copies_and_no_share(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable))
    await site.desire(beside(other, 50, traffic=Traffic.MIRROR))
    async with agent(site, files):
        await site.until_said(*begun(1), stage=BESIDE)
    assert files.served[-1] == {stable.digest: 100, other.digest: 0}


async def test_an_emptied_lane_beside_gives_its_share_back(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable))
    await site.desire(beside(other, 10))
    async with agent(site, files):
        await site.until_said(*begun(1), stage=BESIDE)
        await site.desire(beside(None, 0, revision=2))
        await site.until_said(*begun(1), *begun(2), stage=BESIDE)
    assert files.served[-1] == {stable.digest: 100}


async def test_what_fails_beside_leaves_the_own_lane_alone(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    spoilt = other.model_copy(update={"size_bytes": other.size_bytes + 1})
    await site.desire(desired_set(stable))
    await site.desire(beside(spoilt, 10))
    async with agent(site, files):
        await site.until_said(
            ("acknowledged", 1, None),
            ("unapplied", 1, "digest_mismatch"),
            stage=BESIDE,
        )
        hotfix = site.artifact(b"three", 3)
        await site.desire(desired_set(hotfix, revision=2))
        await site.until_said(*begun(1), *begun(2), stage="production")
    assert files.served[-1] == {hotfix.digest: 100}


async def test_what_failed_beside_is_taken_away_again(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable))
    async with agent(site, files):
        await site.until_said(*begun(1))
        files.behave("bad")
        await site.desire(beside(other, 10))
        failed = ("unapplied", 1, "health_failed")
        await site.until_said(("acknowledged", 1, None), failed, stage=BESIDE)
        await until(lambda: len(files.served) == 3)
    assert files.served[1:] == [
        {stable.digest: 90, other.digest: 10},
        {stable.digest: 100},
    ]


async def test_a_lane_beside_that_nobody_can_read_is_no_drift_after_a_restart(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable, drift=DriftPolicy.CORRECT))
    key = await site.desire(beside(other, 10))
    async with agent(site, files):
        await site.until_said(*begun(1), stage=BESIDE)
    await site.put(key, newer(beside(other, 20, revision=2), NEWER["strategy"]))
    before = len(files.served)
    async with running(site.settings(resync=0.05), files):
        await site.until_leased()
        await site.desire(desired_set(stable), model="acme/other")
        await until(lambda: files.looks["acme/other"] > 4)
    assert files.served[before:] == [{stable.digest: 100}]  # of the other model
    own = [each for each in site.reports(STAGE) if each.model != "acme/other"]
    assert [str(each.state) for each in own] == ["acknowledged", "applied"]


async def test_the_newest_document_wins_between_two_steps(
    site: EdgeSite, files: FilesDriver
) -> None:
    slow, newest = site.artifact(b"one"), site.artifact(b"two", 2)
    files.behave("slow")
    await site.desire(desired_set(slow))
    async with agent(site, files):
        await files.hung.wait()
        await site.desire(desired_set(newest, revision=2))
        await heard(site)
        files.release.set()
        await site.until(lambda: ("applied", 2, None) in site.said())
    assert newest.digest in served(files)
    assert slow.digest not in served(files)


async def test_a_hotfix_goes_on_where_a_challenger_is_in_its_way(
    site: EdgeSite, files: FilesDriver
) -> None:
    """The parent's document comes before that which empties the lane beside."""
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    hotfix = site.artifact(b"three", 3)
    await site.desire(desired_set(stable))
    await site.desire(beside(other, 10))
    async with agent(site, files):
        await site.until_said(*begun(1), stage=BESIDE)
        await site.desire(desired_set(stable, revision=2, canary=(hotfix, 95)))
        await site.until_said(
            *begun(1), ("unapplied", 1, "unsupported_strategy"), stage=BESIDE
        )
        assert files.served[-1] == {stable.digest: 5, hotfix.digest: 95}
        await site.desire(desired_set(hotfix, revision=3))
        await site.until_said(*begun(1), *begun(2), *begun(3), stage="production")
    assert files.served[-1] == {hotfix.digest: 100}


async def test_the_lane_beside_waits_for_the_own_one(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(beside(other, 10))
    async with agent(site, files):
        await site.until_leased()
        assert files.served == []
        await site.desire(desired_set(stable))
        await site.until_said(*begun(1), stage=BESIDE)
    first, last = files.served[0], files.served[-1]
    assert first == {stable.digest: 100}
    assert last == {stable.digest: 90, other.digest: 10}


async def test_a_lane_beside_that_nobody_can_read_keeps_its_share(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable, other = site.artifact(b"one"), site.artifact(b"two", 2)
    await site.desire(desired_set(stable))
    key = await site.desire(beside(other, 10))
    async with running(site.settings(resync=0.1), files):
        await site.until_said(*begun(1), stage=BESIDE)
        await site.put(key, newer(beside(other, 20, revision=2), NEWER["strategy"]))
        unreadable = ("unapplied", 2, "unreadable_document")
        await site.until_said(*begun(1), unreadable, stage=BESIDE)
        hotfix = site.artifact(b"three", 3)
        await site.desire(desired_set(hotfix, revision=2))
        await site.until_said(*begun(1), *begun(2), stage=STAGE)
        assert files.served[-1] == {hotfix.digest: 90, other.digest: 10}
        await site.desire(beside(other, 20, revision=3))
        await site.until_said(*begun(1), unreadable, *begun(3), stage=BESIDE)
    assert files.served[-1] == {hotfix.digest: 80, other.digest: 20}


async def test_weights_that_make_no_sense_change_nothing(
    site: EdgeSite, files: FilesDriver
) -> None:
    stable = site.artifact(b"one")
    async with agent(site, files):
        await site.desire(desired_set(stable))
        await site.until_said(*begun(1))
        await site.desire(desired_set(site.artifact(b"two", 2), revision=2, share=70))
        await site.until_said(
            *begun(1),
            ("acknowledged", 2, None),
            ("unapplied", 2, "unreadable_document"),
        )
    assert served(files) == [stable.digest]


async def test_models_of_one_agent_run_at_once_and_each_one_after_the_other(
    site: EdgeSite, files: FilesDriver
) -> None:
    slow, quick = site.artifact(b"one"), site.artifact(b"two", 2)
    files.behave("hang")
    async with agent(site, files):
        await site.desire(desired_set(slow), model="acme/slow")
        await files.hung.wait()
        files.behave("")
        await site.desire(desired_set(quick))
        await site.until(lambda: ("applied", 1, None) in site.said())
        assert files.most_running == 2
        files.release.set()


def beside(
    served: Variant | None,
    share: int,
    *,
    revision: int = 1,
    traffic: Traffic = Traffic.SHARE,
) -> DesiredSet:
    return desired_set(
        served,
        revision=revision,
        stage=BESIDE,
        beside=STAGE,
        traffic=traffic,
        share=share,
    )


async def heard(site: EdgeSite) -> None:
    """Wait until the agent has heard a wake: another model's comes behind it."""
    event = desired_set(site.artifact(b"other"))
    await site.desire(event, model="acme/other")
    other = "acme/other"
    await site.until(lambda: other in {each.model for each in site.reports()})


def served(files: FilesDriver) -> list[Digest]:
    return [digest for runs in files.served for digest in runs]
