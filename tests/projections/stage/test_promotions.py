"""Does the view know why a promotion waits, for whom, and how it ended?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.promotion import inbox, promotion, promotions
from rollbook_projections.stage.queries.version import version
from tests.projections.folding import Empty, told
from tests.projections.story import ALICE, BOB, Story
from tests.support.recorder import person

CAROL = person("c", "reviewer")


def _two_versions() -> Story:
    story = Story().begun()
    story.version()
    story.version(by=ALICE)
    return story


def test_a_promotion_tells_its_way_from_request_to_success(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    moments = [story.now]
    story.approve(id_)
    moments.append(story.now)
    story.dispatch(id_)
    moments.append(story.now)
    story.acknowledge(id_)
    moments.append(story.now)
    story.apply(id_)
    moments.append(story.now)
    with empty() as connection:
        view = told(STAGE, connection, story)
        seen = [promotion(view.at(moment), "fraud", id_) for moment in moments]
    states = [each["state"] for each in seen if each]
    assert states == ["GATING", "READY", "DISPATCHED", "PROGRESSING", "SUCCEEDED"]
    last = seen[-1]
    assert last is not None
    assert [voter["who"] for voter in last["voters"]] == [BOB.id]
    assert last["ended_seq"] is not None
    assert {gate["gate"]: gate["status"] for gate in last["gates"]} == {
        "quarantine": "pass",
        "sign-off": "pass",
        "lane": "pass",
    }


def test_a_gate_shows_its_latest_word(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    asked = story.now
    story.approve(id_)
    story.withdraw(id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        before, now = (promotion(view.at(at), "fraud", id_) for at in (asked, None))
    assert before is not None
    assert now is not None
    assert [gate["status"] for gate in now["gates"]] == ["pass", "wait"]
    assert now["state"] == "GATING"
    [vote] = now["votes"]
    assert (vote["voter"], vote["vote"], vote["live"]) == (BOB.id, "approve", False)
    assert before["votes"] == []


def test_a_rejection_ends_the_promotion_and_keeps_the_words(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    story.reject(id_)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert (shown["state"], shown["reason_code"]) == ("REJECTED", "votes")
    assert (shown["votes"][0]["vote"], shown["votes"][0]["comment"]) == ("reject", "no")


def test_what_waits_for_a_quarantined_version_is_rejected(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    other = story.request(2, "production")
    story.quarantine(1)
    with empty() as connection:
        view = told(STAGE, connection, story)
        shown = promotions(view, "fraud")
        barred = version(view, "fraud", 1)
    assert [(each["promotion"], each["state"]) for each in shown] == [
        (other, "GATING"),
        (id_, "REJECTED"),
    ]
    assert barred is not None
    assert barred["quarantine"][0]["stage"] is None


def test_promotions_are_found_by_lane_state_and_whether_they_are_open(
    empty: Empty,
) -> None:
    story = _two_versions()
    story.live(1, "staging")
    cancelled = story.request(2, "staging")
    story.cancel(cancelled)
    waiting = story.request(2, "production")
    with empty() as connection:
        view = told(STAGE, connection, story)
        everything = promotions(view)
        open_ = promotions(view, open_only=True)
        gone = promotions(view, "fraud", state="CANCELLED")
        staged = promotions(view, "fraud", stage="staging")
        older = promotions(view, before=everything[0]["requested_seq"])
    assert [each["promotion"] for each in everything] == [waiting, cancelled, 1]
    assert [each["promotion"] for each in open_] == [waiting]
    assert [each["promotion"] for each in gone] == [cancelled]
    assert [each["promotion"] for each in staged] == [cancelled, 1]
    assert older == everything[1:]


def test_the_inbox_says_who_is_barred_and_why(empty: Empty) -> None:
    story = _two_versions()
    mine = story.request(2, "production", by=BOB)
    voted = story.request(1, "production")
    story.approve(voted, by=CAROL)
    story.withdraw(voted, by=CAROL)
    with empty() as connection:
        view = told(STAGE, connection, story)
        cards = {
            who.id: {
                card["promotion"]: card["barred"]
                for card in inbox(view, who.id, ["reviewer"])
            }
            for who in (ALICE, BOB, CAROL)
        }
        strangers = {card["barred"] for card in inbox(view, "svc:other", ["viewer"])}
    assert strangers == {"role"}
    assert cards[ALICE.id] == {mine: "producer", voted: None}
    assert cards[BOB.id] == {mine: "requester", voted: None}
    assert cards[CAROL.id] == {mine: None, voted: None}


def test_the_inbox_is_empty_once_the_gate_is_open_or_the_promotion_over(
    empty: Empty,
) -> None:
    story = _two_versions()
    approved = story.request(1, "production")
    rejected = story.request(2, "production")
    waiting = story.now
    story.approve(approved)
    story.reject(rejected)
    with empty() as connection:
        view = told(STAGE, connection, story)
        before, now = inbox(view.at(waiting), CAROL.id, ()), inbox(view, CAROL.id, ())
    assert [card["promotion"] for card in before] == [approved, rejected]
    assert now == []


def test_votes_are_bound_to_the_live_evidence(empty: Empty) -> None:
    story = _two_versions()
    first, second = story.evaluate(1), story.evaluate(1)
    story.evaluate(2)
    id_ = story.request(1, "production")
    story.revoke(first)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert shown["evidence_set"] == [second]
