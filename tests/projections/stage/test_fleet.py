"""Does the view know which agents are there, and which of them answer or rest?"""

from rollbook_projections import checkpoint
from rollbook_projections.stage.declaration import STAGE
from rollbook_projections.stage.queries.changes import changes
from rollbook_projections.stage.queries.fleet import agent, agents
from rollbook_projections.stage.queries.version import versions
from tests.projections import fleet
from tests.projections.folding import Empty, told
from tests.projections.story import ALICE, Story


def test_an_agent_is_enrolled_then_present_lost_present_and_revoked(
    empty: Empty,
) -> None:
    story = Story()
    fleet.enrol(story, "scorer", "staging", "eu-1")
    moments = [story.now]
    for act in (fleet.hear, fleet.lose, fleet.hear, fleet.revoke):
        act(story, "scorer")
        moments.append(story.now)
    with empty() as connection:
        view = told(STAGE, connection, story)
        seen = [agent(view.at(moment), "scorer") for moment in moments]
    states = [each and each["state"] for each in seen]
    assert states == ["enrolled", "present", "lost", "present", "revoked"]
    first, heard, lost, _, gone = seen
    assert first is not None
    assert (first["stage"], first["target"]) == ("staging", "eu-1")
    assert (first["public_key"], first["token"]) == (fleet.KEY, fleet.TOKEN)
    assert first["enrolled_by"] == ALICE.id
    assert (first["session"], first["since"]) == (None, first["enrolled_at"])
    assert heard is not None
    assert heard["session"] == "one"
    assert lost is not None
    assert lost["last_heard_at"] is not None
    assert lost["since"] > heard["since"]
    assert gone is not None
    assert (gone["reason"], gone["session"]) == ("its machine is gone", None)


def test_a_drained_agent_says_why_and_since_when(empty: Empty) -> None:
    story = Story()
    fleet.enrol(story, "scorer", "staging", "eu-1")
    fleet.hear(story, "scorer")
    fleet.drain(story, "scorer")
    rests = story.now
    fleet.lose(story, "scorer")
    fleet.undrain(story, "scorer")
    with empty() as connection:
        view = told(STAGE, connection, story)
        then, now = agent(view.at(rests), "scorer"), agent(view, "scorer")
    assert then is not None
    assert now is not None
    assert (then["drained"], then["state"]) == (True, "present")
    assert (then["reason"], then["changed_by"]) == ("disks are changed", ALICE.id)
    assert then["drained_at"] is not None
    assert (now["drained"], now["drained_at"], now["state"]) == (False, None, "lost")
    assert now["reason"] == "disks are new"


def test_agents_are_listed_by_place_and_state_and_in_pages(empty: Empty) -> None:
    story = Story()
    for stage, target in (("staging", "eu-1"), ("production", "eu-1")):
        fleet.enrol(story, f"{stage}-{target}", stage, target)
    fleet.hear(story, "staging-eu-1")
    with empty() as connection:
        view = told(STAGE, connection, story)
        found = [each["agent"] for each in agents(view)]
        assert found == ["production-eu-1", "staging-eu-1"]
        [first] = agents(view, limit=1)
        [rest] = agents(view, after=first["agent"])
        assert [first["agent"], rest["agent"]] == found
        assert [each["agent"] for each in agents(view, state="present")] == found[1:]
        assert [each["agent"] for each in agents(view, stage="production")] == found[:1]
        assert agents(view, target="us-1") == []
        assert agent(view, "nobody") is None


def test_an_agent_that_nobody_enrolled_stops_the_fleet_and_no_model(
    empty: Empty,
) -> None:
    story = Story().begun()
    fleet.enrol(story, "scorer", "staging", "eu-1")
    fleet.hear(story, "nobody")
    fleet.hear(story, "scorer")
    story.version()
    with empty() as connection:
        view = told(STAGE, connection, story)
        [halt] = checkpoint.halted(connection)
        known = agent(view, "scorer")
        assert [each["version"] for each in versions(view, "fraud")] == [1]
    assert (halt.aggregate, halt.is_newer) == ("fleet", False)
    assert "agents nobody: unknown" in halt.why
    assert known is not None
    assert known["state"] == "enrolled"


def test_a_name_that_was_revoked_may_be_enrolled_anew(empty: Empty) -> None:
    story = Story()
    fleet.enrol(story, "scorer", "staging", "eu-1")
    fleet.drain(story, "scorer")
    fleet.revoke(story, "scorer")
    fleet.enrol(story, "scorer", "production", "us-1")
    with empty() as connection:
        view = told(STAGE, connection, story)
        found = agent(view, "scorer")
        [changed] = changes(view, story.now - 1, story.now)
    assert found is not None
    assert (found["state"], found["drained"]) == ("enrolled", False)
    assert (found["stage"], found["target"]) == ("production", "us-1")
    assert changed["table"] == "agents"
    assert changed["after"]["stage"] == "production"
