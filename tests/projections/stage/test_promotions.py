"""Does the view know why a promotion waits, for whom, and how it ended?"""

from datetime import datetime, timedelta

from rollbook.catalogue.evidence import Verified
from rollbook.catalogue.parts import GateStatus
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.promotion import promotion, promotions
from rollbook_projections.stage.queries.version import version
from tests.projections import change, facts
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


def test_a_gate_that_says_the_same_again_has_said_it_before(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    at = story.ledger.at
    story.say(facts.judged(story.promotions[id_], "quarantine", "quarantine"))
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert datetime.fromisoformat(shown["gates"][0]["at"]) == at


def test_a_rollback_names_the_incident_that_made_it_necessary(empty: Empty) -> None:
    story = _two_versions()
    story.live(1, "staging")
    story.live(2, "staging")
    id_ = story.roll_back("staging", 1, incident="INC-9")
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert shown["incident"] == "INC-9"


def test_a_waived_gate_names_its_waiver_and_when_it_is_looked_at_again(
    empty: Empty,
) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    waiver = change.ask_to_waive(story, id_)
    change.waive(story, id_, waiver)
    until = story.ledger.at + timedelta(hours=1)
    asked = story.promotions[id_]
    said = {"waiver": waiver, "recheck_at": until}
    story.say(facts.judged(asked, "soak", "soak", GateStatus.WAIVED, **said))
    waived = story.now
    story.say(facts.judged(asked, "soak", "soak", GateStatus.PASS))
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = (promotion(view.at(at), "fraud", id_) for at in (waived, None))
    assert then is not None
    assert now is not None
    gate, later = then["gates"][-1], now["gates"][-1]
    assert (gate["status"], gate["waiver"]) == ("waived", waiver)
    assert datetime.fromisoformat(gate["recheck_at"]) == until
    assert (later["status"], later["waiver"]) == ("pass", None)


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


def test_votes_are_bound_to_the_live_evidence(empty: Empty) -> None:
    story = _two_versions()
    signed = Verified(
        kid="ed25519:" + "0" * 16, issuer="ci-main", predicate_type="https://slsa.dev"
    )
    first, second = story.evaluate(1), story.evaluate(1, verified=signed)
    story.evaluate(2)
    id_ = story.request(1, "production")
    story.revoke(first)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert shown["evidence_set"] == [second]
    assert shown["evidence"] == [
        {"evidence": second, "kind": "evaluation", "verified": True}
    ]


def test_a_wish_for_changes_and_a_refused_vote_are_kept_with_their_words(
    empty: Empty,
) -> None:
    story = _two_versions()
    id_ = story.request(1, "production", by=ALICE)
    story.approve(id_, by=BOB)
    change.ask_for_changes(story, id_, by=BOB)
    change.refuse_vote(story, id_, by=ALICE)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    yes, changes, refused = shown["votes"]
    assert (yes["vote"], yes["live"]) == ("approve", False)
    assert (changes["vote"], changes["live"]) == ("request-changes", True)
    assert changes["comment"] == "name the data set"
    assert (refused["vote"], refused["live"]) == ("approve", False)
    assert (refused["voter"], refused["refused"]) == (ALICE.id, "self_approval")
    assert "somebody else must vote" in refused["comment"]


def test_a_later_vote_takes_the_place_of_the_voters_own_and_of_no_other(
    empty: Empty,
) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    for voter in (BOB, CAROL, BOB):
        story.approve(id_, by=voter)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert [vote["live"] for vote in shown["votes"]] == [False, True, True]


def test_other_rules_void_every_vote_and_the_promotion_waits_again(
    empty: Empty,
) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    story.approve(id_)
    before = story.now
    change.rebind(story, id_, "tier1")
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = (promotion(view.at(at), "fraud", id_) for at in (before, None))
    assert then is not None
    assert now is not None
    assert (then["state"], then["policy"]) == ("READY", "built-in")
    assert then["votes"][0]["live"]
    assert (now["state"], now["policy"]) == ("GATING", "tier1")
    assert now["policy_digest"] == story.promotions[id_].policy_digest
    assert now["readied_at"] is None
    [vote] = now["votes"]
    assert (vote["live"], vote["voided_by"]) == (False, "policy")


def test_another_incumbent_voids_the_votes_that_were_about_the_old_one(
    empty: Empty,
) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    story.approve(id_)
    change.rebase(story, id_, to=2)
    with empty() as connection:
        shown = promotion(told(STAGE, connection, story), "fraud", id_)
    assert shown is not None
    assert (shown["state"], shown["incumbent"]) == ("GATING", 2)
    assert [vote["voided_by"] for vote in shown["votes"]] == ["incumbent"]


def test_what_nobody_opened_in_time_is_expired(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    change.expire(story, id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        [shown] = promotions(view, state="EXPIRED")
        assert promotions(view, open_only=True) == []
    assert shown["ended_seq"] == story.now
