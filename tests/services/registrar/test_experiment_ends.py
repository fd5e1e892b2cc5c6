"""What ran beside the live version is over: what did it show, and what is left?"""

from dataclasses import replace

import pytest

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.experiment import (
    ExperimentConcluded,
    ExperimentInvalidated,
    Winner,
)
from rollbook.catalogue.lane import (
    DesiredSet,
    SlotReleased,
    SlotTaken,
    StableAdvanced,
)
from rollbook.catalogue.parts import GateStatus, PromotionKind, Scope, Verdict
from rollbook.catalogue.promotion import (
    AnalysisRecorded,
    PromotionAborted,
    PromotionDispatched,
    PromotionErrored,
    PromotionFailed,
    PromotionSucceeded,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    PausePromotion,
    ResumePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.commands.version import QuarantineVersion, RetireVersion
from rollbook.names import StageName, Version
from rollbook.refusals import Reason as Why
from rollbook_services.registrar.seeing import stage_of, status_of
from tests.services.registrar.beside import (
    DUEL,
    IT,
    PROD,
    SHADOW,
    TARGETS,
    WHY,
    applied,
    begun,
    live,
    look,
    measure,
    measured,
    over,
    running,
    serves_nothing,
    speaker,
)
from tests.support.governed import policy, under
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    Scenario,
    agent,
    promote,
    report,
    roll_back,
)

# How it ends, and what that shows.


@pytest.mark.parametrize(
    ("samples", "verdict"), [(1000, Verdict.PASS), (999, Verdict.INCONCLUSIVE)]
)
def test_a_shadow_shows_its_metrics_where_enough_was_measured(
    samples: int, verdict: Verdict
) -> None:
    model = measured(running(SHADOW), 0.93, 0.91, samples)
    model = over(model)
    model.then(
        EvidenceRecorded,
        ExperimentConcluded,
        DesiredSet,
        PromotionSucceeded,
        SlotReleased,
    )
    found = model.event(EvidenceRecorded)
    assert (found.kind, found.version, found.verdict) == ("shadow", 2, verdict)
    assert found.subject_digest == model.promotion(IT).digest
    assert found.metrics == {"auc": 0.93, "champion_auc": 0.91, "samples": samples}
    ended = model.event(ExperimentConcluded)
    assert (ended.winner, ended.cause, ended.samples) == (Winner.NONE, "time", samples)
    assert ended.evidence == model.id_of(EvidenceRecorded)
    assert ended.summary == {"candidate": {"auc": 0.93}, "champion": {"auc": 0.91}}


@pytest.mark.parametrize(
    ("better", "candidate", "champion", "samples", "winner", "verdict"),
    [
        ("higher", 0.93, 0.91, 500, Winner.CHALLENGER, Verdict.PASS),
        ("higher", 0.90, 0.91, 500, Winner.CHAMPION, Verdict.FAIL),
        ("lower", 0.93, 0.91, 500, Winner.CHAMPION, Verdict.FAIL),
        ("lower", 0.90, 0.91, 500, Winner.CHALLENGER, Verdict.PASS),
        ("higher", 0.91, 0.91, 500, Winner.NONE, Verdict.INCONCLUSIVE),
        ("higher", 0.93, 0.91, 99, Winner.NONE, Verdict.INCONCLUSIVE),
        ("higher", None, 0.91, 500, Winner.NONE, Verdict.INCONCLUSIVE),
        ("higher", 0.93, None, 500, Winner.NONE, Verdict.INCONCLUSIVE),
    ],
)
def test_who_did_better_wins_and_nobody_where_that_is_not_known(
    better: str,
    candidate: float | None,
    champion: float | None,
    samples: int,
    winner: Winner,
    verdict: Verdict,
) -> None:
    model = running(DUEL, live(better=better, stop={"after": "24h"}))
    model = look(measured(model, candidate, champion, samples), hours=24)
    assert model.event(ExperimentConcluded).winner is winner
    said = model.event(EvidenceRecorded)
    assert (said.kind, said.verdict) == ("experiment", verdict)


def test_samples_of_nothing_show_nothing() -> None:
    model = over(measured(running(SHADOW), None, 0.91, 5000))
    assert model.event(EvidenceRecorded).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("stage", [SHADOW, DUEL])
def test_what_was_never_measured_shows_nothing(stage: StageName) -> None:
    model = over(running(stage))
    ended, said = model.event(ExperimentConcluded), model.event(EvidenceRecorded)
    assert (ended.winner, ended.samples, ended.summary) == (Winner.NONE, 0, {})
    assert (said.verdict, said.metrics) == (Verdict.INCONCLUSIVE, {"samples": 0})


def test_the_last_measurement_counts() -> None:
    model = measured(running(DUEL), 0.95, 0.91)
    model = look(measured(model, 0.90, 0.91, 700), hours=24)
    ended = model.event(ExperimentConcluded)
    assert (ended.winner, ended.samples) == (Winner.CHAMPION, 700)


def test_it_ends_at_the_first_record_that_the_expression_is_content_with() -> None:
    model = measured(running(DUEL), 0.95, 0.91)
    said = model.event(AnalysisRecorded).judged[0]
    assert (said.gate, said.status) == ("or_when", GateStatus.WAIT)
    model = measured(model, 0.95, 0.80, 99)
    assert model.event(AnalysisRecorded).judged[0].detail == "99 of 100 samples"
    model = measured(model, 0.95, None)
    assert model.event(AnalysisRecorded).judged[0].status is GateStatus.UNKNOWN
    model = measured(model, 0.95, 0.80)
    assert model.event(AnalysisRecorded).judged[0].status is GateStatus.PASS
    ended = model.event(ExperimentConcluded)
    assert (ended.cause, ended.winner) == ("expression", Winner.CHALLENGER)
    assert model.state(IT) == "SUCCEEDED"


def test_nothing_is_over_before_every_target_that_is_needed_runs_it() -> None:
    model = measured(begun(DUEL), 0.95, 0.80)
    model.then(AnalysisRecorded)
    assert applied(model, DUEL).event(ExperimentConcluded).cause == "expression"


def test_what_stands_still_is_not_over() -> None:
    stop = PausePromotion(model=FRAUD, promotion=IT, reason=WHY)
    model = running(DUEL).given(stop, by=DAVE)
    model = measured(model, 0.95, 0.80)
    model.then(AnalysisRecorded)
    go_on = ResumePromotion(model=FRAUD, promotion=IT, reason=WHY)
    assert model.given(go_on, by=DAVE).event(ExperimentConcluded).samples == 500


def test_what_stands_still_for_ever_is_ended_by_its_deadline() -> None:
    stop = PausePromotion(model=FRAUD, promotion=IT, reason=WHY)
    model = look(running(SHADOW).given(stop, by=DAVE), hours=96)
    assert model.event(PromotionErrored).reason_code == "total_timeout"
    assert serves_nothing(model, SHADOW)


def test_its_agents_may_measure_it_and_others_may_not() -> None:
    model = running(DUEL)
    command = measure(500, model, candidate={"auc": 0.9})
    elsewhere = {"token": "t", "stage": "staging", "target": "eu-1"}
    other = replace(agent(PROD), credential=elsewhere)
    model.when(command, by=other).then_refused(Why.WRONG_TARGET)
    model.given(command, by=speaker(TARGETS[0])).then(AnalysisRecorded)


def test_more_metrics_than_fit_into_the_evidence_are_refused() -> None:
    model = running(DUEL)
    many = {f"{number:0190}": 0.123456789012345 for number in range(51)}
    model.when(measure(9, model, candidate=many), by=PIPELINE).then_refused(Why.INVALID)
    many.popitem()
    model = model.given(measure(9, model, candidate=many, champion=many), by=PIPELINE)
    model = over(model)
    for kind in (EvidenceRecorded, ExperimentConcluded):
        assert len(model.event(kind).model_dump_json()) < 28_000
    assert len(model.event(EvidenceRecorded).metrics) == 101


def test_it_leaves_nothing_behind_but_what_it_showed() -> None:
    model = over(measured(running(DUEL), 0.80, 0.91))
    lane = model.lane(DUEL)
    assert serves_nothing(model, DUEL)
    assert model.event(DesiredSet).revision == lane.revision
    assert (lane.slot, lane.experiment, lane.stable) == (None, None, ())
    stage = stage_of(model.context.policy, DUEL)
    assert status_of(lane, stage) == "empty"
    assert model.stack(PROD) == [1]
    known = model.model.versions[Version(2)]
    assert set(known.proven_in) == {"duel"}
    retire = RetireVersion(model=FRAUD, version=Version(2), reason=WHY)
    model.given(retire, by=DAVE)


def test_agents_say_that_they_serve_nothing_of_it_any_more() -> None:
    model = applied(over(running(DUEL)), DUEL)
    assert {each.state for each in model.lane(DUEL).targets.values()} == {"applied"}
    assert model.state(IT) == "SUCCEEDED"


# How it ends before its time.


def ended_early(model: Scenario) -> Scenario:
    assert model.event(DesiredSet).stage == "duel"
    assert serves_nothing(model, DUEL)
    lane = model.lane(DUEL)
    assert (lane.slot, lane.experiment) == (None, None)
    assert not any(isinstance(each, EvidenceRecorded) for each in model.events)
    assert "duel" not in model.model.versions[Version(2)].proven_in
    return model


def test_a_target_that_cannot_run_it_ends_it_and_nothing_is_taken_back() -> None:
    wish = {"rollback": {"when": ["failed"]}}
    model = begun(DUEL, live(duel=wish))
    said = report(
        model,
        DUEL,
        ReportedState.UNAPPLIED,
        code="load_failed",
        target=TARGETS[0],
    )
    model = ended_early(model.given(said, by=speaker(TARGETS[0])))
    model_events = [type(each) for each in model.events]
    assert model_events[1:] == [
        ExperimentInvalidated,
        DesiredSet,
        PromotionFailed,
        SlotReleased,
    ]
    assert "duel" in model.model.versions[Version(2)].failed_in
    assert model.lane(DUEL).hold is None


def test_a_target_that_never_answers_ends_it() -> None:
    model = ended_early(look(begun(DUEL), hours=4))
    assert model.event(PromotionErrored).reason_code == "ack_timeout"


def test_a_person_ends_it() -> None:
    stop = AbortPromotion(model=FRAUD, promotion=IT, reason=WHY)
    model = ended_early(running(DUEL).given(stop, by=DAVE))
    assert model.event(ExperimentInvalidated).cause == "aborted"
    assert not model.promotion(IT).is_void


@pytest.mark.parametrize("stages", [(), (DUEL,), (PROD,)])
def test_a_quarantine_ends_it_where_its_answers_go(
    stages: tuple[StageName, ...],
) -> None:
    bar = QuarantineVersion(
        model=FRAUD, version=Version(2), scope=Scope(stages=stages), reason=WHY
    )
    model = ended_early(running(DUEL).given(bar, by=DAVE))
    assert model.event(PromotionAborted).reason_code == "quarantined"
    model.when(promote(2, DUEL), by=PIPELINE).then_refused(Why.VERSION_QUARANTINED)


def test_a_stage_that_leaves_the_policy_ends_it() -> None:
    model = under(running(DUEL), policy({"name": "prod", "targets": list(TARGETS)}))
    model = ended_early(look(model, hours=1))
    assert model.event(PromotionAborted).reason_code == "stage_removed"


# What happens to what it is compared with.


def test_a_dispatch_in_prod_invalidates_a_challenger_in_the_same_decision() -> None:
    model = running(DUEL).given(promote(3, PROD), by=PIPELINE).dispatched(3)
    kinds = [type(each) for each in model.events]
    assert kinds[:6] == [
        PromotionDispatched,
        SlotTaken,
        ExperimentInvalidated,
        DesiredSet,
        PromotionAborted,
        SlotReleased,
    ]
    said, ended = model.event(ExperimentInvalidated), model.event(PromotionAborted)
    assert (said.cause, said.inputs) == ("parent_moved", (model.id_of(SlotTaken),))
    assert (ended.reason_code, ended.by_promotion) == ("parent_moved", 3)
    assert serves_nothing(model, DUEL)
    assert model.promotion(IT).is_void


def test_a_rollback_in_prod_invalidates_a_challenger_too() -> None:
    model = live().given(promote(3, PROD), by=PIPELINE).dispatched(2)
    model = running(DUEL, applied(model, PROD))
    model = model.given(roll_back(PROD), by=DAVE)
    assert model.event(ExperimentInvalidated).promotion == 3
    assert model.lane(PROD).slot is not None


def test_a_shadow_goes_on_while_prod_moves_and_ends_with_the_champion() -> None:
    model = running(SHADOW).given(promote(3, PROD), by=PIPELINE).dispatched(3)
    assert model.state(IT) == "VERIFYING"
    model = applied(model, PROD)
    said, ended = model.event(ExperimentInvalidated), model.event(PromotionAborted)
    advanced = model.id_of(StableAdvanced)
    assert (said.cause, said.inputs) == ("champion_changed", (advanced,))
    assert (ended.reason_code, ended.by_promotion) == ("champion_changed", 3)
    assert serves_nothing(model, SHADOW)


def test_a_shadow_outlives_a_change_of_prod_that_fails_or_repeats_the_champion() -> (
    None
):
    model = running(SHADOW)
    model = model.given(promote(1, PROD, kind=PromotionKind.REDEPLOY), by=PIPELINE)
    model = applied(model.dispatched(3), PROD)
    model = model.given(promote(3, PROD), by=PIPELINE).dispatched(4)
    said = report(
        model, PROD, ReportedState.UNAPPLIED, code="load_failed", target=TARGETS[0]
    )
    model = model.given(said, by=speaker(TARGETS[0]))
    assert model.state(IT) == "VERIFYING"
