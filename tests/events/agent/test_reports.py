"""Is everything told that happened, once, in order, and whatever is in the way?"""

import asyncio
from collections import Counter

from rollbook.agent.desired import Desired
from rollbook.agent.driver import Observed
from rollbook.agent.reports import by_variant
from rollbook.commands.target import ReportTarget
from rollbook.commands.wire import Done, Problem, Request
from tests.support.agents import (
    PLACE,
    EdgeSite,
    Said,
    desired_set,
    recorded,
    running,
    sha256_of,
    until,
)
from tests.support.files_driver import FilesDriver

APPLIED: tuple[Said, ...] = (("acknowledged", 1, None), ("applied", 1, None))
LATER = Problem(code="unavailable", reason="away", message="later")
ONE, TWO, THREE = (sha256_of(name) for name in (b"one", b"two", b"three"))


async def test_one_model_nobody_answers_for_keeps_no_other_waiting(
    site: EdgeSite, files: FilesDriver
) -> None:
    def only_others(request: Request) -> Done | Problem:
        is_held = getattr(request.command, "model", "") == "acme/held"
        return LATER if is_held else recorded(request, 1)

    site.answer = only_others
    async with running(site.settings(), files):
        await site.desire(desired_set(site.artifact(b"one")), model="acme/held")
        await until(lambda: files.tries == 1)
        await site.desire(desired_set(site.artifact(b"two")))
        answered = [("acme/fraud", state) for state, *_ in APPLIED]
        await site.until(
            lambda: (
                [
                    (each.model, str(each.state))
                    for each in site.reports()
                    if each.model == "acme/fraud"
                ]
                == answered
            )
        )
        site.answer = lambda request: recorded(request, 1)
        await site.until(lambda: len(answered_for(site, "acme/held")) == 2)


async def test_the_acknowledgement_does_not_wait_for_the_apply(
    site: EdgeSite, files: FilesDriver
) -> None:
    files.behave("hang")
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(), files):
        await files.hung.wait()
        await site.until_said(APPLIED[0])
        files.release.set()
        await site.until_said(*APPLIED)


async def test_the_apply_does_not_wait_for_the_acknowledgement(
    site: EdgeSite, files: FilesDriver
) -> None:
    site.answer = lambda request: None
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(), files):
        await until(lambda: len(files.served) == 1)
        site.answer = lambda request: recorded(request, 1)


async def test_a_killed_agent_tells_what_it_had_not_told(
    site: EdgeSite, files: FilesDriver
) -> None:
    sent: Counter[str] = Counter()

    def nobody(request: Request) -> Done | None:
        sent[request.id] += 1
        return None

    site.answer = nobody
    await site.desire(desired_set(site.artifact(b"one")))
    async with running(site.settings(), files) as agent:
        await until(lambda: len(files.served) == 1)
        agent.cancel()
        await asyncio.wait({agent})
    site.answer = lambda request: recorded(request, 1)
    async with running(site.settings(), files):
        await site.until_said(*APPLIED)
    assert {each.id for each in site.requests} >= sent.keys()


def answered_for(site: EdgeSite, model: str) -> list[ReportTarget]:
    return [each for each in site.reports() if each.model == model]


def test_what_runs_is_named_as_the_document_does() -> None:
    desired = Desired("key", PLACE, desired_set(None), 1)
    runs = Observed({ONE: 90, TWO: 10, THREE: 0})
    assert by_variant(desired, runs) == {
        "other": min(ONE, TWO, THREE),
        "other-2": sorted([ONE, TWO, THREE])[1],
        "other-3": max(ONE, TWO, THREE),
    }
    assert by_variant(desired, runs, known={ONE, TWO}) == {"other": THREE}
    assert by_variant(None, Observed()) == {}
