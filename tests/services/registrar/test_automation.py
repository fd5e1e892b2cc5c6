"""What automation asks for, what it takes back, and what keeps it away."""

from datetime import timedelta
from typing import Any

from rollbook.catalogue.lane import DesiredSet, LaneHeld, LaneReleased
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.promotion import (
    PromotionCancelled,
    PromotionDispatched,
    PromotionRequested,
    RollbackTriggered,
)
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    CancelPromotion,
    PausePromotion,
    RequestCandidates,
    ResumePromotion,
)
from rollbook.commands.version import DeprecateVersion, QuarantineVersion
from rollbook.names import PromotionId, Reason, StageName, Version
from rollbook_services.registrar.transitions import PromotionState
from tests.support.governed import PRODUCTION as SPEC
from tests.support.governed import STAGING as STAGING_SPEC
from tests.support.governed import policy, under
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    evaluation,
    fraud,
    promote,
    roll_back,
)

WHY = Reason("because")
QUALITY = {
    "id": "quality",
    "kind": "evidence",
    "evidence": "eval",
    "expr": "metrics.auc > 0.9",
    "on_missing": "wait",
}
NEWEST_SPEC: dict[str, Any] = {
    **STAGING_SPEC,
    "auto_promote": "newest_eligible",
    "gates": [QUALITY],
}
NEWEST = policy(
    NEWEST_SPEC,
    {**SPEC, "auto_promote": "match_upstream"},
)


def consider(model: Scenario) -> Scenario:
    """Let the conductor wake automation."""
    return model.given(RequestCandidates(model=FRAUD), by=CONDUCTOR)


def asked(model: Scenario) -> list[tuple[StageName, Version]]:
    """Return what automation has asked for."""
    return [
        (each.stage, each.version)
        for each in model.events
        if isinstance(each, PromotionRequested)
    ]


def evaluated(*numbers: int) -> Scenario:
    model = under(fraud(3), NEWEST)
    for number in numbers:
        model = model.given(evaluation(number), by=PIPELINE)
    return model


def live(model: Scenario) -> Scenario:
    """Let the newest promotion go all the way, wherever it goes."""
    newest = len(model.model.promotions)
    stage = model.promotion(newest).stage
    return model.dispatched(newest).applied(stage)


def test_the_newest_eligible_version_is_asked_for_by_nobody_in_person() -> None:
    model = consider(evaluated(1, 2))
    assert asked(model) == [(STAGING, 2)]
    assert model.event(PromotionRequested).automatic
    assert asked(consider(model)) == [], "once is enough"


def test_nothing_is_asked_for_that_is_not_fit() -> None:
    assert asked(consider(under(fraud(3), NEWEST))) == []
    model = evaluated(1, 2, 3)
    bar = QuarantineVersion(model=FRAUD, version=Version(3), reason=WHY)
    model = model.given(bar, by=DAVE)
    old = DeprecateVersion(model=FRAUD, version=Version(2), reason=WHY)
    model = model.given(old, by=DAVE)
    assert asked(consider(model)) == [(STAGING, 1)]


def test_a_version_that_failed_there_is_not_asked_for_again() -> None:
    model = consider(evaluated(1, 2)).dispatched(1).failed(STAGING)
    model = model.given(evaluation(2, metrics={"auc": 0.99}), by=PIPELINE)
    assert asked(consider(model)) == [(STAGING, 1)]


def test_what_is_stable_upstream_follows_downstream() -> None:
    model = live(consider(evaluated(1)))
    model = consider(model)
    assert asked(model) == [(PRODUCTION, 1)]
    assert live(model).lane(PRODUCTION).stable[-1].version == 1


def test_automation_keeps_away_from_a_held_lane_and_from_what_was_taken_away() -> None:
    model = live(consider(under(evaluated(1), policy(NEWEST_SPEC))))
    model = live(consider(model.given(evaluation(2), by=PIPELINE)))
    model = model.given(roll_back(STAGING), by=DAVE).applied(STAGING)
    assert asked(consider(model)) == []
    hold = model.lane(STAGING).hold
    assert hold is not None
    command = ReleaseHold(model=FRAUD, stage=STAGING, hold=hold.id, reason=WHY)
    released = consider(model.given(command, by=DAVE))
    assert asked(released) == [], "a version that was rolled back stays back"


def test_a_person_who_chooses_otherwise_is_not_undone() -> None:
    model = live(consider(evaluated(1, 2)))
    hold = model.lane(STAGING).hold
    assert hold is None
    model = live(model.given(promote(1, STAGING), by=PIPELINE))
    assert model.event(LaneHeld).by_promotion == 2
    held = model.lane(STAGING).hold
    assert held is not None
    again = promote(2, STAGING, acknowledge_hold=held.id)
    model = live(model.given(again, by=PIPELINE))
    assert model.event(LaneReleased).hold == held.id


def test_a_rollback_that_never_went_gives_its_hold_back() -> None:
    stage = {
        **STAGING_SPEC,
        "gates": [QUALITY],
        "rollback": {"gates": ["quality"]},
    }
    model = under(fraud(2), policy(stage))
    for number in (1, 2):
        model = model.given(evaluation(number), by=PIPELINE)
        model = live(model.given(promote(number, STAGING), by=PIPELINE))
    first = model.model.versions[Version(1)].evidence[0]
    revoke = RevokeEvidence(model=FRAUD, evidence=first, reason=WHY)
    model = model.given(revoke, by=DAVE).given(roll_back(STAGING), by=DAVE)
    assert model.state(3) == "GATING"
    assert model.lane(STAGING).hold is not None
    cancel = CancelPromotion(model=FRAUD, promotion=PromotionId(3), reason=WHY)
    model = model.given(cancel, by=DAVE).then(PromotionCancelled, LaneReleased)
    assert model.lane(STAGING).hold is None


WATCHED: dict[str, Any] = {
    "all_at_once": {
        "bake": "1h",
        "analysis": [
            {"metric": "errors", "expr": "value < 1.0", "on_missing": "pause"}
        ],
    }
}


def moving(*, when: tuple[str, ...] = ("failed",)) -> Scenario:
    """Version 1 is stable, version 2 under way, and failures are taken back."""
    stage = {**STAGING_SPEC, "rollback": {"when": list(when)}}
    model = live(under(fraud(3), policy(stage)).given(promote(1, STAGING), by=PIPELINE))
    return model.given(promote(2, STAGING), by=PIPELINE).dispatched(2)


def test_a_failure_is_taken_back_in_the_same_decision() -> None:
    model = moving().failed(STAGING)
    trigger = model.event(RollbackTriggered)
    assert (trigger.failed_promotion, trigger.to, trigger.reason_code) == (
        2,
        1,
        "load_failed",
    )
    request = model.event(PromotionRequested)
    assert (request.kind, request.automatic) == (PromotionKind.ROLLBACK, True)
    assert model.event(PromotionDispatched).promotion == 3
    assert model.event(DesiredSet).variants["stable"].version == 1
    assert model.lane(STAGING).hold is not None
    assert model.applied(STAGING).state(3) == "SUCCEEDED"


def test_an_error_is_taken_back_only_where_the_policy_says_so() -> None:
    model = moving().failed(STAGING, "unreachable")
    assert not [each for each in model.events if isinstance(each, RollbackTriggered)]
    model = moving(when=("failed", "errored")).failed(STAGING, "unreachable")
    assert model.event(RollbackTriggered).to == 1


def test_no_rollback_is_taken_back_by_another() -> None:
    model = moving().failed(STAGING).failed(STAGING)
    assert model.state(3) == "FAILED"
    assert len(model.model.promotions) == 3


def test_nothing_is_taken_back_over_a_hold() -> None:
    model = moving().given(PlaceHold(model=FRAUD, stage=STAGING, reason=WHY), by=DAVE)
    assert model.failed(STAGING).state(2) == "FAILED"
    assert len(model.failed(STAGING).model.promotions) == 2


def test_nothing_is_taken_back_after_an_abort_or_in_a_pause_a_person_ordered() -> None:
    stop = AbortPromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    assert len(moving().given(stop, by=DAVE).model.promotions) == 2
    pause = PausePromotion(model=FRAUD, promotion=PromotionId(2), reason=WHY)
    model = moving().given(pause, by=DAVE).failed(STAGING)
    assert model.state(2) == "FAILED"
    assert len(model.model.promotions) == 2


def test_nothing_is_taken_back_for_what_a_person_accepted() -> None:
    stage = {
        **STAGING_SPEC,
        "strategy": WATCHED,
        "rollback": {"when": ["failed"]},
    }
    model = under(fraud(2), policy(stage))
    model = model.given(promote(1, STAGING), by=PIPELINE).dispatched(1)
    model = model.applied(STAGING)
    look = AdvancePromotion(model=FRAUD, promotion=PromotionId(1))
    model = model.given(look, by=CONDUCTOR, after=timedelta(hours=1))
    accept = ResumePromotion(
        model=FRAUD, promotion=PromotionId(1), accept=("errors",), reason=WHY
    )
    assert model.given(accept, by=DAVE).state(1) == "SUCCEEDED"


def test_with_nothing_to_go_back_to_the_failure_stands() -> None:
    stage = {**STAGING_SPEC, "rollback": {"when": ["failed"]}}
    model = under(fraud(1), policy(stage)).given(promote(1, STAGING), by=PIPELINE)
    model = model.dispatched(1).failed(STAGING)
    assert model.promotion(1).state is PromotionState.FAILED
    assert len(model.model.promotions) == 1


def test_going_back_has_nothing_to_prove() -> None:
    stage = {**STAGING_SPEC, "strategy": WATCHED, "rollback": {"when": ["failed"]}}
    model = under(fraud(2), policy(STAGING_SPEC))
    model = live(model.given(promote(1, STAGING), by=PIPELINE))
    model = under(model, policy(stage))
    model = model.given(promote(2, STAGING), by=PIPELINE).dispatched(2)
    model = model.failed(STAGING)
    assert model.event(RollbackTriggered).to == 1
    assert model.applied(STAGING).state(3) == "SUCCEEDED"
