"""The rules change while promotions are on their way: what waits is asked anew."""

import pytest

from rollbook.catalogue.parts import GateStatus
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionReadied,
    PromotionRebound,
    PromotionRejected,
    PromotionSucceeded,
)
from rollbook.catalogue.waiver import GateWaived
from rollbook.commands.waiver import WaiveGates
from rollbook.names import GateName, PromotionId, Reason
from rollbook.refusals import Reason as Why
from rollbook_services.policy.document import Policy
from tests.services.scenarios.rules import (
    PRODUCTION_SPEC,
    SIGN_OFF,
    STAGING_SPEC,
    TWO_ROLES,
    policy,
    production,
)
from tests.services.scenarios.story import Story
from tests.support.governed import BOTH, COMMANDER, OWNER, RISK
from tests.support.scenario import FRAUD, PRODUCTION, STAGING, approve, promote
from tests.support.together import RULER

STRICTER: Policy = production(
    gates=[SIGN_OFF, {"id": "soak", "kind": "soak", "in": "staging", "for": "48h"}]
)
ELSEWHERE: Policy = policy(
    {**STAGING_SPEC, "protected": True}, {**PRODUCTION_SPEC, "gates": [SIGN_OFF]}
)
BAKED: Policy = production(gates=[SIGN_OFF], strategy={"all_at_once": {"bake": "6h"}})


@pytest.fixture
def ready(story: Story) -> Story:
    """On Tuesday at 12:00 promotion 2 is ready to go to production."""
    story.rule(TWO_ROLES)
    story.model(versions=2)
    story.live(1)
    story.request(1, PRODUCTION)
    story.at("2026-11-24 12:00").approve(2, OWNER, RISK)
    assert story.state(2) == "READY"
    return story


def test_stricter_rules_take_votes_back_and_add_their_own(ready: Story) -> None:
    """At 12:05 production also asks for a soak of two days; nobody agreed to that."""
    # given
    votes = {each.id for each in ready.now.promotion(2).votes}
    ready.at("2026-11-24 12:05").rule(STRICTER)
    # when
    then = ready.at("2026-11-24 12:06").dispatch(2)
    # then
    rebound = then.event(PromotionRebound)
    assert set(rebound.voided) == votes
    assert (rebound.from_digest, rebound.to_digest) == (
        TWO_ROLES.stages[1].digest,
        STRICTER.stages[1].digest,
    )
    words = then.words()
    assert words["sign-off"].status is GateStatus.WAIT
    assert words["soak"].status is GateStatus.WAIT
    assert ready.serves(PRODUCTION) is None


def test_it_goes_once_people_agree_under_the_new_rules(ready: Story) -> None:
    """Two days later the soak is over, and both have voted a second time."""
    # given
    ready.at("2026-11-24 12:05").rule(STRICTER)
    soaked = ready.wake(2).words()["soak"].recheck_at
    ready.later(minutes=5).approve(2, OWNER, RISK)
    # when
    ready.until(soaked).wake(2).then(PromotionReadied)
    snapshot = ready.dispatch(2).event(PromotionDispatched)
    # then
    assert snapshot.policy_digest == STRICTER.stages[1].digest


def test_a_page_from_before_is_out_of_date(ready: Story) -> None:
    """A third person votes on what was shown under the old rules."""
    page = ready.now
    ready.at("2026-11-24 12:05").rule(STRICTER)
    ready.wake(2)
    late = ready.ask(approve(2, page), by=BOTH)
    late.then_refused(Why.BINDING_CHANGED, changed=["evidence", "policy"])


def test_who_put_the_rules_in_force_does_not_approve_the_first_under_them(
    story: Story,
) -> None:
    """Y owns the policy and could review; another person has to, this once."""
    owned = production(gates=[{**SIGN_OFF, "slots": [{"role": "policy-owner"}]}])
    story.rule(owned)
    story.model(versions=1)
    story.live(1)
    number = story.request(1, PRODUCTION)
    refused = story.later(minutes=1).ask(approve(number, story.now), by=RULER)
    refused.then_refused(
        Why.SELF_APPROVAL,
        relation="activator",
    )


def test_new_rules_for_staging_leave_the_votes_for_production(ready: Story) -> None:
    """The digest is that of the stage alone: editing another one voids nothing."""
    ready.at("2026-11-24 12:05").rule(ELSEWHERE)
    ready.wake(2).then()
    assert ready.dispatch(2).event(PromotionDispatched).promotion == 2


def test_a_change_of_the_other_model_s_rules_is_none_of_ours(ready: Story) -> None:
    """Rules with their own name for `acme/other` take nothing from `acme/fraud`."""
    others = Policy.model_validate(
        {
            "apiVersion": "rollbook/v1",
            "kind": "ReleasePolicy",
            "metadata": {"name": "others"},
            "spec": {
                "applies_to": {"models": ["acme/other"]},
                "stages": [STAGING_SPEC],
            },
        }
    )
    ready.at("2026-11-24 12:05").rule(others)
    ready.wake(2).then()
    assert ready.state(2) == "READY"


def test_a_stage_that_is_left_out_ends_what_waits_for_it(ready: Story) -> None:
    """Production moves to another policy's care: nothing can open promotion 2 now."""
    ready.at("2026-11-24 12:05").rule(policy(STAGING_SPEC))
    then = ready.wake(2)
    assert then.event(PromotionRejected).reason_code == "stage_removed"
    ready.ask(promote(1, PRODUCTION), by=RULER).then_refused(Why.FORBIDDEN)


def test_what_is_under_way_keeps_the_deadlines_and_the_plan_it_began_with(
    ready: Story,
) -> None:
    """Dispatched at 12:01 without a bake; from 12:05 on production asks for six hours.

    Agents, people and timers follow the plan of the dispatch; the next change has to
    bake. What is measured is judged by the rules that hold then.
    """
    # given
    deadlines = ready.at("2026-11-24 12:01").dispatch(2).event(PromotionDispatched)
    ready.at("2026-11-24 12:05").rule(BAKED)
    underway = ready.now.promotion(2).underway
    assert underway is not None
    assert underway.deadlines == deadlines.deadlines
    # when
    then = ready.at("2026-11-24 12:10").apply(PRODUCTION)
    # then
    assert then.event(PromotionSucceeded).version == 1


def test_a_waiver_of_the_old_rules_is_void_too(story: Story) -> None:
    """A gate waived at 12:00 is another gate after 12:05: the glass is whole again."""
    glass = {
        "name": "sev2",
        "waives": ["approvals"],
        "roles": ["incident-commander"],
        "second_person": False,
        "valid_for": "4h",
        "review_within": "24h",
    }
    story.rule(production(gates=[SIGN_OFF], break_glass=[glass]))
    story.model(versions=1)
    story.live(1)
    story.request(1, PRODUCTION)
    waive = WaiveGates(
        model=FRAUD,
        promotion=PromotionId(2),
        break_glass="sev2",
        gates=(GateName("sign-off"),),
        reason=Reason("payments are down"),
        incident="INC-7",
    )
    story.at("2026-11-24 12:00").let(waive, by=COMMANDER).event(GateWaived)
    assert story.state(2) == "READY"
    # when
    shorter = {**glass, "valid_for": "1h"}
    changed = production(gates=[SIGN_OFF], break_glass=[shorter])
    story.at("2026-11-24 12:05").rule(changed)
    story.dispatch(2)
    # then
    assert story.state(2) == "GATING"
    assert story.now.words()["sign-off"].status is GateStatus.WAIT


def test_loosened_rules_let_it_go_at_the_next_look(story: Story) -> None:
    """Nobody signs off any more: what waited for two people is ready when woken."""
    story.rule(TWO_ROLES)
    story.model(versions=1)
    story.live(1)
    story.request(1, PRODUCTION)
    story.at("2026-11-24 12:05").rule(production())
    assert story.state(2) == "GATING", "nobody has looked yet"
    story.wake(2).then(PromotionRebound, PromotionReadied)
    assert story.dispatch(2).event(PromotionDispatched).stage == PRODUCTION
    assert story.serves(STAGING) == 1
