"""Every (state, input): what the table lists happens, all else is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from rollbook.catalogue.approval import ApprovalRefused
from rollbook.commands.command import ModelScoped
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    PausePromotion,
    RecordAnalysis,
    ResumePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.commands.version import QuarantineVersion
from rollbook.envelope import Actor
from rollbook.names import PromotionId, Reason, Version
from rollbook.refusals import Reason as Why
from rollbook.refusals import Refusal
from rollbook_services.registrar.transitions import (
    ENDED,
    RUNNING,
    TABLE,
    WAITING,
    Input,
    PromotionState,
    accepts,
    after,
)
from tests.support.governed import production, under
from tests.support.scenario import (
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    Scenario,
    agent,
    approve,
    fraud,
    promote,
    reject,
    report,
    roll_back,
)
from tests.support.states import PAGE, page

WHY = Reason("because")
LATER = timedelta(days=8)
IT = PromotionId(4)  # the promotion under test: version 2 into production
AGENT = agent(PRODUCTION)


def gating() -> Scenario:
    """Version 1 runs in production, version 2 waits for its reviewer."""
    model = fraud(3).in_production(1).in_staging(2)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    assert model.model.open == (IT,)
    return model


def ready() -> Scenario:
    model = gating()
    return model.given(approve(IT, model), by=BOB)


def progressing() -> Scenario:
    model = ready().dispatched(IT)
    said = report(model, PRODUCTION, ReportedState.ACKNOWLEDGED)
    return model.given(said, by=AGENT)


def paused() -> Scenario:
    stop = PausePromotion(model=FRAUD, promotion=IT, reason=WHY)
    return progressing().given(stop, by=DAVE)


def verifying() -> Scenario:
    """Production asks for an hour of proof."""
    baking = {"all_at_once": {"bake": "1h"}}
    reviewed = {"id": "sign-off", "kind": "approvals", "slots": [{"role": "reviewer"}]}
    model = under(fraud(3), production(gates=[reviewed], strategy=baking))
    model = model.in_production(1)
    last = AdvancePromotion(model=FRAUD, promotion=PromotionId(2))
    model = model.given(last, by=CONDUCTOR, after=timedelta(hours=1)).in_staging(2)
    model = model.given(promote(2, PRODUCTION), by=PIPELINE)
    return model.given(approve(IT, model), by=BOB).dispatched(IT).applied(PRODUCTION)


def bar(number: int = 2) -> QuarantineVersion:
    return QuarantineVersion(model=FRAUD, version=Version(number), reason=WHY)


def superseded() -> Scenario:
    model = gating().in_staging(3).given(promote(3, PRODUCTION), by=PIPELINE)
    winner = model.model.open[-1]
    return model.given(approve(winner, model), by=BOB).dispatched(winner)


HISTORIES: dict[PromotionState, Callable[[], Scenario]] = {
    PromotionState.GATING: gating,
    PromotionState.READY: ready,
    PromotionState.DISPATCHED: lambda: ready().dispatched(IT),
    PromotionState.PROGRESSING: progressing,
    PromotionState.PAUSED: paused,
    PromotionState.VERIFYING: verifying,
    PromotionState.SUCCEEDED: lambda: ready().dispatched(IT).applied(PRODUCTION),
    PromotionState.FAILED: lambda: ready().dispatched(IT).failed(PRODUCTION),
    PromotionState.ERRORED: lambda: (
        ready().dispatched(IT).failed(PRODUCTION, "no_capacity")
    ),
    PromotionState.ABORTED: lambda: (
        ready()
        .dispatched(IT)
        .given(AbortPromotion(model=FRAUD, promotion=IT, reason=WHY), by=DAVE)
    ),
    PromotionState.CANCELLED: lambda: gating().given(
        CancelPromotion(model=FRAUD, promotion=IT, reason=WHY), by=PIPELINE
    ),
    PromotionState.REJECTED: lambda: gating().given(bar(), by=DAVE),
    PromotionState.SUPERSEDED: superseded,
    PromotionState.EXPIRED: lambda: gating().given(
        ExpirePromotion(model=FRAUD, promotion=IT), by=CONDUCTOR, after=LATER
    ),
}


def command(model: Scenario, what: Input) -> tuple[ModelScoped, Actor]:
    """Return the request by which an input comes."""
    proves_itself = what is Input.SUCCEED and model.state(IT) == "VERIFYING"
    if what in REPORTED and not proves_itself:
        return _report(model, what), AGENT
    seen = model if model.state(IT) in ("GATING", "READY") else gating()
    return {
        Input.EVALUATE: (EvaluatePromotion(model=FRAUD, promotion=IT), CONDUCTOR),
        Input.VOTE: (approve(IT, seen), CAROL),
        Input.REJECT: (reject(IT, seen), CAROL),
        Input.CANCEL: (
            CancelPromotion(model=FRAUD, promotion=IT, reason=WHY),
            DAVE,
        ),
        Input.DISPATCH: (DispatchPromotion(model=FRAUD, promotion=IT), CONDUCTOR),
        Input.ABORT: (AbortPromotion(model=FRAUD, promotion=IT, reason=WHY), DAVE),
        Input.EXPIRE: (ExpirePromotion(model=FRAUD, promotion=IT), CONDUCTOR),
        Input.ADVANCE: (AdvancePromotion(model=FRAUD, promotion=IT), CONDUCTOR),
        Input.SUCCEED: (AdvancePromotion(model=FRAUD, promotion=IT), CONDUCTOR),
        Input.PAUSE: (PausePromotion(model=FRAUD, promotion=IT, reason=WHY), DAVE),
        Input.RESUME: (ResumePromotion(model=FRAUD, promotion=IT, reason=WHY), DAVE),
        Input.ANALYSE: (_measured(model), PIPELINE),
    }[what]


def _measured(model: Scenario) -> RecordAnalysis:
    return RecordAnalysis(
        model=FRAUD,
        promotion=IT,
        metrics={"candidate": {"error_rate": 0.0}},
        samples=1,
        from_at=model.at,
        until_at=model.at + timedelta(seconds=1),
    )


def _pause(state: PromotionState, what: Input) -> timedelta:
    if what is Input.EXPIRE and state in WAITING:
        return LATER
    is_baked = what is Input.SUCCEED and state is PromotionState.VERIFYING
    return timedelta(hours=1) if is_baked else timedelta(minutes=1)


def _report(model: Scenario, what: Input) -> ModelScoped:
    states = {
        Input.ACKNOWLEDGE: ReportedState.ACKNOWLEDGED,
        Input.SUCCEED: ReportedState.APPLIED,
    }
    codes = {Input.FAIL: "load_failed", Input.ERROR: "unreachable"}
    state = states.get(what, ReportedState.UNAPPLIED)
    return report(model, PRODUCTION, state, code=codes.get(what))


# What no request asks for: it follows from others, and has its own tests.
FOLLOWS = {
    *(Input.OPENED, Input.CLOSED, Input.SUPERSEDE, Input.REBIND, Input.REBASE),
    *(Input.WAIVE, Input.VERIFY),
}
REPORTED = {Input.ACKNOWLEDGE, Input.SUCCEED, Input.FAIL, Input.ERROR}


@pytest.mark.parametrize("what", [each for each in Input if each not in FOLLOWS])
@pytest.mark.parametrize("state", PromotionState)
def test_every_state_and_input_does_what_the_table_says(
    state: PromotionState, what: Input
) -> None:
    model = HISTORIES[state]()
    assert model.state(IT) == state
    asked, by = command(model, what)
    pause = _pause(state, what)
    then = model.when(asked, by=by, after=pause)  # type: ignore[arg-type]
    if accepts(state, what):
        assert not isinstance(then.outcome, Refusal), then.outcome
        assert then.state(IT) in (after(state, what), _voted(state, what))
    elif what in REPORTED:
        assert then.state(IT) == state
    else:
        assert isinstance(then.outcome, Refusal)
        assert then.outcome.reason in _noes(state, what)
        assert [each.event for each in then.history[len(model.history) :]] == (
            [ApprovalRefused(**_told(then))] if _is_recorded(state, what) else []
        )


def _is_recorded(state: PromotionState, what: Input) -> bool:
    """Who votes after the end of its time is remembered."""
    votes = what in (Input.VOTE, Input.REJECT)
    return votes and state is PromotionState.EXPIRED


def _told(model: Scenario) -> dict[str, Any]:
    return model.history[-1].event.model_dump()


def _voted(state: PromotionState, what: Input) -> PromotionState | None:
    """A vote may open the last gate in the same decision."""
    return PromotionState.READY if what is Input.VOTE else None


def _noes(state: PromotionState, what: Input) -> set[Why]:
    if what in (Input.ABORT, Input.ADVANCE, Input.PAUSE, Input.ANALYSE):
        return {Why.NOT_DISPATCHED}
    if what is Input.RESUME:
        return {Why.NOT_PAUSED}
    if what is Input.DISPATCH and state in WAITING:
        return {Why.NOT_READY}
    if what in (Input.CANCEL, Input.DISPATCH) and state in RUNNING:
        return {Why.ALREADY_DISPATCHED}
    return {Why.NOT_OPEN}


def test_a_rollback_and_a_quarantine_stop_what_is_under_way() -> None:
    for make in (HISTORIES[PromotionState.DISPATCHED], progressing, paused, verifying):
        assert make().given(roll_back(PRODUCTION), by=DAVE).state(IT) == "ABORTED"
        assert make().given(bar(), by=DAVE).state(IT) == "ABORTED"


def test_nothing_leads_out_of_an_end_and_something_out_of_all_else() -> None:
    leaving = {state for (state, _), then in TABLE.items() if then is not state}
    assert leaving == WAITING | RUNNING
    assert set(HISTORIES) == WAITING | RUNNING | ENDED


def test_the_page_of_states_is_current() -> None:
    """`python -m tests.support.states` writes it."""
    assert PAGE.read_text() == page()
