"""Is it told which models were released as one, and how that went?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.bundle import bundle, bundles
from tests.projections.folding import Empty, told
from tests.projections.site import Site, member
from tests.projections.story import BOB, Story
from tests.support.recorder import CONDUCTOR


def _two_models() -> tuple[Site, int]:
    story = Story().begun()
    story.version()
    other = Story("churn", story.ledger).begun()
    other.version()
    for each in (story, other):
        each.request(1, "staging", bundle=1)
    site = Site(story)
    return site, site.bundle(member("fraud", 1, 1), member("churn", 1, 1))


def test_a_bundle_shows_its_members_as_they_stand(empty: Empty) -> None:
    site, number = _two_models()
    asked = site.story.now
    site.dispatch(number)
    site.succeed(number)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        before, shown = bundle(view.at(asked), number), bundle(view, number)
        assert bundle(view, 9) is None
    assert before is not None
    assert (before["state"], before["requester"]) == ("WAITING", BOB.id)
    assert [each["model"] for each in before["members"]] == ["fraud", "churn"]
    assert [each["now"]["state"] for each in before["members"]] == ["READY"] * 2
    assert shown is not None
    assert shown["state"] == "SUCCEEDED"
    assert shown["ended_at"] > shown["dispatched_at"]


def test_a_failed_bundle_says_because_of_whom_and_what_was_taken_back(
    empty: Empty,
) -> None:
    site, number = _two_models()
    site.dispatch(number)
    site.fail(number, "churn", member("fraud", 1, 2))
    with empty() as connection:
        shown = bundle(told(STAGE, connection, site.story), number)
    assert shown is not None
    assert (shown["state"], shown["because_of"]) == ("FAILED", "churn")
    assert (shown["reason_code"], shown["ended_by"]) == ("load_failed", CONDUCTOR.id)
    assert [each["taken_back_by"] for each in shown["members"]] == [2, None]


def test_a_bundle_that_was_live_is_rolled_back_as_one(empty: Empty) -> None:
    site, number = _two_models()
    site.dispatch(number)
    site.succeed(number)
    site.roll_back(number, member("fraud", 1, 2), member("churn", 1, 2))
    with empty() as connection:
        shown = bundle(told(STAGE, connection, site.story), number)
    assert shown is not None
    assert (shown["state"], shown["rolled_back_reason"]) == ("ROLLED_BACK", "latency")
    assert shown["ended_at"] is not None
    assert [each["taken_back_by"] for each in shown["members"]] == [2, 2]


def test_bundles_are_listed_the_latest_first(empty: Empty) -> None:
    site, first = _two_models()
    second = site.bundle(member("fraud", 1, 1), member("churn", 1, 1), stage="qa")
    site.cancel(first)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        found = bundles(view)
        [cancelled] = bundles(view, state="CANCELLED")
        [other] = bundles(view, stage="qa")
        [older] = bundles(view, before=second)
    assert [each["bundle"] for each in found] == [second, first]
    assert [len(each["members"]) for each in found] == [2, 2]
    assert (cancelled["bundle"], cancelled["end_reason"]) == (first, "no need")
    assert other["bundle"] == second
    assert older["bundle"] == first
