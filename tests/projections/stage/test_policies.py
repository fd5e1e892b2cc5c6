"""Is it told which rules hold, who wanted and endorsed them, and what they were?"""

from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.policy import (
    documents,
    policies,
    policy,
    resolve,
    revision,
    section,
)
from tests.projections.folding import Empty, told
from tests.projections.site import OTHER_OWNER, OWNER, Site, document
from tests.projections.story import Story


def _two_revisions() -> tuple[Site, str, str]:
    site = Site(Story().begun())
    first = site.propose("tier1", 1)
    site.activate(first)
    second = site.propose("tier1", 2)
    site.endorse(second, by=OTHER_OWNER)
    return site, first, second


def test_a_policy_shows_what_holds_and_what_is_proposed(empty: Empty) -> None:
    site, first, second = _two_revisions()
    with empty() as connection:
        [shown] = policies(told(STAGE, connection, site.story))
    assert (shown["policy"], shown["digest"]) == ("tier1", first)
    assert (shown["models"], shown["owners"]) == (["fraud"], ["risk-team"])
    assert shown["activated_by"] == OWNER.id
    [proposal] = shown["proposals"]
    assert (proposal["digest"], proposal["state"]) == (second, "proposed")
    assert [each["by"] for each in proposal["endorsements"]] == [OTHER_OWNER.id]
    assert "document" not in proposal


def test_what_is_superseded_is_past_and_keeps_its_document(empty: Empty) -> None:
    site, first, second = _two_revisions()
    before = site.story.now
    site.activate(second)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        shown = policy(view, "tier1")
        then = policy(view.at(before), "tier1")
        old = revision(view, "tier1", first)
        assert policy(view, "tier9") is None
        assert revision(view, "tier1", "sha256:" + "0" * 64) is None
    assert shown is not None
    states = {each["digest"]: each["state"] for each in shown["revisions"]}
    assert states == {second: "active", first: "past"}
    assert shown["revisions"][0]["supersedes"] == first
    assert then is not None
    assert then["digest"] == first
    assert old is not None
    assert old["document"] == document("tier1", 1)
    assert old["warnings"] == ["nobody holds role head-of-risk"]


def test_a_retired_policy_holds_for_nothing_and_may_come_back(empty: Empty) -> None:
    site, first, second = _two_revisions()
    site.retire("tier1")
    gone = site.story.now
    site.propose("tier1", 1)
    again = site.story.now
    site.activate(first)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        [retired], [wanted] = policies(view.at(gone)), policies(view.at(again))
        [back] = policies(view)
        old = revision(view.at(gone), "tier1", first)
    assert (retired["digest"], retired["retired_reason"]) == (None, "unused")
    assert old is not None
    assert old["state"] == "retired"
    assert wanted["digest"] is None
    assert {each["digest"] for each in wanted["proposals"]} == {first, second}
    assert (back["digest"], back["retired_at"]) == (first, None)


def test_a_revision_is_found_by_its_beginning_or_as_the_active_one(
    empty: Empty,
) -> None:
    site, first, second = _two_revisions()
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        assert resolve(view, "tier1", "active") == (first,)
        assert resolve(view, "tier1", second) == (second,)
        assert resolve(view, "tier1", first.removeprefix("sha256:")) == (first,)
        assert resolve(view, "tier1", first[:15]) == (first, second)
        assert resolve(view, "tier1", "sha256:ffffff") == ()
        assert resolve(view, "tier1", "no digest") == ()
        assert resolve(view, "tier9", "active") == ()


def test_two_revisions_are_held_side_by_side(empty: Empty) -> None:
    site, first, second = _two_revisions()
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        found = documents(view, "tier1", first, second)
        assert documents(view, "tier1", first, "sha256:" + "0" * 64) is None
    assert found is not None
    assert found["a"]["document"] == document("tier1", 1)
    assert found["b"]["document"] == document("tier1", 2)


def test_a_stage_inherits_the_defaults_of_its_policy(empty: Empty) -> None:
    site = Site(Story().begun())
    revision = site.propose("tier1", defaults={"queue": "fifo", "expires_after": "9d"})
    with empty() as connection:
        assert section(told(STAGE, connection, site.story), "tier1", "staging") is None
    site.activate(revision)
    with empty() as connection:
        view = told(STAGE, connection, site.story)
        found = section(view, "tier1", "production")
        assert section(view, "tier1", "nowhere") is None
    assert found is not None
    assert (found["stage"]["queue"], found["stage"]["expires_after"]) == ("fifo", "1d")
    assert found["activated_by"] == OWNER.id
