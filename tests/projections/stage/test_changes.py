"""Does the difference between two moments say what differs, and nothing else?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.changes import changes
from tests.projections import change
from tests.projections.folding import Empty, told
from tests.projections.site import Site, member
from tests.projections.story import Story


def test_what_differs_is_told_before_and_after(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    story.point("champion", 1)
    story.live(1, "staging")
    start = story.now
    story.version()
    story.point("champion", 2, was=1)
    story.live(2, "staging")
    story.quarantine(1)
    with empty() as connection:
        found = changes(told(STAGE, connection, story), start, story.now)
    told_ = {(each["table"], *each["key"].values()): each for each in found}
    assert told_["aliases", "fraud", "champion"]["before"] == {"version": 1}
    assert told_["aliases", "fraud", "champion"]["after"] == {"version": 2}
    lane = told_["lanes", "fraud", "staging"]
    assert lane["before"] == {"desired_version": 1, "stable_version": 1}
    assert lane["after"] == {"desired_version": 2, "stable_version": 2}
    assert told_["versions", "fraud", 2]["before"] is None
    assert list(told_["versions", "fraud", 1]["after"]) == ["quarantine"]
    assert told_["promotions", "fraud", 2]["after"]["state"] == "SUCCEEDED"
    assert ("promotions", "fraud", 1) not in told_


def test_rules_freezes_and_waivers_differ_too_but_not_of_one_model(
    empty: Empty,
) -> None:
    story = Story().begun()
    story.version()
    id_ = story.request(1, "production")
    site = Site(story)
    lifted = site.freeze()
    start = story.now
    site.lift(lifted)
    site.activate(site.propose("tier1"))
    change.ask_to_waive(story, id_)
    site.bundle(member("fraud", 1, 1), member("churn", 1, 1))
    with empty() as connection:
        view = told(STAGE, connection, story)
        found = {each["table"]: each for each in changes(view, start, story.now)}
        own = changes(view, start, story.now, model="fraud")
    assert set(found) == {"freezes", "policies", "waivers", "bundles"}
    assert found["freezes"]["before"] == {"lifted_at": None}
    assert found["policies"]["key"] == {"policy": "tier1"}
    assert [each["table"] for each in own] == ["waivers"]


def test_what_came_back_is_no_difference(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    story.version()
    story.point("champion", 1)
    start = story.now
    story.point("champion", 2, was=1)
    story.point("champion", 1, was=2)
    with empty() as connection:
        view = told(STAGE, connection, story)
        assert changes(view, start, story.now) == []
        assert changes(view, story.now, story.now) == []
        assert len(changes(view, start, story.now - 1)) == 1


def test_differences_can_be_kept_to_one_model(empty: Empty) -> None:
    story = Story().begun()
    other = Story("churn", story.ledger).begun()
    with empty() as connection:
        view = told(STAGE, connection, other)
        [found] = changes(view, 1, other.now, model="churn")
    assert found["key"] == {"model": "churn"}
    assert found["before"] is None
