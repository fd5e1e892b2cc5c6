"""Are policies, freezes, waivers and bundles shown as they are, and as they were?"""

from datetime import timedelta

import pytest

from rollbook.names import EventId
from tests.projections import change
from tests.projections.site import COMMANDER, Site, member
from tests.projections.story import ALICE, BOB
from tests.services.gateway.house import (
    NOW,
    OWNER,
    REVIEWER,
    House,
    problem,
    signed_in,
)

DAY = timedelta(days=1)


@pytest.fixture
def site(home: House) -> Site:
    return Site(home.story)


async def test_a_policy_is_shown_with_its_document_and_its_proposals(
    home: House, site: Site
) -> None:
    first = site.propose("strict")
    site.activate(first)
    second = site.propose("strict", 2)
    await home.catch_up()
    [listed] = (await home.read("/policies"))["data"]
    assert (listed["policy"], listed["digest"]) == ("strict", first)
    assert [each["digest"] for each in listed["proposals"]] == [second]
    shown = (await home.read("/policies/strict"))["data"]
    assert shown["document"]["metadata"]["name"] == "strict"
    assert [each["digest"] for each in shown["revisions"]] == [second, first]


async def test_a_revision_is_named_by_the_beginning_of_its_digest(
    home: House, site: Site
) -> None:
    first = site.propose("strict")
    second = site.propose("strict", 2)
    await home.catch_up()
    shown = await home.read(f"/policies/strict/revisions/{second}")
    assert shown["data"]["digest"] == second
    said = await home.refused(f"/policies/strict/revisions/{first[:16]}")
    assert (said["code"], said["candidates"]) == ("invalid-request", [first, second])


async def test_a_policy_is_shown_as_it_was(home: House, site: Site) -> None:
    site.propose("strict")
    before = await home.catch_up()
    site.activate(next(iter(site.proposed)))
    await home.catch_up()
    then = await home.read("/policies/strict", as_of=before)
    assert (then["data"]["digest"], then["data"]["document"]) == (None, None)
    assert (await home.read("/policies/strict"))["data"]["document"]


async def test_what_evidence_carries_is_listed_for_who_writes_rules(
    home: House,
) -> None:
    home.story.evaluate(home.story.version())
    await home.catch_up()
    assert (await home.read("/metrics-carried"))["data"] == {"evaluation": ["auc"]}


async def test_freezes_are_listed_by_what_they_cover_and_whether_they_hold(
    home: House, site: Site
) -> None:
    over = site.freeze(until=home.story.ledger.at)
    upcoming = site.freeze(from_at=NOW + DAY)
    holds = site.freeze(models=("fraud",), stages=("production",))
    lifted = site.freeze()
    site.lift(lifted)
    await home.catch_up()
    listed = (await home.read("/freezes"))["data"]
    states = {each["freeze"]: each["state"] for each in listed}
    assert states == {
        over: "over",
        upcoming: "upcoming",
        holds: "open",
        lifted: "lifted",
    }
    assert await freezes(home, open="true") == [holds]
    assert await freezes(home, open="true", model="fraud") == [holds]
    assert await freezes(home, open="true", model="other") == []
    assert await freezes(home, open="true", stage="staging") == []
    shown = (await home.read(f"/freezes/{holds}"))["data"]
    assert (shown["declared_by"], shown["reason"]) == (COMMANDER.id, "year end")


async def freezes(home: House, **asked: str) -> list[EventId]:
    found = await home.read("/freezes", **asked)
    return [each["freeze"] for each in found["data"]]


async def test_a_freeze_is_shown_as_it_stood_at_a_moment(
    home: House, site: Site
) -> None:
    freeze = site.freeze()
    before = await home.catch_up()
    site.lift(freeze)
    await home.catch_up()
    then = await home.read(f"/freezes/{freeze}", as_of=before)
    assert then["data"]["state"] == "open"
    assert (await home.read(f"/freezes/{freeze}"))["data"]["state"] == "lifted"


async def test_waivers_are_listed_with_their_reviews(home: House) -> None:
    first, second = (
        home.story.request(home.story.version(), "production") for _ in range(2)
    )
    granted = change.ask_to_waive(home.story, first)
    review = change.waive(home.story, first, granted)
    requested = change.ask_to_waive(home.story, second, lasts=DAY * 30)
    await home.catch_up()
    listed = (await home.read("/waivers", model="fraud"))["data"]
    assert [each["waiver"] for each in listed] == [requested, granted]
    assert [each["state"] for each in listed] == ["requested", "over"]
    [one] = (await home.read("/waivers", model="fraud", promotion=first))["data"]
    assert (one["asked_by"], one["second_person"]) == (ALICE.id, BOB.id)
    [owed] = (await home.read("/reviews", overdue="true"))["data"]
    assert (owed["review"], owed["overdue"]) == (review, True)
    change.close_review(home.story, review, COMMANDER)
    await home.catch_up()
    for asked in ({"open": "true"}, {"overdue": "true"}, {"model": "other"}):
        assert (await home.read("/reviews", **asked))["data"] == []
    [closed] = (await home.read("/reviews"))["data"]
    assert closed["closed_by"] == COMMANDER.id


async def test_a_bundle_is_shown_with_its_members(home: House, site: Site) -> None:
    version = home.story.version()
    promotion = home.story.request(version, "staging", bundle=1)
    first = site.bundle(member("fraud", version, promotion))
    second = site.bundle(member("fraud", version, promotion), stage="production")
    site.cancel(second)
    await home.catch_up()
    page = await home.read("/bundles", limit=1)
    assert [each["bundle"] for each in page["data"]] == [second]
    page = await home.read("/bundles", limit=1, after=page["next"])
    assert [each["bundle"] for each in page["data"]] == [first]
    assert page["next"] is None
    [waiting] = (await home.read("/bundles", stage="staging"))["data"]
    assert waiting["bundle"] == first
    assert (await home.read("/bundles", state="SUCCEEDED"))["data"] == []
    [shown] = (await home.read(f"/bundles/{first}"))["data"]["members"]
    assert (shown["version"], shown["now"]["state"]) == (version, "READY")


async def test_the_inbox_says_what_kind_of_word_is_awaited(
    home: House, site: Site
) -> None:
    promotion = home.story.request(home.story.version(), "production")
    site.activate(site.propose("strict"))
    site.propose("strict", 2)
    home.story.approve(promotion)
    waiver = change.ask_to_waive(home.story, promotion)
    review = change.waive(home.story, promotion, waiver, by=None)
    await home.catch_up()
    [card] = await inbox(home, OWNER, kind="policy")
    assert (card["policy"], card["needs"]) == ("strict", 1)
    [card] = await inbox(home, OWNER, kind="review")
    assert card["review"] == review
    assert await inbox(home, REVIEWER, kind="policy") == []
    assert home.registrar.asked == []  # only of votes is there a binding


async def inbox(home: House, token: object, *, kind: str) -> list[dict[str, object]]:
    answer = await home.http.get("/v1/inbox", headers=signed_in(token))  # type: ignore[arg-type]
    assert answer.status_code == 200, problem(answer)
    return [each for each in answer.json()["data"] if each["kind"] == kind]
