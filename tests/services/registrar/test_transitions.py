"""Every (state, input): what the table lists happens, all else is refused."""

import pytest

from rollbook.commands.command import ModelScoped
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
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


def bar(number: int = 2) -> QuarantineVersion:
    return QuarantineVersion(model=FRAUD, version=Version(number), reason=WHY)


def superseded() -> Scenario:
    model = gating().in_staging(3).given(promote(3, PRODUCTION), by=PIPELINE)
    winner = model.model.open[-1]
    return model.given(approve(winner, model), by=BOB).dispatched(winner)


HISTORIES = {
    PromotionState.GATING: gating,
    PromotionState.READY: ready,
    PromotionState.DISPATCHED: lambda: ready().dispatched(IT),
    PromotionState.PROGRESSING: progressing,
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
}


def command(model: Scenario, what: Input) -> tuple[ModelScoped, Actor]:
    """Return the request by which an input comes."""
    if what in (Input.ACKNOWLEDGE, Input.SUCCEED, Input.FAIL, Input.ERROR):
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
    }[what]


def _report(model: Scenario, what: Input) -> ModelScoped:
    states = {
        Input.ACKNOWLEDGE: ReportedState.ACKNOWLEDGED,
        Input.SUCCEED: ReportedState.APPLIED,
    }
    codes = {Input.FAIL: "load_failed", Input.ERROR: "unreachable"}
    state = states.get(what, ReportedState.UNAPPLIED)
    return report(model, PRODUCTION, state, code=codes.get(what))


# What no request asks for: it follows from others, and has its own tests.
FOLLOWS = {Input.OPENED, Input.CLOSED, Input.SUPERSEDE}
REPORTED = {Input.ACKNOWLEDGE, Input.SUCCEED, Input.FAIL, Input.ERROR}


@pytest.mark.parametrize("what", [each for each in Input if each not in FOLLOWS])
@pytest.mark.parametrize("state", PromotionState)
def test_every_state_and_input_does_what_the_table_says(
    state: PromotionState, what: Input
) -> None:
    model = HISTORIES[state]()
    assert model.state(IT) == state
    asked, by = command(model, what)
    then = model.when(asked, by=by)  # type: ignore[arg-type]
    if accepts(state, what):
        assert not isinstance(then.outcome, Refusal), then.outcome
        assert then.state(IT) in (after(state, what), _voted(state, what))
    elif what in REPORTED:
        assert then.state(IT) == state
    else:
        assert isinstance(then.outcome, Refusal)
        assert then.outcome.reason in _noes(state, what)
        assert then.history == model.history


def _voted(state: PromotionState, what: Input) -> PromotionState | None:
    """A vote may open the last gate in the same decision."""
    return PromotionState.READY if what is Input.VOTE else None


def _noes(state: PromotionState, what: Input) -> set[Why]:
    if what is Input.ABORT:
        return {Why.NOT_DISPATCHED}
    if what is Input.DISPATCH and state in WAITING:
        return {Why.NOT_READY}
    if what in (Input.CANCEL, Input.DISPATCH) and state in RUNNING:
        return {Why.ALREADY_DISPATCHED}
    return {Why.NOT_OPEN}


def test_a_rollback_and_a_quarantine_stop_what_is_under_way() -> None:
    for make in (HISTORIES[PromotionState.DISPATCHED], progressing):
        assert make().given(roll_back(PRODUCTION), by=DAVE).state(IT) == "ABORTED"
        assert make().given(bar(), by=DAVE).state(IT) == "ABORTED"


def test_nothing_leads_out_of_an_end_and_something_out_of_all_else() -> None:
    leaving = {state for (state, _), then in TABLE.items() if then is not state}
    assert leaving == WAITING | RUNNING
    assert set(HISTORIES) == WAITING | RUNNING | ENDED


def test_the_page_of_states_is_current() -> None:
    """`python -m tests.support.states` writes it."""
    assert PAGE.read_text() == page()
