"""What if a driver hangs, crashes or lies, or its model does not work?"""

import pytest

from rollbook.catalogue.lane import Variant
from tests.support.agents import EdgeSite, Said, desired_set, running, until
from tests.support.files_driver import FilesDriver

APPLIED = (("acknowledged", 1, None), ("applied", 1, None))
BEGUN = ("acknowledged", 2, None)
# A resync never comes within a test, unless it asks for it.
NEVER = 3600.0
OFTEN = 0.1


@pytest.fixture
async def first(site: EdgeSite) -> Variant:
    """Have a version desired that works."""
    stable = site.artifact(b"one")
    await site.desire(desired_set(stable))
    return stable


async def second(site: EdgeSite, revision: int = 2) -> Variant:
    desired = site.artifact(b"two", 2)
    await site.desire(desired_set(desired, revision=revision))
    return desired


@pytest.mark.parametrize(
    ("word", "code", "tries"),
    [
        ("crash", "driver_error", 1),
        ("cancel", "driver_error", 1),
        ("lie", "digest_mismatch", 1),
        ("unloadable", "load_failed", 1),
        ("bad", "health_failed", 1),
        ("full", "no_capacity", 3),
    ],
)
async def test_it_is_reported_for_what_it_is(
    site: EdgeSite,
    files: FilesDriver,
    first: Variant,
    word: str,
    code: str,
    tries: int,
) -> None:
    settings = site.settings(retry={"first_pause": 0.02, "tries": 3}, resync=NEVER)
    async with running(settings, files):
        await site.until_said(*APPLIED)
        files.behave(word)
        before = files.tries
        desired = await second(site)
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, code))
    assert files.tries - before == tries
    runs = desired.digest if word == "bad" else first.digest
    assert [*site.reports()[-1].report.observed.values()] == [runs]


async def test_one_that_hangs_is_given_up_and_closed(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    settings = site.settings(apply_deadline=0.5, retry={"tries": 1}, resync=NEVER)
    async with running(settings, files):
        await site.until_said(*APPLIED)
        files.behave("hang")
        await second(site)
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, "driver_timeout"))
        assert files.running == 0
        files.behave("")
        await site.desire(desired_set(first, revision=3))
        await site.until(lambda: site.said()[-1] == ("applied", 3, None))


async def test_what_one_cannot_do_is_not_even_begun(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
        files.behave("unsupported")
        await second(site)
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, "unsupported_strategy"))
    assert files.tries == 1


async def test_one_that_sees_nothing_still_applies_once_it_sees(
    site: EdgeSite, files: FilesDriver
) -> None:
    files.behave("blind")
    settings = site.settings(retry={"first_pause": 0.05, "tries": 100}, resync=NEVER)
    async with running(settings, files):
        await site.desire(desired_set(site.artifact(b"one")))
        await until(lambda: files.tries > 1)
        assert site.said() == [APPLIED[0]]
        files.behave("")
        await site.until_said(*APPLIED)


async def test_where_nothing_is_left_what_was_served_is_served_again(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    async with running(site.settings(resync=NEVER), files):
        await site.until_said(*APPLIED)
        files.behave("gone")
        await second(site)
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, "load_failed"))
    assert files.served[-1] == {first.digest: 100}
    assert [*site.reports()[-1].report.observed.values()] == [first.digest]


async def test_after_a_restart_it_goes_back_to_what_the_document_names(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    files.behave("gone")
    desired = desired_set(site.artifact(b"two", 2), revision=2, previous=first)
    await site.desire(desired)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, "load_failed"))
    assert files.served[-1] == {first.digest: 100}


async def test_it_never_goes_back_to_what_did_not_run(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    files.behave("gone")
    never = site.artifact(b"never", 9)
    desired = desired_set(site.artifact(b"two", 2), revision=2, previous=never)
    await site.desire(desired)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED, BEGUN, ("unapplied", 2, "load_failed"))
    assert files.served == [{first.digest: 100}]
    assert site.reports()[-1].report.observed == {}


async def test_what_may_pass_is_tried_until_it_has_passed(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    settings = site.settings(retry={"first_pause": 0.02, "tries": 100}, resync=NEVER)
    async with running(settings, files):
        await site.until_said(*APPLIED)
        files.behave("full")
        await second(site)
        await until(lambda: files.tries > 3)
        assert site.said() == [*APPLIED, BEGUN]
        files.behave("")
        await site.until_said(*APPLIED, BEGUN, ("applied", 2, None))


async def test_a_newer_document_ends_the_waiting_for_another_try(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    settings = site.settings(retry={"first_pause": 3600, "within": 7200}, resync=NEVER)
    async with running(settings, files):
        await site.until_said(*APPLIED)
        files.behave("full")
        await second(site)
        await site.until_said(*APPLIED, BEGUN)
        await until(lambda: files.closed == 2)
        files.behave("")
        await site.desire(desired_set(first, revision=3))
        await site.until_said(
            *APPLIED, BEGUN, ("acknowledged", 3, None), ("applied", 3, None)
        )


@pytest.mark.parametrize("word", ["full", "crash"])
async def test_the_platforms_fault_is_tried_again_at_each_resync(
    site: EdgeSite, files: FilesDriver, first: Variant, word: str
) -> None:
    async with running(site.settings(retry={"tries": 1}, resync=OFTEN), files):
        await site.until_said(*APPLIED)
        files.behave(word)
        await second(site)
        await site.until(lambda: site.said()[-1][0] == "unapplied")
        tries = files.tries
        await until(lambda: files.tries > tries + 1)
        assert len(site.said()) == 4  # it is said once
        files.behave("")
        await site.until(lambda: site.said()[-1] == ("applied", 2, None))


@pytest.mark.parametrize("word", ["lie", "unloadable", "bad"])
async def test_the_versions_fault_waits_for_a_newer_document(
    site: EdgeSite, files: FilesDriver, first: Variant, word: str
) -> None:
    async with running(site.settings(resync=OFTEN), files):
        await site.until_said(*APPLIED)
        files.behave(word)
        await second(site)
        await site.until(lambda: site.said()[-1][0] == "unapplied")
        files.behave("")
        tries = files.tries
        await resyncs(site, files)
        assert files.tries == tries + 1  # of the second model
        await site.desire(desired_set(site.artifact(b"two", 2), revision=3))
        await site.until(lambda: site.said()[-1] == ("applied", 3, None))


async def test_the_versions_fault_is_not_tried_again_after_a_restart(
    site: EdgeSite, files: FilesDriver, first: Variant
) -> None:
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
        files.behave("unloadable")
        await second(site)
        await site.until(lambda: site.said()[-1][0] == "unapplied")
    files.behave("")
    tries = files.tries
    async with running(site.settings(resync=OFTEN), files):
        await resyncs(site, files)
    assert files.tries == tries + 1  # of the second model
    said: list[Said] = [*APPLIED, BEGUN, ("unapplied", 2, "load_failed")]
    assert site.said()[:4] == said
    assert {each.model for each in site.reports()[4:]} == {"acme/other"}


async def resyncs(site: EdgeSite, files: FilesDriver, times: int = 4) -> None:
    """Wait until everything was looked at so often, as a second model shows."""
    event = desired_set(site.artifact(b"other"))
    await site.desire(event, model="acme/other")
    await until(lambda: "acme/other" in files.looks)
    looks = files.looks["acme/other"]
    await until(lambda: files.looks["acme/other"] >= looks + times)
