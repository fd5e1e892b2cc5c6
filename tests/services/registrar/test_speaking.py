"""Of which lanes may an agent speak?"""

from datetime import timedelta

from rollbook.catalogue.lane import SlotReleased
from rollbook.catalogue.promotion import PromotionErrored
from rollbook.catalogue.target import TargetErrored, TargetFailed
from rollbook.commands.target import ReportedState
from rollbook.envelope import Actor, ActorKind
from rollbook.names import StageName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook_services.registrar.authorise import may
from tests.services.registrar.targets import (
    ACKNOWLEDGED,
    BESIDE,
    DRIFTED,
    EU1,
    EU2,
    LIVE,
    OTHER,
    UNAPPLIED,
    agent,
    brought,
    lives,
    runs,
    says,
)
from tests.support.scenario import CONDUCTOR, digest, report


def test_an_agent_speaks_also_of_what_runs_beside_its_stage() -> None:
    model = brought(lives(), 2, BESIDE, applied=False)
    assert model.lane(BESIDE).desired is not None
    model = runs(model, BESIDE)
    now = model.lane(BESIDE).targets[EU1]
    assert (now.state, now.observed) == ("applied", {"challenger": digest(2)})
    lost = report(model, BESIDE, UNAPPLIED, target=EU1, code="load_failed")
    model = model.when(lost, by=agent())
    assert model.event(TargetFailed).report.target == EU1


def test_an_agent_speaks_of_no_other_lane_though_its_target_is_called_the_same() -> (
    None
):
    model = brought(brought(lives(), 2, OTHER), 3, BESIDE, applied=False)
    for state in ReportedState:
        for stage in (OTHER, StageName("nowhere")):
            said = report(model, stage, state, target=EU1, code="load_failed")
            assert may(agent(), said) is None  # the rule knows
            no = model.when(said, by=agent())
            no.then_refused(Why.WRONG_TARGET, reported=f"{stage}/eu-1")
            assert no.model is model.model
        own = report(model, LIVE, state, target=EU1, code="load_failed")
        for strange in (agent(EU1, OTHER), agent(EU1, BESIDE)):
            model.when(own, by=strange).then_refused(Why.WRONG_TARGET)
        beside = report(model, BESIDE, state, target=EU1, code="load_failed")
        model.when(beside, by=agent(EU1, OTHER)).then_refused(Why.WRONG_TARGET)
        for stage in (LIVE, BESIDE):
            said = report(model, stage, state, target=EU1, code="load_failed")
            told = may(agent(EU2), said)
            assert isinstance(told, Refusal)
            assert told.reason is Why.WRONG_TARGET


def test_what_an_empty_lane_will_run_beside_is_not_known_yet() -> None:
    model = lives()
    said = report(model, BESIDE, ACKNOWLEDGED, target=EU1, token=0, revision=0)
    model.when(said, by=agent()).then_refused(Why.WRONG_TARGET, bound="live/eu-1")


def test_an_agent_without_a_place_speaks_for_nothing() -> None:
    model = lives()
    for credential in ({}, {"target": "eu-1"}, {"stage": "live"}):
        nobody = Actor(agent().id, ActorKind.WORKLOAD, agent().roles, credential)
        told = may(nobody, says(model, DRIFTED))
        assert isinstance(told, Refusal)
        assert told.reason is Why.WRONG_TARGET


def test_the_conductor_says_of_any_lane_that_nobody_answers() -> None:
    model = brought(lives(), 2, applied=False)
    lost = report(model, LIVE, UNAPPLIED, target=EU1, code="unreachable")
    model = model.when(lost, by=CONDUCTOR, after=timedelta(seconds=1))
    model.then(TargetErrored, PromotionErrored, SlotReleased)
