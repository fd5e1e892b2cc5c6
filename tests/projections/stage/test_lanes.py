"""Does the board show what runs, should run, and waits?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.interval import intervals, stable_before
from rollbook_projections.stage.queries.lane import lane, lanes
from tests.projections.folding import Empty, Folding, told
from tests.projections.story import ALICE, BOB, Story


def _three_versions() -> Story:
    story = Story().begun()
    for _ in range(3):
        story.version()
    return story


def test_a_version_that_went_live_is_desired_stable_and_observed(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    with empty() as connection:
        shown = lane(told(STAGE, connection, story), "fraud", "staging")
    assert shown is not None
    assert shown["status"] == "SETTLED"
    assert shown["incumbent"] == shown["stable"]["version"] == 1
    assert shown["desired"]["version"] == 1
    assert shown["slot"] is None
    assert shown["open"] == []
    [target] = shown["targets"]
    assert (target["state"], target["current"]) == ("applied", True)


def test_a_lane_is_moving_while_a_promotion_holds_its_slot(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    moving = story.request(2, "staging")
    story.dispatch(moving)
    with empty() as connection:
        shown = lane(told(STAGE, connection, story), "fraud", "staging")
    assert shown is not None
    assert shown["status"] == "MOVING"
    assert shown["slot"]["promotion"] == moving
    assert shown["incumbent"] == 2
    assert shown["stable"]["version"] == 1
    assert [each["state"] for each in shown["open"]] == ["DISPATCHED"]
    assert not shown["targets"][0]["current"]


def test_a_failed_promotion_leaves_what_was_stable(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    bad = story.request(2, "staging")
    story.dispatch(bad)
    story.fail(bad)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = lane(view, "fraud", "staging")
        [interval] = intervals(view, "fraud", "staging")
    assert shown is not None
    assert (shown["stable"]["version"], shown["desired"]["version"]) == (1, 2)
    assert shown["status"] == "SETTLED"
    assert shown["targets"][0]["reason_code"] == "load_failed"
    assert interval["until_seq"] is None


def test_a_stage_without_targets_is_settled_at_once(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "development")
    with empty() as connection:
        [shown] = lanes(told(STAGE, connection, story))
    assert (shown["stage"], shown["status"]) == ("development", "SETTLED")
    assert shown["desired"] is None


def test_a_lane_appears_with_the_first_request(empty: Empty) -> None:
    story = _three_versions()
    story.request(1, "production")
    with empty() as connection:
        [shown] = lanes(told(STAGE, connection, story), "fraud")
    assert shown["status"] == "EMPTY"
    assert [each["promotion"] for each in shown["open"]] == [1]


def test_going_back_to_a_version_is_an_interval_of_its_own(empty: Empty) -> None:
    story = _three_versions()
    for version in (1, 2, 1):
        story.live(version, "production")
    with empty() as connection:
        found = intervals(told(STAGE, connection, story), "fraud", "production")
    assert [each["version"] for each in found] == [1, 2, 1]
    assert [each["ended_by"] for each in found] == [2, 3, None]
    assert [each["until_seq"] for each in found[:2]] == [
        each["from_seq"] for each in found[1:]
    ]
    assert [each["until_at"] for each in found[:2]] == [
        each["from_at"] for each in found[1:]
    ]
    assert all(each["approved_by"] == [BOB.id] for each in found)
    assert all(each["put_there_by"] == "svc:ci-bot" for each in found)


def test_rollbacks_walk_back_and_hold_the_lane(empty: Empty) -> None:
    story = _three_versions()
    for version in (1, 2, 3):
        story.live(version, "staging")
    for version in (2, 1):
        story.apply(story.roll_back("staging", version))
    with empty() as connection:
        view = told(STAGE, connection, story)
        found = intervals(view, "fraud", "staging")
        shown = lane(view, "fraud", "staging")
    assert [each["version"] for each in found] == [1, 2, 3, 2, 1]
    assert [each["kind"] for each in found[3:]] == ["rollback", "rollback"]
    assert [each["ended_by_kind"] for each in found[2:]] == ["rollback"] * 2 + [None]
    assert found[4]["put_there_by"] == ALICE.id
    assert shown is not None
    assert shown["hold"]["promotion"] == 5
    assert shown["hold"]["by"] == ALICE.id
    assert shown["stable"]["depth"] == 1


def test_a_rollback_ends_what_holds_the_slot(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    stuck = story.request(2, "staging")
    story.dispatch(stuck)
    back = story.roll_back("staging", 1)
    with empty() as connection:
        shown = lane(told(STAGE, connection, story), "fraud", "staging")
    assert shown is not None
    assert shown["slot"]["promotion"] == back
    assert [each["promotion"] for each in shown["open"]] == [back]


def test_a_released_hold_is_gone(empty: Empty) -> None:
    story = _three_versions()
    story.hold("staging")
    held = story.now
    story.unhold("staging")
    with empty() as connection:
        view = told(STAGE, connection, story)
        before, now = lanes(view.at(held)), lanes(view)
    assert before[0]["hold"]["reason"] == "quiet"
    assert now[0]["hold"] is None


def test_a_late_report_about_an_older_document_changes_nothing(empty: Empty) -> None:
    story = _three_versions()
    old = story.request(1, "staging")
    story.dispatch(old)
    back = story.roll_back("staging", 1)
    story.apply(back)
    story.acknowledge(old)
    with empty() as connection:
        shown = lane(told(STAGE, connection, story), "fraud", "staging")
    assert shown is not None
    assert shown["targets"][0]["promotion"] == back
    assert shown["status"] == "SETTLED"


def test_walking_back_counts_versions_not_deployments(empty: Empty) -> None:
    story = _three_versions()
    for version in (1, 2, 2, 3):
        story.live(version, "staging")
    with empty() as connection:
        view = told(STAGE, connection, story)
        walked = [stable_before(view, "fraud", "staging", n) for n in range(4)]
    assert [each and each["version"] for each in walked] == [3, 2, 1, None]


def test_what_was_stable_at_an_instant_is_found(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    at = story.ledger.at
    story.live(2, "staging")
    with empty() as connection:
        view = told(STAGE, connection, story)
        [then] = intervals(view, "fraud", between=(at, at))
        both = intervals(view, "fraud", between=(at, story.ledger.at))
    assert then["version"] == 1
    assert [each["version"] for each in both] == [1, 2]


def test_an_interval_that_is_over_now_was_open_then(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    then = story.now
    story.live(2, "staging")
    with empty() as connection:
        view = told(STAGE, connection, story)
        [before] = intervals(view.at(then), "fraud")
        [over, _] = intervals(view, "fraud")
    assert (before["until_seq"], before["ended_by"]) == (None, None)
    assert over["ended_by"] == 2


def test_the_board_goes_on_after_a_lane(empty: Empty) -> None:
    story = _three_versions()
    for stage in ("development", "staging", "production"):
        story.live(1, stage)
    with empty() as connection:
        view = told(STAGE, connection, story)
        first = lanes(view, limit=2)
        rest = lanes(view, after=("fraud", first[-1]["stage"]))
    assert [each["stage"] for each in first + rest] == [
        "development",
        "production",
        "staging",
    ]


def test_history_is_seen_as_it_was_after_each_event(empty: Empty) -> None:
    story = _three_versions()
    story.live(1, "staging")
    story.live(2, "staging")
    story.apply(story.roll_back("staging", 1))
    with empty() as connection:
        folding = Folding(STAGE, connection)
        seen = []
        for message in story.ledger.messages:
            folding.take([message])
            seen.append(lanes(folding.view()))
        again = [lanes(folding.view(as_of + 1)) for as_of in range(len(seen))]
    assert again == seen
