"""Does the view know what ran beside the live version, and what that showed?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.experiment import experiment, experiments
from rollbook_projections.stage.queries.lane import lane
from rollbook_projections.stage.queries.promotion import promotion
from tests.projections import fleet
from tests.projections.folding import Empty, told
from tests.projections.rollout import canary
from tests.projections.story import Story


def _running() -> tuple[Story, int]:
    story = Story().begun()
    story.version()
    story.version()
    begun = canary(story, 2, "challenger", beside="production")
    fleet.experiment(story, begun.id)
    return story, begun.id


def test_an_experiment_runs_and_is_concluded_with_what_it_showed(
    empty: Empty,
) -> None:
    story, id_ = _running()
    running = story.now
    fleet.conclude(story, id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = (experiment(view.at(at), "fraud", id_) for at in (running, None))
        board = lane(view.at(running), "fraud", "challenger")
        after = lane(view, "fraud", "challenger")
        card = promotion(view, "fraud", id_)
    assert then is not None
    assert now is not None
    assert (then["state"], then["champion"], then["candidate"]) == ("running", 1, 2)
    assert (then["share"], then["summary"], then["winner"]) == (10, {}, None)
    assert (now["state"], now["winner"], now["cause"]) == (
        "concluded",
        "challenger",
        "samples",
    )
    assert now["summary"]["candidate"] == {"conversion": 0.12}
    assert now["ended_at"] is not None
    assert board is not None
    assert board["experiment"] == then
    assert after is not None
    assert after["experiment"] is None
    assert card is not None
    assert card["experiment"] == now


def test_an_experiment_whose_base_changed_says_nothing(empty: Empty) -> None:
    story, id_ = _running()
    fleet.invalidate(story, id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        [found] = experiments(view, model="fraud", state="invalidated")
        assert experiments(view, state="running") == []
        assert experiments(view, stage="shadow") == []
        assert experiments(view, before=found["started_seq"]) == []
    assert (found["cause"], found["winner"], found["inputs"]) == (
        "champion_changed",
        None,
        [],
    )
