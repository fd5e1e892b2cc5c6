"""Does the view know what each target should run, does run, and how soon?"""

from typing import Any

import pytest

from rollbook.catalogue.lane import DriftPolicy
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.changes import changes
from rollbook_projections.stage.queries.lane import lane
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.stage.queries.target import drifts, targets
from rollbook_projections.view import Row, View
from tests.projections import fleet
from tests.projections.folding import Empty, told
from tests.projections.rollout import PLAN, Canary, canary, run_through
from tests.projections.story import ALICE, Story


def _begun() -> Canary:
    story = Story().begun()
    for _ in range(3):
        story.version()
    run_through(canary(story, 1))
    return canary(story, 2)


def _at(view: View, name: str) -> Row:
    [found] = targets(view, model="fraud", stage="staging", target=name)
    return found


def _shares(target: Row) -> dict[int, Any]:
    return {each["version"]: each["weight"] for each in target["desired"]["variants"]}


def _runs(target: Row) -> list[Any]:
    return [each["version"] for each in target["runs"]]


def test_a_target_is_told_acknowledges_and_applies(empty: Empty) -> None:
    begun = _begun()
    moments = [begun.story.now]
    for act in (begun.acknowledge, begun.apply):
        act("eu-1")
        moments.append(begun.story.now)
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        states = [_at(view.at(moment), "eu-1") for moment in moments]
    assert [each["state"] for each in states] == ["desired", "acknowledged", "applied"]
    assert [each["reported"] for each in states] == [
        "applied",
        "acknowledged",
        "applied",
    ]
    assert [each["lagging"] for each in states] == [True, True, False]
    assert [_shares(each) for each in states] == [{1: 75, 2: 25}] * 3
    assert sorted(_runs(states[0])) == [1]
    assert sorted(_runs(states[-1])) == [1, 2]
    assert states[0]["acknowledged_at"] is None
    assert states[-1]["acknowledged_at"] == states[1]["acknowledged_at"] is not None


def test_the_time_to_converge_runs_from_the_document_to_the_report(
    empty: Empty,
) -> None:
    begun = _begun()
    begun.acknowledge("eu-1")
    begun.apply("eu-2", "eu-1")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        found = {each["target"]: each for each in targets(view)}
    # Every decision of a story takes a second.
    assert found["eu-2"]["converged_ms"] == 2_000
    assert found["eu-1"]["converged_ms"] == 3_000
    assert found["us-1"]["lagging"]
    assert found["us-1"]["applied_revision"] < found["us-1"]["desired"]["revision"]


def test_saying_so_again_does_not_change_how_soon_it_was(empty: Empty) -> None:
    begun = _begun()
    begun.apply("eu-1")
    first = begun.story.now
    begun.apply("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        then, now = _at(view.at(first), "eu-1"), _at(view, "eu-1")
    assert now["converged_ms"] == then["converged_ms"] == 1_000
    assert now["applied_at"] == then["applied_at"]


def test_who_lags_can_be_asked_alone_and_in_pages(empty: Empty) -> None:
    begun = _begun()
    begun.apply("eu-2")
    begun.fail("us-1")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        lagging = targets(view, lagging_only=True)
        first = targets(view, lagging_only=True, limit=1)
        key = ("fraud", "staging", first[0]["target"])
        rest = targets(view, lagging_only=True, after=key)
        elsewhere = targets(view, stage="production", lagging_only=True)
    assert [each["target"] for each in lagging] == ["eu-1", "us-1"]
    assert first + rest == lagging
    assert elsewhere == []


@pytest.mark.parametrize(
    ("is_platform", "state"), [(False, "failed"), (True, "errored")]
)
def test_a_target_that_cannot_run_it_says_whose_fault_that_is(
    empty: Empty, is_platform: bool, state: str
) -> None:
    begun = _begun()
    begun.fail("eu-1", is_platform=is_platform)
    with empty() as connection:
        found = _at(told(STAGE, connection, begun.story), "eu-1")
    assert (found["state"], found["reason_code"]) == (state, "load_failed")
    assert found["lagging"]


def test_a_straggler_is_marked_until_it_has_caught_up(empty: Empty) -> None:
    begun = _begun()
    begun.apply("eu-1")
    begun.bake()
    before = begun.story.now
    begun.go_on("us-1")
    left = begun.story.now
    begun.resume()
    begun.go_on()
    behind = begun.story.now
    begun.apply("us-1")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        marks = [
            _at(view.at(moment), "us-1")["straggler"]
            for moment in (before, left, behind, None)
        ]
    assert marks == [False, True, True, False]


def test_a_late_word_about_an_older_document_changes_nothing(empty: Empty) -> None:
    begun = _begun()
    revision = begun.asked.revision
    begun.apply("eu-1")
    before = begun.story.now
    begun.asked.revision = revision - 1
    begun.apply("eu-1")
    begun.asked.revision = revision
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        assert _at(view, "eu-1") == _at(view.at(before), "eu-1")


def test_a_target_that_the_document_leaves_out_is_asked_for_nothing(
    empty: Empty,
) -> None:
    begun = _begun()
    run_through(begun)
    fewer = PLAN.model_copy(update={"waves": PLAN.waves[:1]})
    begun = canary(begun.story, 3, plan=fewer)
    run_through(begun)
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        found = _at(view, "us-1")
        board = lane(view, "fraud", "staging")
    assert (found["desired"], found["lagging"], found["state"]) == (
        None,
        False,
        "applied",
    )
    assert _runs(found) == [2]
    assert board is not None
    assert board["status"] == "SETTLED"


def test_a_promotion_shows_the_targets_while_the_document_is_its_own(
    empty: Empty,
) -> None:
    begun = _begun()
    begun.apply("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        old, new = promotion(view, "fraud", 1), promotion(view, "fraud", 2)
        before = promotion(view.at(begun.story.now - 5), "fraud", 1)
    assert old is not None
    assert new is not None
    assert old["targets"] == []
    assert [each["target"] for each in new["targets"]] == ["eu-1", "eu-2", "us-1"]
    assert new["targets"][0]["state"] == "applied"
    assert before is not None


def _settled() -> Canary:
    begun = _begun()
    run_through(begun)
    return begun


def test_a_drift_is_open_until_the_target_runs_what_is_desired(empty: Empty) -> None:
    settled = _settled()
    id_ = settled.drift("eu-1", DriftPolicy.CORRECT)
    drifted = settled.story.now
    settled.correct("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, settled.story)
        then, now = _at(view.at(drifted), "eu-1"), _at(view, "eu-1")
        open_, over = drifts(view.at(drifted), open_only=True), drifts(view)
        assert drifts(view, open_only=True) == []
    assert (then["state"], then["drift"]["policy"]) == ("drifted", "correct")
    assert _runs(then) == [1]
    assert (now["state"], now["drift"], _runs(now)) == ("applied", None, [2])
    [found] = open_
    assert (found["drift"], found["target"], found["state"]) == (id_, "eu-1", "open")
    assert found["detected_at"] is not None
    assert [each["state"] for each in over] == ["corrected"]
    assert over[0]["ended_at"] is not None


def test_an_accepted_drift_stays_a_drift_that_somebody_knows_of(empty: Empty) -> None:
    settled = _settled()
    settled.drift("eu-1", DriftPolicy.REQUIRE_ACCEPTANCE)
    settled.accept("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, settled.story)
        [found] = drifts(view, model="fraud", open_only=True)
        target = _at(view, "eu-1")
        [changed] = changes(view, settled.story.now - 1, settled.story.now)
    assert (found["state"], found["accepted_by"]) == ("accepted", ALICE.id)
    assert found["accepted_reason"] == "a hot fix of incident 7"
    assert (target["state"], target["drift"]["state"]) == ("drifted", "accepted")
    assert changed["after"] == {"state": "accepted"}


def test_a_new_document_tells_anew_what_had_drifted(empty: Empty) -> None:
    settled = _settled()
    settled.drift("eu-1")
    begun = canary(settled.story, 3)
    told_of_it = begun.story.now
    begun.apply("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, settled.story)
        waiting, runs = _at(view.at(told_of_it), "eu-1"), _at(view, "eu-1")
        [over] = drifts(view)
    assert (waiting["state"], waiting["drift"]) == ("desired", None)
    assert (runs["state"], runs["drift"]) == ("applied", None)
    assert over["state"] == "over"


def test_a_drift_that_is_corrected_by_applying_again_is_corrected(
    empty: Empty,
) -> None:
    settled = _settled()
    settled.drift("eu-1")
    before = settled.story.now
    settled.apply("eu-1")
    settled.correct("eu-1")
    with empty() as connection:
        view = told(STAGE, connection, settled.story)
        drifted, now = _at(view.at(before), "eu-1"), _at(view, "eu-1")
        [found] = drifts(view)
    assert (found["state"], now["state"]) == ("corrected", "applied")
    assert now["converged_ms"] == drifted["converged_ms"]


def test_a_drift_seen_again_is_a_drift_of_its_own(empty: Empty) -> None:
    settled = _settled()
    first = settled.drift("eu-1", runs=1)
    second = settled.drift("eu-1", runs=3)
    with empty() as connection:
        view = told(STAGE, connection, settled.story)
        found = {each["drift"]: each["state"] for each in drifts(view)}
        assert _runs(_at(view, "eu-1")) == [3]
    assert found == {first: "over", second: "open"}


def test_the_agents_of_a_place_stand_with_its_targets(empty: Empty) -> None:
    begun = _begun()
    story = begun.story
    for target in ("eu-1", "eu-2"):
        fleet.enrol(story, f"scorer-{target}", "staging", target)
        fleet.hear(story, f"scorer-{target}")
    fleet.lose(story, "scorer-eu-1")
    fleet.drain(story, "scorer-eu-2")
    with empty() as connection:
        view = told(STAGE, connection, story)
        [lost], [rests], none = (
            _at(view, name)["agents"] for name in ("eu-1", "eu-2", "us-1")
        )
    assert (lost["agent"], lost["state"], lost["drained"]) == (
        "scorer-eu-1",
        "lost",
        False,
    )
    assert (rests["state"], rests["drained"]) == ("present", True)
    assert none == []


def test_what_runs_beside_a_stage_runs_on_its_agents(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    fleet.enrol(story, "scorer", "staging", "eu-1")
    canary(story, 1, "shadow", beside="staging")
    with empty() as connection:
        view = told(STAGE, connection, story)
        [found, *_] = targets(view, stage="shadow")
        board = lane(view, "fraud", "shadow")
    assert [each["agent"] for each in found["agents"]] == ["scorer"]
    assert board is not None
    assert (board["beside"], board["desired"]["traffic"]) == ("staging", "mirror")


def test_what_a_target_runs_that_nobody_registered_has_no_number(
    empty: Empty,
) -> None:
    settled = _settled()
    settled.drift("eu-1", runs=99)
    with empty() as connection:
        [runs] = _at(told(STAGE, connection, settled.story), "eu-1")["runs"]
    assert runs["version"] is None
    assert runs["digest"].startswith("sha256:")
