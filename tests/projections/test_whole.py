"""Is every table of the stage view filled, and alike by following and rebuilding?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from rollbook.codec import parse
from rollbook.event import parse_type
from rollbook.ledger.memory import MemoryLedger
from rollbook_projections import checkpoint
from rollbook_projections.audit.handlers import AUDIT
from rollbook_projections.compare import compare
from rollbook_projections.database import open_database
from rollbook_projections.projection import Projection
from rollbook_projections.projector import Projector
from rollbook_projections.rebuild import rebuild
from rollbook_projections.service import open_or_rebuild
from rollbook_projections.stage.declaration import STAGE
from tests.projections import change, fleet
from tests.projections.rollout import canary, run_through
from tests.projections.site import OTHER_OWNER, Site, member
from tests.projections.story import ALICE, BOB, Story, dataset
from tests.support.database import rows
from tests.support.recorder import Recorder, person

CAROL = person("c", "release-manager")


def everything() -> Recorder:
    """Let every event that the stage view folds happen at least once."""
    story = Story().begun()
    for _ in range(3):
        story.version()
    site = Site(story)
    _rules(site)
    _facts(story)
    _votes(story)
    _glass(story)
    _changes(story)
    _bundles(site)
    _rollouts(story)
    _fleet(story)
    return story.ledger


def _rules(site: Site) -> None:
    first, second = site.propose("tier1", 1), site.propose("tier1", 2)
    site.activate(first)
    site.endorse(second, by=OTHER_OWNER)
    site.activate(second)
    site.propose("tier1", 3)
    site.ask_to_retire("tier1")
    site.retire("tier1")
    site.lift(site.freeze(until=site.story.ledger.at + timedelta(days=1)))
    site.link(BOB, CAROL)
    site.link(CAROL, person("d"))


def _facts(story: Story) -> None:
    story.amend(1, description="better")
    story.deprecate(1)
    story.retire(3)
    story.quarantine(1, "production")
    story.release(1)
    story.revoke(story.evaluate(1, on=dataset("holdout")))
    story.point("champion", 1)
    story.hold("staging")
    story.unhold("staging")


def _votes(story: Story) -> None:
    asked = [story.request(2, "production") for _ in range(6)]
    story.approve(asked[0])
    story.withdraw(asked[0])
    change.ask_for_changes(story, asked[0])
    change.refuse_vote(story, asked[0])
    story.approve(asked[0])
    change.rebind(story, asked[0])
    story.approve(asked[0])
    change.rebase(story, asked[0], to=1)
    story.reject(asked[1])
    story.cancel(asked[2])
    change.expire(story, asked[3])
    change.supersede(story, asked[4], by=asked[0])


def _glass(story: Story) -> None:
    id_ = story.request(2, "production")
    waiver = change.ask_to_waive(story, id_, by=ALICE)
    review = change.waive(story, id_, waiver, by=BOB)
    change.close_review(story, review, by=CAROL)


def _changes(story: Story) -> None:
    for version in (1, 2):
        story.live(version, "staging")
    story.apply(story.roll_back("staging", 1))
    id_ = story.request(2, "staging")
    story.dispatch(id_)
    story.roll_back("staging", 1)  # which aborts it
    story.apply(story.slots["staging"])
    id_ = story.request(2, "staging")
    story.dispatch(id_)
    story.acknowledge(id_)
    change.verify(story, id_)
    change.analyse(story, id_)
    change.pause(story, id_)
    change.resume(story, id_, "error_rate")
    change.pause(story, id_)
    change.fail_and_take_back(story, id_, to=1)
    for end in (Story.fail, change.err):
        id_ = story.request(2, "staging")
        story.dispatch(id_)
        end(story, id_)


def _bundles(site: Site) -> None:
    members = member("fraud", 1, 1), member("churn", 1, 1)
    numbers = [site.bundle(*members) for _ in range(3)]
    site.cancel(numbers[0])
    for number in numbers[1:]:
        site.dispatch(number)
    site.fail(numbers[1], "churn", members[0])
    site.succeed(numbers[2])
    site.roll_back(numbers[2], *members)


def _rollouts(story: Story) -> None:
    begun = canary(story, 2)
    begun.acknowledge("eu-1")
    run_through(begun)
    begun.drift("eu-1")
    begun.accept("eu-1")
    begun.correct("eu-1")
    for end in (fleet.conclude, fleet.invalidate):
        beside = canary(story, 2, "challenger", beside="staging")
        fleet.experiment(story, beside.id)
        end(story, beside.id)


def _fleet(story: Story) -> None:
    fleet.enrol(story, "scorer", "staging", "eu-1")
    for act in (fleet.hear, fleet.lose, fleet.drain, fleet.undrain, fleet.revoke):
        act(story, "scorer")


async def ledger_of(recorder: Recorder) -> MemoryLedger:
    ledger = MemoryLedger()
    await recorder.append_to(ledger)
    return ledger


def test_everything_happens() -> None:
    types = {parse(message.body)["type"] for message in everything().messages}
    names = {parsed[0] for each in types if (parsed := parse_type(each))}
    assert set(STAGE.handlers) <= names


@pytest.mark.parametrize("projection", [STAGE, AUDIT], ids=lambda each: str(each.name))
async def test_a_rebuild_equals_what_was_followed_one_by_one(
    database_url: str, projection: Projection
) -> None:
    recorder = everything()
    ledger = await ledger_of(recorder)
    async with open_database(database_url, projection.name) as database:
        projector = Projector(projection, database)
        await projector.open()
        for message in recorder.messages:
            await projector.apply([message])
        followed = await rows(database, projection)
        assert await database.read(checkpoint.halted) == []
        await rebuild(projection, database, ledger)
        assert await rows(database, projection) == followed
        await rebuild(projection, database, ledger, is_trusting=False)
        assert await rows(database, projection) == followed
        assert (await compare(projection, database, ledger)).is_equal
    if projection is STAGE:
        assert set(projection.metadata.tables) <= set(followed)


async def test_an_older_view_is_rebuilt_by_itself(database_url: str) -> None:
    ledger = await ledger_of(everything())
    handlers = {"model.registered": STAGE.handlers["model.registered"]}
    older = replace(STAGE, version=STAGE.version - 1, handlers=handlers)
    async with open_database(database_url, STAGE.name) as database:
        projector = Projector(older, database)
        await projector.open()
        await projector.catch_up(ledger)
        assert "promotions" not in await rows(database, STAGE)
        await open_or_rebuild(Projector(STAGE, database), ledger)
        assert "promotions" in await rows(database, STAGE)
        assert (await compare(STAGE, database, ledger)).is_equal
