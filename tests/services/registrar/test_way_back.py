"""What happens to rollbacks that wait, to their holds, and to whose they are."""

from typing import Any

from rollbook.catalogue.lane import DesiredSet, LaneHeld, LaneReleased
from rollbook.catalogue.promotion import (
    PromotionReadied,
    PromotionRequested,
    PromotionSuperseded,
)
from rollbook.commands.promotion import CancelPromotion, RequestCandidates
from rollbook.names import PromotionId, Reason
from rollbook.refusals import Reason as Why
from tests.support.governed import OWNER, RISK, SIGN_OFF, policy, under
from tests.support.governed import STAGING as SPEC
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    STAGING,
    Scenario,
    agent,
    approve,
    fraud,
    promote,
    register,
    roll_back,
)

WHY = Reason("because")
ASKED: dict[str, Any] = {
    **SPEC,
    "gates": [SIGN_OFF],
    "rollback": {"gates": ["sign-off"], "when": ["failed"]},
}


def approved(model: Scenario, number: int) -> Scenario:
    """Let both roles say yes."""
    for who in (OWNER, RISK):
        model = model.given(approve(number, model), by=who)
    return model


def signed(**settings: Any) -> Scenario:
    """Versions 1 and 2 were live in staging, where rollbacks are signed off too."""
    model = under(fraud(4), policy({**ASKED, **settings}))
    for number in (1, 2):
        model = model.given(promote(number, STAGING), by=PIPELINE)
        model = approved(model, number).dispatched(number).applied(STAGING)
    return model


def cancelled(model: Scenario, number: int) -> Scenario:
    command = CancelPromotion(model=FRAUD, promotion=PromotionId(number), reason=WHY)
    return model.given(command, by=DAVE)


def test_a_rollback_that_waits_is_not_asked_for_twice() -> None:
    model = signed().given(roll_back(STAGING), by=DAVE)
    model.when(roll_back(STAGING), by=DAVE).then_refused(
        Why.DUPLICATE_REQUEST, promotion=3
    )


def test_a_rollback_ends_when_something_succeeded_while_it_waited() -> None:
    """Else it would go back to what was below a version that is not there any more."""
    model = signed().given(roll_back(STAGING), by=DAVE)
    hold = model.id_of(LaneHeld)
    model = model.given(promote(3, STAGING, acknowledge_hold=hold), by=PIPELINE)
    model = approved(model, 4).dispatched(4).applied(STAGING)
    assert model.event(PromotionSuperseded).superseded_by == 4
    assert model.state(3) == "SUPERSEDED"
    assert model.event(LaneReleased).hold == hold


def test_a_rollback_ends_when_another_one_brought_the_same_version() -> None:
    model = signed().given(promote(3, STAGING), by=PIPELINE)
    model = approved(model, 3).dispatched(3).failed(STAGING)  # to 2: number 4
    hold = model.id_of(LaneHeld)
    model = model.given(promote(4, STAGING, acknowledge_hold=hold), by=PIPELINE)
    model = approved(model, 5).dispatched(5)
    model = model.given(roll_back(STAGING), by=DAVE)  # to 2 as well: number 6
    model = approved(model, 6).dispatched(6).applied(STAGING)
    assert model.state(4) == "SUPERSEDED"
    assert model.stack(STAGING) == [1, 2]


def test_a_hold_stays_as_long_as_one_rollback_stands_on_it() -> None:
    """The second found the lane held by the first, and placed no hold of its own."""
    model = signed().given(promote(3, STAGING), by=PIPELINE)
    model = approved(model, 3).dispatched(3).applied(STAGING)
    model = model.given(roll_back(STAGING), by=DAVE)
    model = model.given(roll_back(STAGING, to=1), by=DAVE)
    model = cancelled(approved(model, 5).dispatched(5), 4)
    assert model.lane(STAGING).hold is not None


def test_a_hold_goes_with_the_last_of_those_that_stood_on_it() -> None:
    model = signed().given(promote(3, STAGING), by=PIPELINE)
    model = approved(model, 3).dispatched(3).applied(STAGING)
    model = model.given(roll_back(STAGING), by=DAVE)
    model = model.given(roll_back(STAGING, to=1), by=DAVE)
    model = cancelled(cancelled(model, 4), 5)
    assert model.lane(STAGING).hold is None


def test_what_waited_for_a_hold_hears_in_the_same_decision_that_it_is_gone() -> None:
    automatic = {"auto_promote": "newest_eligible", "gates": []}
    listed = {**automatic, "gates": [{**SIGN_OFF, "when": "request.kind=='rollback'"}]}
    model = under(fraud(0), policy({**ASKED, **listed}))
    for number in (1, 2):
        model = model.given(register(number), by=PIPELINE)
        model = model.given(promote(number, STAGING), by=PIPELINE)
        model = model.dispatched(number).applied(STAGING)
    model = model.given(register(3), by=PIPELINE)
    model = model.given(RequestCandidates(model=FRAUD), by=CONDUCTOR)
    model = model.given(roll_back(STAGING), by=DAVE)
    assert model.words()["hold"].status == "wait"
    model = cancelled(model, 4)
    assert model.event(PromotionReadied).promotion == 3


def test_an_automatic_rollback_is_approved_in_the_lane_it_holds_itself() -> None:
    model = signed().given(promote(3, STAGING), by=PIPELINE)
    model = approved(model, 3).dispatched(3).failed(STAGING)
    assert model.state(4) == "GATING"
    assert model.promotion(4).automatic
    model = approved(model, 4)
    assert model.state(4) == "READY"


def test_an_automatic_rollback_does_not_wait_for_its_own_hold() -> None:
    model = under(
        fraud(3), policy({**SPEC, "rollback": {"gates": ["hold"], "when": ["failed"]}})
    )
    model = model.in_staging(1).given(promote(2, STAGING), by=PIPELINE)
    model = model.dispatched(2).failed(STAGING)
    assert model.event(DesiredSet).promotion == 3


def test_nobody_in_person_asked_for_an_automatic_rollback() -> None:
    """Whoever reported what failed may not withdraw or abort the way back."""
    model = signed().given(promote(3, STAGING), by=PIPELINE)
    model = approved(model, 3).dispatched(3).failed(STAGING)
    assert model.event(PromotionRequested).automatic
    command = CancelPromotion(model=FRAUD, promotion=PromotionId(4), reason=WHY)
    model.when(command, by=agent(STAGING)).then_refused(Why.FORBIDDEN)
    assert model.promotion(4).requester == CONDUCTOR.id


def test_a_hold_is_told_as_that_of_whoever_wanted_the_change() -> None:
    """An agent's report was the occasion; nobody asks the agent about it."""
    model = under(fraud(2), policy({**SPEC, "auto_promote": "newest_eligible"}))
    model = model.in_staging(1)
    hold = model.lane(STAGING).hold
    assert hold is not None
    assert hold.by == PIPELINE.id
