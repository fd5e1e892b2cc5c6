"""Does the view know by which plan a change goes, and how far it has come?"""

from datetime import datetime, timedelta

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.inbox import inbox
from rollbook_projections.stage.queries.lane import lane
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.view import Row, View
from tests.projections import change
from tests.projections.folding import Empty, Folding, told
from tests.projections.rollout import PLAN, Canary, canary, run_through
from tests.projections.story import Story
from tests.support.recorder import person


def _begun() -> Canary:
    story = Story().begun()
    story.version()
    story.version()
    story.live(1, "staging")
    return canary(story, 2)


def _rollout(view: View, id_: int = 2) -> Row:
    shown = promotion(view, "fraud", id_)
    assert shown is not None
    rollout: Row = shown["rollout"]
    return rollout


def _slot(view: View) -> Row:
    shown = lane(view, "fraud", "staging")
    assert shown is not None
    slot: Row = shown["slot"]
    return slot


def test_a_dispatched_change_shows_its_plan_and_its_first_step(empty: Empty) -> None:
    begun = _begun()
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        shown, slot = _rollout(view), _slot(view)
    assert shown["waves"] == PLAN.model_dump(mode="json")["waves"]
    assert [each["weight"] for each in shown["steps"]] == [25, 25, 100]
    assert shown["split_key"] == "header:x-customer"
    assert [each["metric"] for each in shown["measures"]] == ["error_rate"]
    now = shown["now"]
    assert (now["wave"], now["step"], now["weight"]) == (0, 0, 25)
    assert now["targets"] == ["eu-1"]
    assert now["applied_at"] is None
    assert now["step_by"] is not None
    assert slot["rollout"] == {**now, "waves": 2, "steps": 3}


def test_a_step_that_is_applied_says_until_when_it_bakes(empty: Empty) -> None:
    begun = _begun()
    begun.apply("eu-1")
    begun.bake()
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        now = _rollout(view)["now"]
        before = _rollout(view.at(begun.story.now - 1))["now"]
    applied, bakes = (
        datetime.fromisoformat(now[name]) for name in ("applied_at", "bake_until")
    )
    assert bakes - applied == timedelta(minutes=30) - timedelta(seconds=1)
    assert now["step_by"] is None
    assert (before["applied_at"], before["bake_until"]) == (None, None)
    assert before["step_by"] is not None


def test_a_pause_of_the_plan_names_the_role_that_ends_it(empty: Empty) -> None:
    begun = _begun()
    begun.apply("eu-1")
    begun.bake()
    begun.go_on()
    paused = begun.story.now
    begun.resume()
    begun.go_on()
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        stopped = promotion(view.at(paused), "fraud", 2)
        going_on = promotion(view, "fraud", 2)
    assert stopped is not None
    assert going_on is not None
    assert stopped["state"] == "PAUSED"
    pause = stopped["pause"]
    assert (pause["cause"], pause["role"]) == ("step", "model-owner")
    now = stopped["rollout"]["now"]
    assert (now["step"], now["pause"], now["step_by"]) == (1, "model-owner", None)
    assert (going_on["state"], going_on["pause"]) == ("PROGRESSING", None)
    now = going_on["rollout"]["now"]
    assert (now["step"], now["pause"]) == (2, None)


def test_a_pause_of_the_plan_waits_in_the_inbox_of_its_role_alone(
    empty: Empty,
) -> None:
    begun = _begun()
    begun.apply("eu-1")
    begun.go_on()
    paused = begun.story.now
    begun.resume()
    owner, other = person("o", "model-owner"), person("p", "release-manager")
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        [card] = inbox(view.at(paused), owner.id, owner.roles)
        assert inbox(view.at(paused), other.id, other.roles) == []
        assert inbox(view.at(paused), "svc:robot", owner.roles) == []
        assert inbox(view, owner.id, owner.roles) == []
    assert (card["kind"], card["promotion"], card["role"]) == (
        "pause",
        begun.id,
        "model-owner",
    )
    assert card["reason"] == "weekly retrain"


def test_the_second_wave_begins_with_the_first_step(empty: Empty) -> None:
    begun = _begun()
    while begun.wave == 0:
        if begun.asked.state == "PAUSED":
            begun.resume()
        else:
            begun.apply("eu-1")
            begun.bake()
        begun.go_on()
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        now, slot = _rollout(view)["now"], _slot(view)
        shown = promotion(view, "fraud", 2)
    assert (now["wave"], now["step"], now["weight"]) == (1, 0, 25)
    assert now["targets"] == ["eu-2", "us-1"]
    assert (slot["rollout"]["wave"], slot["rollout"]["waves"]) == (1, 2)
    assert shown is not None
    assert [(each["wave"], each["step"]) for each in shown["steps"]] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
    ]
    assert all(each["completed_at"] for each in shown["steps"][:-1])


def test_the_last_bake_is_the_one_of_the_whole_change(empty: Empty) -> None:
    begun = _begun()
    while begun.asked.state != "VERIFYING":
        if begun.asked.state == "PAUSED":
            begun.resume()
        else:
            begun.apply("eu-1", "eu-2", "us-1")
        begun.go_on()
    verifying = begun.story.now
    begun.succeed()
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        then, now = _rollout(view.at(verifying)), _rollout(view)
        shown = lane(view, "fraud", "staging")
    assert then["now"]["bake_until"] is not None
    assert then["now"]["completed_at"] is not None
    assert then == now
    assert shown is not None
    assert shown["stable"]["version"] == 2
    assert shown["desired"]["variants"].keys() == {"stable"}
    assert shown["status"] == "SETTLED"


def test_a_change_recorded_before_there_were_plans_shows_its_one_step(
    empty: Empty,
) -> None:
    story = Story().begun()
    story.version()
    id_ = story.request(1, "staging")
    story.dispatch(id_)
    with empty() as connection:
        shown = _rollout(told(STAGE, connection, story), id_)
    assert (shown["waves"], shown["steps"], shown["split_key"]) == ([], [], None)
    assert (shown["now"]["wave"], shown["now"]["weight"]) == (0, 100)
    assert shown["now"]["step_by"] is not None  # as the dispatch said


def test_what_waits_or_is_not_deployed_has_no_rollout(empty: Empty) -> None:
    story = Story().begun()
    story.version()
    waiting, kept = story.request(1, "staging"), story.live(1, "development")
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = [promotion(view, "fraud", id_) for id_ in (waiting, kept)]
    assert [each and each["rollout"] for each in shown] == [None, None]
    assert [each and each["targets"] for each in shown] == [[], []]


def test_a_pause_gives_the_step_its_time_back(empty: Empty) -> None:
    begun = _begun()
    begun.acknowledge("eu-1")
    change.pause(begun.story, begun.id)
    change.resume(begun.story, begun.id)  # a second later
    with empty() as connection:
        view = told(STAGE, connection, begun.story)
        before = _rollout(view.at(begun.story.now - 2))["now"]
        after = _rollout(view)["now"]
    ends = [datetime.fromisoformat(each["step_by"]) for each in (before, after)]
    assert ends[1] - ends[0] == timedelta(seconds=1)


def test_a_whole_rollout_is_seen_as_it_was_after_each_event(empty: Empty) -> None:
    begun = _begun()
    run_through(begun)
    with empty() as connection:
        folding = Folding(STAGE, connection)
        seen = []
        for message in begun.story.ledger.messages:
            folding.take([message])
            seen.append(promotion(folding.view(), "fraud", 2))
        again = [
            promotion(folding.view(moment + 1), "fraud", 2)
            for moment in range(len(seen))
        ]
    assert again == seen
    assert seen[-1] is not None
