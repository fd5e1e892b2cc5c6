"""Does everybody see what waits for them, and nobody what they may not do?"""

from datetime import timedelta

from rollbook.envelope import Actor
from rollbook.names import EventId
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.inbox import inbox
from rollbook_projections.view import Row, View
from tests.projections import change
from tests.projections.folding import Empty, told
from tests.projections.site import COMMANDER, OTHER_OWNER, OWNER, Site
from tests.projections.story import ALICE, BOB, Story
from tests.support.recorder import person

CAROL = person("c", "reviewer")
SAME_AS_BOB = person("d", "reviewer", "release-manager")
OTHER_COMMANDER = person("h", "incident-commander")
HEAD = person("i", "head-of-risk")


def _two_versions() -> Story:
    story = Story().begun()
    story.version()
    story.version(by=ALICE)
    return story


def _of(view: View, who: Actor, kind: str, **moment: object) -> list[Row]:
    cards = inbox(view, who.id, who.roles, **moment)  # type: ignore[arg-type]
    return [card for card in cards if card["kind"] == kind]


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


def test_an_approval_card_says_what_kind_of_promotion_it_is(empty: Empty) -> None:
    story = _two_versions()
    story.request(1, "production")
    with empty() as connection:
        [card] = inbox(told(STAGE, connection, story), BOB.id, BOB.roles)
    assert (card["kind"], card["promotion_kind"]) == ("approval", "forward")


def test_accounts_of_one_person_count_as_one(empty: Empty) -> None:
    story = _two_versions()
    mine = story.request(1, "production", by=BOB)
    voted = story.request(2, "production")
    story.approve(voted, by=CAROL)
    story.withdraw(voted, by=CAROL)
    change.ask_for_changes(story, voted, by=BOB)
    before = story.now
    site = Site(story)
    site.link(BOB, SAME_AS_BOB)
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = (
            {
                card["promotion"]: card["barred"]
                for card in _of(view.at(moment), SAME_AS_BOB, "approval")
            }
            for moment in (before, None)
        )
    assert then == {mine: None, voted: None}
    assert now == {mine: "requester", voted: None}


def test_who_voted_under_another_name_has_voted(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    story.approve(id_, by=BOB)
    story.approve(id_, by=CAROL)
    story.withdraw(id_, by=CAROL)
    Site(story).link(BOB, SAME_AS_BOB)
    with empty() as connection:
        view = told(STAGE, connection, story)
        [card] = _of(view, SAME_AS_BOB, "approval")
        [other] = _of(view, CAROL, "approval")
    assert (card["barred"], other["barred"]) == ("voted", None)


def test_links_make_one_person_of_all_they_reach(empty: Empty) -> None:
    story = _two_versions()
    story.request(1, "production", by=BOB)
    site = Site(story)
    reached = [person(letter, "reviewer") for letter in "klm"]
    site.link(BOB, reached[0])
    site.link(reached[1], reached[2])
    apart = story.now
    site.link(reached[0], reached[1])
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = (
            [_of(at, who, "approval")[0]["barred"] for who in (BOB, *reached)]
            for at in (view.at(apart), view)
        )
    assert then == ["requester", "requester", None, None]
    assert now == ["requester"] * 4


def test_a_vote_that_ran_out_is_awaited_again(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    until = story.ledger.at + timedelta(hours=1)
    story.approve(id_, by=BOB, until=until)
    story.approve(id_, by=CAROL)
    story.withdraw(id_, by=CAROL)
    with empty() as connection:
        view = told(STAGE, connection, story)
        barred = [
            _of(view, BOB, "approval", now=now)[0]["barred"]
            for now in (until - timedelta(seconds=1), until)
        ]
    assert barred == ["voted", None]


def test_a_policy_may_bar_authors_and_let_requesters_vote(empty: Empty) -> None:
    story = Story().begun()
    story.version(authors=(CAROL.id,))
    site = Site(story)
    duties = {"requester": False, "producer": True, "authors": True}
    defaults = {"separation_of_duties": duties}
    site.activate(site.propose("tier1", defaults=defaults), by=BOB)
    id_ = story.request(1, "production", by=ALICE)
    change.rebind(story, id_, "tier1")
    with empty() as connection:
        view = told(STAGE, connection, story)
        barred = {
            who.id: _of(view, who, "approval")[0]["barred"]
            for who in (ALICE, BOB, CAROL)
        }
    assert barred == {ALICE.id: None, BOB.id: "activator", CAROL.id: "author"}


def test_who_activated_the_policy_may_vote_once_something_ran_under_it(
    empty: Empty,
) -> None:
    story = _two_versions()
    site = Site(story)
    site.activate(site.propose("tier1"), by=BOB)
    story.live(1, "production")
    id_ = story.request(1, "production")
    change.rebind(story, id_, "tier1")
    with empty() as connection:
        [card] = _of(told(STAGE, connection, story), BOB, "approval")
    assert card["barred"] is None


def test_a_rollback_under_a_policy_is_no_first_use_of_it(empty: Empty) -> None:
    story = _two_versions()
    for version in (1, 2):
        story.live(version, "production")
    site = Site(story)
    site.activate(site.propose("tier1"), by=BOB)
    story.apply(story.roll_back("production", 1))
    change.rebind(story, story.request(2, "production"), "tier1")
    with empty() as connection:
        [card] = _of(told(STAGE, connection, story), BOB, "approval")
    assert card["barred"] == "activator"


def test_what_is_dispatched_waits_for_nobody(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    story.dispatch(id_)  # as where the approvals only warn
    with empty() as connection:
        assert inbox(told(STAGE, connection, story), BOB.id, BOB.roles) == []


def _asking_to_waive(*, with_policy: bool = True) -> tuple[Story, int, EventId]:
    story = _two_versions()
    site = Site(story)
    if with_policy:
        site.activate(site.propose("tier1"))
    id_ = story.request(1, "production")
    change.rebind(story, id_, "tier1")
    waiver = change.ask_to_waive(story, id_, by=COMMANDER)
    return story, id_, waiver


def test_a_waiver_waits_for_a_second_person_of_its_class(empty: Empty) -> None:
    story, id_, waiver = _asking_to_waive()
    with empty() as connection:
        view = told(STAGE, connection, story)
        [card] = _of(view, OTHER_COMMANDER, "waiver")
        assert _of(view, COMMANDER, "waiver") == []  # who asked
        assert _of(view, BOB, "waiver") == []  # another role
        late = story.ledger.at + timedelta(days=1)
        assert _of(view, OTHER_COMMANDER, "waiver", now=late) == []
    assert (card["waiver"], card["promotion"], card["version"]) == (waiver, id_, 1)
    assert card["barred"] is None


def test_a_waiver_of_a_promotion_that_is_over_waits_for_nobody(empty: Empty) -> None:
    story, id_, _ = _asking_to_waive()
    story.cancel(id_)
    with empty() as connection:
        view = told(STAGE, connection, story)
        assert _of(view, OTHER_COMMANDER, "waiver") == []


def test_a_class_that_no_policy_has_waits_for_nobody(empty: Empty) -> None:
    story, _, _ = _asking_to_waive(with_policy=False)
    with empty() as connection:
        view = told(STAGE, connection, story)
        assert _of(view, OTHER_COMMANDER, "waiver") == []


def test_while_a_review_is_overdue_the_escalation_role_is_asked(empty: Empty) -> None:
    story, id_, waiver = _asking_to_waive()
    change.waive(story, id_, waiver, asked_by=COMMANDER, by=OTHER_COMMANDER)
    lasts = timedelta(days=2)
    change.ask_to_waive(story, id_, "rate", by=COMMANDER, lasts=lasts)
    in_time, late = (story.ledger.at + timedelta(hours=each) for each in (1, 9))
    with empty() as connection:
        view = told(STAGE, connection, story)
        asked = {
            who.id: [len(_of(view, who, "waiver", now=now)) for now in (in_time, late)]
            for who in (OTHER_COMMANDER, HEAD)
        }
    assert asked == {OTHER_COMMANDER.id: [1, 0], HEAD.id: [0, 1]}


def test_a_review_waits_for_those_who_had_no_part_in_it(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production", by=ALICE)
    waiver = change.ask_to_waive(story, id_, by=COMMANDER)
    change.waive(story, id_, waiver, asked_by=COMMANDER, by=OTHER_COMMANDER)
    owed = story.now
    late = story.ledger.at + timedelta(days=1)
    manager = person("j", "release-manager")
    with empty() as connection:
        view = told(STAGE, connection, story)
        [card] = _of(view, manager, "review", now=late)
        [in_time] = _of(view, HEAD, "review")
        involved = (ALICE, COMMANDER, OTHER_COMMANDER)
        assert [_of(view, who, "review") for who in involved] == [[], [], []]
        assert _of(view, BOB, "review") == []  # no role for it
    assert (card["waiver"], card["promotion"]) == (waiver, id_)
    assert card["gates"] == ["soak"]
    assert (card["overdue"], in_time["overdue"]) == (True, False)
    assert owed == story.now


def test_a_review_that_is_closed_waits_no_more(empty: Empty) -> None:
    story = _two_versions()
    id_ = story.request(1, "production")
    waiver = change.ask_to_waive(story, id_, by=COMMANDER)
    review = change.waive(story, id_, waiver, asked_by=COMMANDER)
    before = story.now
    manager = person("j", "release-manager")
    change.close_review(story, review, by=manager)
    with empty() as connection:
        view = told(STAGE, connection, story)
        assert len(_of(view.at(before), manager, "review")) == 1
        assert _of(view, manager, "review") == []


def test_a_policy_waits_for_owners_who_did_not_propose_it(empty: Empty) -> None:
    story = Story().begun()
    site = Site(story)
    control = {"endorsements": 2, "role": "policy-owner"}
    site.activate(site.propose("tier1", 1, change_control=control))
    revision = site.propose("tier1", 2, by=OWNER)
    third = person("k", "policy-owner")
    site.endorse(revision, by=third)
    before = story.now
    site.endorse(revision, by=OTHER_OWNER)
    with empty() as connection:
        view = told(STAGE, connection, story)
        then = view.at(before)
        [card] = _of(then, OTHER_OWNER, "policy")
        barred = (OWNER, third, BOB)
        assert [_of(then, who, "policy") for who in barred] == [[], [], []]
        assert _of(view, OTHER_OWNER, "policy") == []
    assert (card["policy"], card["digest"], card["needs"]) == ("tier1", revision, 1)
    assert card["asks"] == "endorse"
    assert "document" not in card


def test_only_the_first_rules_of_an_installation_need_nobody(empty: Empty) -> None:
    site = Site(Story().begun())
    first = site.propose("tier1")
    alone = site.story.now
    site.activate(first)
    site.retire("tier1")
    second = site.propose("tier2", change_control={"endorsements": 3})
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        assert _of(view.at(alone), OTHER_OWNER, "policy") == []
        [card] = _of(view, OTHER_OWNER, "policy")
    assert (card["digest"], card["needs"]) == (second, 3)


def test_taking_a_model_from_another_policy_needs_as_many_as_that_asks(
    empty: Empty,
) -> None:
    site = Site(Story().begun())
    everything, one = {"models": ["fr*"]}, {"models": ["fraud"]}
    strict, lax = {"endorsements": 4}, {"endorsements": 0}
    wide = site.propose("wide", applies_to=everything, change_control=strict)
    site.activate(wide)
    site.propose("narrow", applies_to=one, change_control=lax)
    site.propose("other", applies_to={"models": ["churn"]}, change_control=lax)
    with empty() as connection:
        [card] = _of(told(STAGE, connection, site.story), OTHER_OWNER, "policy")
    assert (card["policy"], card["needs"], card["role"]) == (
        "narrow",
        4,
        "policy-owner",
    )


def test_retiring_rules_waits_for_owners_who_did_not_ask_for_it(empty: Empty) -> None:
    site = Site(Story().begun())
    site.activate(site.propose("tier1"))
    site.ask_to_retire("tier1", by=OWNER)
    asked = site.story.now
    site.retire("tier1", by=OTHER_OWNER)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        then = view.at(asked)
        [card] = _of(then, OTHER_OWNER, "policy")
        assert _of(then, OWNER, "policy") == []
        assert _of(view, OTHER_OWNER, "policy") == []
    assert (card["policy"], card["asks"], card["needs"]) == ("tier1", "retire", 1)
    assert [wish["by"] for wish in card["retiring"]] == [OWNER.id]


def test_a_workload_is_asked_for_nothing_that_takes_a_person(empty: Empty) -> None:
    story, id_, waiver = _asking_to_waive()
    change.waive(story, id_, waiver, asked_by=COMMANDER, by=OTHER_COMMANDER)
    with empty() as connection:
        view = told(STAGE, connection, story)
        cards = inbox(view, "svc:bot", ["release-manager", "incident-commander"])
    assert {card["kind"] for card in cards} == {"approval"}
