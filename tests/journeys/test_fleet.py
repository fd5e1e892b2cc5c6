"""Does every customer get the right answer, always, while versions come and go?

Three targets answer over HTTP by what their agents serve. Each answer is held against
the ledger: which version should that customer have met there and then?
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
import pytest_asyncio

from rollbook import subjects
from rollbook.catalogue.lane import DesiredSet
from rollbook.catalogue.target import TargetApplied
from rollbook.commands.promotion import RequestRollback, ResumePromotion
from rollbook.envelope import Envelope
from rollbook.names import ModelName, PromotionId, Reason, StageName, TargetName
from tests.journeys.customers import CUSTOMERS, KEY, Answer, Place, asking, chosen
from tests.journeys.rolling import QUICK, Fleet, content, fleet, is_sound, until

MODEL, STAGE = ModelName("fraud"), StageName("edge")
TARGETS: Final = ("eu-1", "eu-2", "us-1")
ROUTED: Final = f"{QUICK}[driver]\nname = 'symlink'\nroutes = true\n"
PLAN: Final[dict[str, Any]] = {
    "name": STAGE,
    "targets": TARGETS,
    "strategy": {
        "canary": {
            "split_key": f"header:{KEY}",
            "waves": [["eu-1"], ["eu-2", "us-1"]],
            "steps": [{"weight": 20}, {"pause": "release-manager"}, {"weight": 100}],
        }
    },
}
FIFTH: Final = {"stable": 80, "canary": 20}
SWITCHES: Final = 10
WHY: Final = Reason("a test")
TICK: Final = timedelta(milliseconds=1)
"""The ledger's instants are cut to it."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    """Run three agents that serve version 1."""
    folder = tmp_path_factory.mktemp("fleet") / "site"
    async with fleet(folder, [f"{STAGE}/{each}" for each in TARGETS]) as found:
        await found.rules([MODEL], [PLAN])
        await found.model(MODEL, versions=5)
        await found.start(STAGE, *TARGETS, said=ROUTED)
        await goes_out(found, 1, [])
        yield found
        await is_sound(found)


async def test_no_customer_ever_waits_or_meets_the_wrong_version(site: Fleet) -> None:
    homes = {each: site.home(f"{STAGE}.{each}", MODEL) for each in TARGETS}
    with asking(homes) as places:
        for version in (2, 3, 4):
            await goes_out(site, version, places)
        await is_taken_back_half_way(site, 5, places)
        await site.ask(RequestRollback(model=MODEL, stage=STAGE, reason=WHY))
        await site.until_served(STAGE, TARGETS, MODEL, 3)
        await everybody_met(site, places, TARGETS)
    await hold_against_the_ledger(site, places)


async def goes_out(site: Fleet, version: int, places: Sequence[Place]) -> None:
    """Let a version go through all steps of both waves; look at it at each pause."""
    number = await site.request(MODEL, version, STAGE)
    for wave, there in enumerate(({"eu-1"}, {"eu-2", "us-1"})):
        await pauses(site, number, wave)
        await everybody_met(site, places, there)
        await site.ask(
            ResumePromotion(
                model=MODEL, promotion=number, wave=wave, step=1, reason=WHY
            )
        )
    await site.until(MODEL, number, "SUCCEEDED")
    await everybody_met(site, places, TARGETS)


async def is_taken_back_half_way(
    site: Fleet, version: int, places: Sequence[Place]
) -> None:
    number = await site.request(MODEL, version, STAGE)
    await pauses(site, number, 0)
    await everybody_met(site, places, {"eu-1"})
    await site.ask(RequestRollback(model=MODEL, stage=STAGE, reason=WHY))
    await site.until(MODEL, number, "ABORTED")
    await site.until(MODEL, number + 1, "SUCCEEDED")
    await everybody_met(site, places, TARGETS)


async def pauses(site: Fleet, number: PromotionId, wave: int) -> None:
    """Wait until a wave stands at its pause."""

    async def look() -> bool:
        row = await site.until(MODEL, number, "PAUSED")
        return (row["underway"]["wave"], row["underway"]["step"]) == (wave, 1)

    await until(look, lambda: f"{MODEL}:{number} does not pause in wave {wave}")


async def everybody_met(
    site: Fleet, places: Sequence[Place], there: Sequence[str] | set[str]
) -> None:
    """Wait until all customers were answered by the newest document."""
    [*_, newest] = await site.told(DesiredSet, of=MODEL)

    async def look() -> bool:
        asked = [each for each in places if each.target in there]
        return all(len(each.met(newest.revision)) == len(CUSTOMERS) for each in asked)

    await until(look, lambda: f"not everybody was answered by {newest.revision}")


async def hold_against_the_ledger(site: Fleet, places: Sequence[Place]) -> None:
    """Compare each answer with what was desired on its target at that time."""
    story = await site.story(subjects.model(MODEL))
    desired = {
        each.event.revision: each
        for each in story
        if isinstance(each.event, DesiredSet)
    }
    applied: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for each in story:
        if isinstance(each.event, TargetApplied):
            report = each.event.report
            applied[report.target].append((each.at, report.revision))
    assert len(desired) > SWITCHES
    for place in places:
        assert place.failures == []
        revisions = [each.revision for each in place.answers]
        assert revisions == sorted(revisions), "a server went back to an old document"
        for answer in place.answers:
            assert is_right(answer, desired[answer.revision], place.target), answer
            least = [
                revision
                for at, revision in applied[place.target]
                if at + TICK < answer.began_at
            ]
            assert answer.revision >= max(least), "it said that it was further already"
        went_out = (2, 3, 4, 5) if place.target == "eu-1" else (2, 3, 4)
        assert all(split_as_it_should(place, desired, each) for each in went_out)


def split_as_it_should(
    place: Place, desired: Mapping[int, Envelope[Any]], version: int
) -> bool:
    """Tell whether a fifth of the customers met a version, and exactly which."""
    [told] = (
        each.event
        for each in desired.values()
        if each.event.targets[place.target] == FIFTH
        and each.event.variants["canary"].version == version
    )
    met = {each for each in place.answers if each.revision == told.revision}
    return {each.customer for each in met} == set(CUSTOMERS) and {
        each.customer for each in met if each.version == version
    } == {each for each in CUSTOMERS if chosen(FIFTH, each) == "canary"}


def is_right(answer: Answer, told: Envelope[Any], target: str) -> bool:
    """Tell whether a document names that version for that customer."""
    desired: DesiredSet = told.event
    name = chosen(desired.targets[TargetName(target)], answer.customer)
    version = desired.variants[name].version
    return (
        answer.version == version
        and answer.said == content(MODEL, version)
        and told.at <= answer.ended_at
    )
