"""A version runs beside the live one of another stage: when, where and how much."""

from datetime import timedelta
from typing import Any

from rollbook.catalogue.experiment import (
    Beside,
    ExperimentConcluded,
    ExperimentStarted,
)
from rollbook.catalogue.lane import (
    DesiredSet,
    SlotTaken,
    Traffic,
)
from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionReadied,
    PromotionVerifying,
    StepCompleted,
    StepStarted,
)
from rollbook.commands.promotion import (
    AbortPromotion,
)
from rollbook.names import PromotionId, StageName
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook_services.registrar.seeing import explain, incumbent_of
from tests.services.registrar.beside import (
    COPIED,
    DUEL,
    IT,
    PROD,
    SHADOW,
    TARGETS,
    WHY,
    applied,
    begun,
    empty,
    live,
    look,
    over,
    running,
    stages,
    word,
)
from tests.support.governed import policy, under
from tests.support.scenario import (
    DAVE,
    FRAUD,
    PIPELINE,
    Scenario,
    promote,
    roll_back,
)

# How it begins.


def test_a_shadow_gets_copies_on_every_target_of_its_parent() -> None:
    model = begun(SHADOW)
    model.then(PromotionDispatched, SlotTaken, DesiredSet, ExperimentStarted)
    desired = model.event(DesiredSet)
    assert (desired.stage, desired.beside, desired.traffic) == (
        "shadow",
        "prod",
        Traffic.MIRROR,
    )
    assert {name: each.version for name, each in desired.variants.items()} == {
        "shadow": 2
    }
    assert desired.targets == {name: {"shadow": 10} for name in TARGETS}
    begins = model.event(ExperimentStarted)
    assert (begins.parent, begins.beside) == ("prod", Beside.SHADOW)
    assert (begins.candidate, begins.champion, begins.share) == (2, 1, 10)
    assert (begins.metric, begins.min_samples) == (None, 1000)
    assert begins.ends_at == model.at + timedelta(hours=72)
    (wave,), (step,) = plan(model).waves, plan(model).steps
    assert (set(wave.targets), wave.needed, step.weight) == (set(TARGETS), 2, 10)
    assert model.event(StepStarted).weight == 10


def plan(model: Scenario) -> Any:
    return model.event(PromotionDispatched).rollout


def test_a_challenger_takes_its_share_by_its_split_key() -> None:
    model = begun(DUEL)
    desired = model.event(DesiredSet)
    assert desired.traffic is Traffic.SHARE
    assert desired.targets == {name: {"challenger": 20} for name in TARGETS}
    assert desired.split_key == "header:x-customer"
    begins = model.event(ExperimentStarted)
    assert (begins.beside, begins.metric) == (Beside.CHALLENGER, "auc")
    assert begins.split_key == "header:x-customer"
    assert begins.ends_at == model.at + timedelta(hours=24)


def test_prod_is_left_as_it_is_and_keeps_its_incumbent() -> None:
    before = live()
    model = running(DUEL, before)
    assert model.lane(PROD) == before.lane(PROD)
    assert incumbent_of(model.model, PROD).version == 1
    assert incumbent_of(model.model, DUEL).version is None


def test_once_enough_targets_run_it_it_is_waited_for_until_its_time() -> None:
    model = begun(SHADOW)
    ends_at = model.event(ExperimentStarted).ends_at
    half = applied(model, SHADOW, TARGETS[0])
    assert half.state(IT) == "PROGRESSING"
    model = applied(half, SHADOW, TARGETS[1])
    assert model.event(StepCompleted).stragglers == ()
    assert model.event(PromotionVerifying).bake_until == ends_at
    look(model, hours=71).then()
    assert model.state(IT) == "VERIFYING"


def test_no_deadline_ends_it_before_its_time() -> None:
    short = {"deadlines": {"total": "8h"}}
    model = begun(SHADOW, live(shadow=short))
    deadlines = model.event(PromotionDispatched).deadlines
    assert deadlines is not None
    assert deadlines.end_by == model.event(ExperimentStarted).ends_at
    model = applied(model, SHADOW)
    look(model, hours=30).then()
    assert over(model).state(IT) == "SUCCEEDED"


def test_what_is_applied_after_its_time_is_over_at_once() -> None:
    quick = {"shadow": {**COPIED["shadow"], "duration": "1h"}}
    model = begun(SHADOW, live(shadow={"strategy": quick}))
    model = look(applied(model, SHADOW, TARGETS[0]), hours=2)
    model.then()
    model = applied(model, SHADOW, TARGETS[1])
    assert model.event(ExperimentConcluded).cause == "time"


# What keeps it back.


def test_nothing_stable_in_prod_is_nothing_to_compare_with() -> None:
    model = empty().given(promote(2, SHADOW), by=PIPELINE)
    assert word(model, "lane") == (
        GateStatus.WAIT,
        "nothing is stable in prod that it could be compared with",
    )
    model = model.given(promote(1, PROD), by=PIPELINE).dispatched(2)
    model = applied(model, PROD)
    assert model.event(PromotionReadied).promotion == 1


def test_while_prod_moves_nothing_begins_beside_it() -> None:
    model = live().given(promote(2, SHADOW), by=PIPELINE)
    model = model.given(promote(3, PROD), by=PIPELINE).dispatched(3)
    assert word(model, "lane") == (GateStatus.WAIT, "promotion 3 changes prod now")
    model = applied(model, PROD)
    assert model.event(PromotionReadied).promotion == 2
    assert model.dispatched(2).event(ExperimentStarted).champion == 3


def test_half_a_change_in_prod_is_nothing_to_compare_with() -> None:
    model = live().given(promote(3, PROD), by=PIPELINE).dispatched(2)
    stop = AbortPromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    model = model.given(stop, by=DAVE).given(promote(2, SHADOW), by=PIPELINE)
    status, detail = word(model, "lane")
    assert status is GateStatus.WAIT
    assert "version 1 alone" in detail
    model = applied(model.given(roll_back(PROD), by=DAVE), PROD)
    assert model.event(PromotionReadied).promotion == 3


def test_challengers_together_leave_the_stable_version_something() -> None:
    model = running(DUEL, live(share="60%"))
    *others, duel = stages(share="60%")
    model = under(model, policy(*others, duel, {**duel, "name": "duel-2"}))
    model = model.given(promote(3, StageName("duel-2")), by=PIPELINE)
    status, detail = word(model, "lane")
    assert (status, "nothing to answer" in detail) == (GateStatus.WAIT, True)
    model = look(model, hours=24)
    assert model.event(PromotionReadied).promotion == 3


def test_a_version_is_not_compared_with_itself() -> None:
    model = live()
    model.when(promote(1, SHADOW), by=PIPELINE).then_refused(
        Why.ALREADY_THERE, stage="prod"
    )
    model = model.given(promote(2, PROD), by=PIPELINE).dispatched(2)
    model = model.given(promote(2, DUEL), by=PIPELINE)
    model = applied(model, PROD)
    assert model.state(3) == "GATING"
    said = explain(model.model, model.promotion(3), model.context, model.at)
    assert said[-1].result.detail == "version 2 is what prod runs itself"


def test_a_shadow_of_what_does_things_to_others_is_refused() -> None:
    model = live(side_effect_free=False)
    said = model.when(promote(2, SHADOW), by=PIPELINE).then_refused(Why.INVALID)
    assert isinstance(said.outcome, Refusal)
    assert "rollbook model create --side-effect-free" in said.outcome.message
    assert "another model" in said.outcome.message
    assert running(DUEL, model).state(IT) == "VERIFYING"


def test_what_runs_beside_prod_is_neither_redeployed_nor_rolled_back() -> None:
    model = running(DUEL)
    again = promote(2, DUEL, kind=PromotionKind.REDEPLOY)
    model.when(again, by=PIPELINE).then_refused(Why.INVALID)
    back = model.when(roll_back(DUEL), by=DAVE).then_refused(Why.INVALID)
    assert isinstance(back.outcome, Refusal)
    assert "rollbook abort acme/fraud:2" in back.outcome.message
    assert model.lane(DUEL).hold is None


def test_what_runs_there_already_is_not_asked_for_again() -> None:
    model = running(DUEL)
    model.when(promote(2, DUEL), by=PIPELINE).then_refused(
        Why.DUPLICATE_REQUEST, promotion=2
    )


def test_the_next_one_waits_for_its_turn_and_is_not_overtaken_by_an_end() -> None:
    model = running(DUEL).given(promote(3, DUEL), by=PIPELINE)
    assert word(model, "lane") == (GateStatus.WAIT, "promotion 2 changes duel now")
    model = look(model, hours=24)
    assert model.event(PromotionReadied).promotion == 3
    assert model.dispatched(3).event(ExperimentStarted).candidate == 3
