"""Is it told who broke the glass, what the gates said then, and who owes a look?"""

from datetime import timedelta

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.promotion import promotion
from rollbook_projections.stage.queries.waiver import requested, reviews, waivers
from tests.projections import change
from tests.projections.folding import Empty, told
from tests.projections.story import ALICE, BOB, Story
from tests.support.recorder import person

CAROL = person("c", "release-manager")


def _waiting() -> tuple[Story, int]:
    story = Story().begun()
    story.version()
    return story, story.request(1, "production")


def test_a_waiver_is_requested_and_then_granted_by_a_second_person(
    empty: Empty,
) -> None:
    story, id_ = _waiting()
    waiver = change.ask_to_waive(story, id_, "soak", "rate", by=ALICE)
    asked = story.now
    change.waive(story, id_, waiver, "soak", "rate", asked_by=ALICE, by=BOB)
    with empty() as connection:
        view = told(STAGE, connection, story)
        [before], [now] = waivers(view.at(asked)), waivers(view)
        assert [each["waiver"] for each in requested(view.at(asked))] == [waiver]
        assert requested(view) == []
        card = promotion(view, "fraud", id_)
    assert (before["state"], before["second_person"]) == ("requested", None)
    assert before["gates"][0] == {"gate": "soak", "status_then": None}
    assert (now["state"], now["second_person"]) == ("granted", BOB.id)
    assert now["gates"] == [
        {"gate": "soak", "status_then": "wait"},
        {"gate": "rate", "status_then": "wait"},
    ]
    assert (now["asked_by"], now["incident"]) == (ALICE.id, "INC-7")
    assert card is not None
    assert [each["waiver"] for each in card["waivers"]] == [waiver]
    assert [each["waiver"] for each in card["reviews"]] == [waiver]


def test_a_waiver_that_needs_nobody_waits_for_nobody(empty: Empty) -> None:
    story, id_ = _waiting()
    waiver = change.ask_to_waive(story, id_, needs_second_person=False)
    change.waive(story, id_, waiver, by=None)
    with empty() as connection:
        view = told(STAGE, connection, story)
        [shown] = waivers(view)
        assert requested(view.at(story.now - 2)) == []
    assert (shown["state"], shown["second_person"]) == ("granted", None)


def test_a_waiver_is_over_when_its_time_is(empty: Empty) -> None:
    story, id_ = _waiting()
    waiver = change.ask_to_waive(story, id_)
    change.waive(story, id_, waiver)
    at = story.ledger.at
    with empty() as connection:
        view = told(STAGE, connection, story)
        states = [
            waivers(view, now=at + later)[0]["state"]
            for later in (timedelta(0), timedelta(hours=2))
        ]
    assert states == ["granted", "over"]


def test_waivers_are_listed_by_model_and_promotion_the_latest_first(
    empty: Empty,
) -> None:
    story, id_ = _waiting()
    other = story.request(1, "production")
    asked = [change.ask_to_waive(story, each) for each in (id_, other, id_)]
    with empty() as connection:
        view = told(STAGE, connection, story)
        found = waivers(view, model="fraud", promotion=id_)
        [newest] = waivers(view, limit=1)
        older = waivers(view, before=newest["asked_seq"])
        assert waivers(view, model="churn") == []
    assert [each["waiver"] for each in found] == [asked[2], asked[0]]
    assert [each["waiver"] for each in older] == [asked[1], asked[0]]


def test_overdue_reviews_stand_on_top_and_only_time_makes_them_so(
    empty: Empty,
) -> None:
    story, id_ = _waiting()
    waived = [change.ask_to_waive(story, id_) for _ in range(2)]
    first = change.waive(story, id_, waived[0])
    change.close_review(story, first, by=CAROL)
    second = change.waive(story, id_, waived[1])
    at = story.ledger.at
    with empty() as connection:
        view = told(STAGE, connection, story)
        in_time = reviews(view, now=at)
        late = reviews(view, now=at + timedelta(days=1))
        owed = reviews(view, model="fraud", open_only=True)
    assert [(each["review"], each["overdue"]) for each in in_time] == [
        (first, False),
        (second, False),
    ]
    assert [(each["review"], each["overdue"]) for each in late] == [
        (second, True),
        (first, False),
    ]
    assert [each["review"] for each in owed] == [second]
    assert (in_time[0]["closed_by"], in_time[0]["finding"]) == (CAROL.id, "justified")
    assert in_time[1]["asked_by"] == ALICE.id
