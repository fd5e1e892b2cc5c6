"""When is automation asked what it would choose?"""

import pytest

from rollbook.commands.promotion import RequestCandidates
from rollbook.names import ModelName
from rollbook_services.conductor.react.choosing import candidates, chooses
from rollbook_services.conductor.react.due import Due
from rollbook_services.conductor.react.memory import (
    Changed,
    Hold,
    Kind,
    Policy,
    Stir,
    Trigger,
)
from tests.services.conductor.remembering import at, event, trigger
from tests.support.agents import MODEL

AUTOMATIC = {"own": Policy((MODEL,), True)}
BY_HAND = {"own": Policy((MODEL,), False)}


def asked(
    *,
    cause: Trigger | None = None,
    stirs: tuple[Stir, ...] = (),
    holds: tuple[Hold, ...] = (),
    policies: dict[str, Policy] = AUTOMATIC,
) -> list[Due]:
    changed = [Changed(MODEL, cause)]
    return [*candidates(changed, holds, stirs=stirs, policies=policies)]


def activated(sequence: int, model: str = MODEL) -> Stir:
    return Stir(Kind.POLICY, event(sequence), sequence, at(sequence), models=(model,))


@pytest.mark.parametrize(
    ("policies", "is_automatic"),
    [
        pytest.param({}, False, id="the built-in policy chooses nothing"),
        pytest.param({"own": Policy(("acme/fraud",), True)}, True, id="by name"),
        pytest.param({"all": Policy(("acme/*",), True)}, True, id="by pattern"),
        pytest.param({"all": Policy(("other/*",), True)}, False, id="another's"),
        pytest.param(
            {"all": Policy(("*",), True), "own": Policy(("acme/fraud",), False)},
            False,
            id="its name beats a pattern that chooses",
        ),
        pytest.param(
            {"all": Policy(("*",), False), "own": Policy(("acme/fraud",), True)},
            True,
            id="its name beats a pattern that does not",
        ),
    ],
)
def test_the_policy_that_holds_says_whether_automation_chooses(
    policies: dict[str, Policy], is_automatic: bool
) -> None:
    assert chooses("acme/fraud", policies) == is_automatic


def test_the_newest_event_asks_once() -> None:
    [due] = asked(cause=trigger(9))
    assert due.command == RequestCandidates(model=MODEL)
    assert due.id == f"{event(9)}/candidates/{MODEL}"
    assert due.cause == event(9)


def test_without_automation_nothing_asks() -> None:
    hold = Hold(MODEL, event(4), at(20))
    assert not asked(
        cause=trigger(9), stirs=(activated(8),), holds=(hold,), policies=BY_HAND
    )
    assert not asked(cause=None)


@pytest.mark.parametrize(
    ("own", "cause"), [(None, 9), (trigger(8), 9), (trigger(10), 10)]
)
def test_a_policy_asks_for_its_models(own: Trigger | None, cause: int) -> None:
    [due] = asked(cause=own, stirs=(activated(7), activated(9)))
    assert due.cause == event(cause)


def test_a_policy_does_not_ask_for_others() -> None:
    assert not asked(stirs=(activated(9, "other/*"),))


def test_the_end_of_a_hold_asks() -> None:
    [due] = asked(holds=(Hold(ModelName(MODEL), event(4), at(20)),))
    assert due.id == f"{event(4)}/candidates/{at(20)}/{MODEL}"
    assert due.at == at(20)
