"""Does the view know how far a change has come, what stops it, and why it ended?"""

from datetime import datetime, timedelta

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.lane import lane
from rollbook_projections.stage.queries.promotion import promotion, promotions
from rollbook_projections.view import Row, View
from tests.projections import change
from tests.projections.folding import Empty, told
from tests.projections.story import ALICE, Story


def _under_way() -> tuple[Story, int]:
    story = Story().begun()
    story.version()
    story.version()
    story.live(1, "staging")
    id_ = story.request(2, "staging")
    story.dispatch(id_)
    return story, id_


def _card(view: View, id_: int) -> Row:
    shown = promotion(view, "fraud", id_)
    assert shown is not None
    return shown


def test_a_dispatched_change_says_until_when_it_may_go_on(empty: Empty) -> None:
    story, id_ = _under_way()
    with empty() as connection:
        shown = _card(told(STAGE, connection, story), id_)
    assert shown["underway"]["acknowledge_by"].startswith("2026-05-01T09:05:")
    assert shown["underway"]["warnings"] == []
    assert shown["pause"] is None
    [step] = shown["steps"]
    assert (step["wave"], step["weight"], step["targets"]) == (0, 100, ["default"])
    assert step["completed_at"] is None


def test_gates_that_only_warn_are_named_with_the_change(empty: Empty) -> None:
    story, _ = _under_way()
    id_ = story.request(1, "production")
    story.dispatch(id_, "latency")
    with empty() as connection:
        shown = _card(told(STAGE, connection, story), id_)
    assert shown["underway"]["warnings"] == ["latency"]


def test_where_nothing_is_deployed_nothing_is_under_way(empty: Empty) -> None:
    story, _ = _under_way()
    id_ = story.live(1, "development")
    with empty() as connection:
        shown = _card(told(STAGE, connection, story), id_)
    assert (shown["underway"], shown["steps"]) == (None, [])


def test_a_pause_says_who_and_why_and_ends_where_it_began(empty: Empty) -> None:
    for states in (("DISPATCHED",), ("PROGRESSING",), ("PROGRESSING", "VERIFYING")):
        story, id_ = _under_way()
        if "PROGRESSING" in states:
            story.acknowledge(id_)
        if "VERIFYING" in states:
            change.verify(story, id_)
        change.pause(story, id_)
        paused = story.now
        change.resume(story, id_, "error_rate")
        with empty() as connection:
            view = told(STAGE, connection, story)
            then, now = _card(view.at(paused), id_), _card(view, id_)
            moving = lane(view.at(paused), "fraud", "staging")
            going_on = lane(view, "fraud", "staging")
        assert (then["state"], now["state"]) == ("PAUSED", states[-1])
        assert then["pause"]["cause"] == "person"
        assert then["pause"]["paused_by"] == ALICE.id
        assert then["pause"]["reason"] == "look at this first"
        assert now["pause"] is None
        assert now["underway"]["accepted"] == ["error_rate"]
        assert now["underway"]["wake_at"] is not None
        assert moving is not None
        assert moving["slot"]["pause"]["paused_by"] == ALICE.id
        assert going_on is not None
        assert going_on["slot"]["pause"] is None


def test_it_may_be_paused_again(empty: Empty) -> None:
    story, id_ = _under_way()
    change.pause(story, id_)
    change.resume(story, id_, "error_rate")
    change.pause(story, id_)
    again = story.now
    change.resume(story, id_, "p99_ms")
    with empty() as connection:
        view = told(STAGE, connection, story)
        assert _card(view.at(again), id_)["pause"]["returns_to"] == "DISPATCHED"
        accepted = _card(view, id_)["underway"]["accepted"]
    assert accepted == ["error_rate", "p99_ms"]


def test_an_acknowledgement_does_not_end_a_pause_but_counts_after_it(
    empty: Empty,
) -> None:
    story, id_ = _under_way()
    change.pause(story, id_)
    story.acknowledge(id_)
    paused = story.now
    change.resume(story, id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        states = [
            promotions(view.at(moment), open_only=True)[0]["state"]
            for moment in (paused, None)
        ]
    assert states == ["PAUSED", "PROGRESSING"]


def test_a_step_has_as_much_time_after_a_pause_as_it_had_before(empty: Empty) -> None:
    story, id_ = _under_way()
    dispatched = story.now
    change.pause(story, id_)
    change.resume(story, id_)  # a second later
    with empty() as connection:
        view = told(STAGE, connection, story)
        before, after = (
            _card(view.at(moment), id_)["underway"] for moment in (dispatched, None)
        )
    step_by = [datetime.fromisoformat(each["step_by"]) for each in (before, after)]
    assert step_by[1] - step_by[0] == timedelta(seconds=1)
    assert after["end_by"] == before["end_by"]


def test_a_version_that_proves_itself_says_until_when(empty: Empty) -> None:
    story, id_ = _under_way()
    story.acknowledge(id_)
    change.verify(story, id_)
    first = change.analyse(story, id_, 0.01)
    second = change.analyse(story, id_, 0.02)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown, before = _card(view, id_), _card(view.at(story.now - 1), id_)
    assert shown["state"] == "VERIFYING"
    assert shown["underway"]["bake_until"].startswith("2026-05-01T10:")
    assert shown["steps"][0]["completed_at"] is not None
    assert [each["analysis"] for each in shown["analyses"]] == [first, second]
    assert shown["analyses"][1]["metrics"] == {"candidate": {"error_rate": 0.02}}
    assert [each["analysis"] for each in before["analyses"]] == [first]


def test_a_rollback_that_the_policy_asked_for_names_what_failed(empty: Empty) -> None:
    story, id_ = _under_way()
    back = change.fail_and_take_back(story, id_, to=1)
    with empty() as connection:
        view = told(STAGE, connection, story)
        failed, rollback = _card(view, id_), _card(view, back)
    assert (failed["state"], failed["rolled_back_by"]) == ("FAILED", back)
    assert failed["triggered_by"] is None
    assert rollback["triggered_by"]["failed_promotion"] == id_
    assert rollback["triggered_by"]["reason_code"] == "analysis_breached"
    assert (rollback["kind"], rollback["rolled_back_by"]) == ("rollback", None)


def test_a_member_of_a_bundle_names_it(empty: Empty) -> None:
    story, _ = _under_way()
    id_ = story.request(1, "staging", bundle=5)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = {each["promotion"]: each["bundle"] for each in promotions(view)}
    assert shown == {1: None, 2: None, id_: 5}
