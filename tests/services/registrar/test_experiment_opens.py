"""What ran beside a stage opens it, and is asked for by itself."""

from typing import Final

from rollbook.catalogue.parts import GateStatus, PromotionKind
from rollbook.catalogue.promotion import (
    PromotionReadied,
    PromotionRequested,
)
from rollbook.commands.promotion import (
    AbortPromotion,
    RequestCandidates,
)
from rollbook.names import PromotionId
from tests.services.registrar.beside import (
    DUEL,
    IT,
    PROD,
    SHADOW,
    WHY,
    applied,
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
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    Scenario,
    promote,
)

# What it opens.

AFTER: Final = {"after": {"stages": ["shadow"]}}


def test_prod_is_entered_freely_while_nothing_there_can_be_compared_with() -> None:
    model = empty(prod=AFTER).given(promote(1, PROD), by=PIPELINE)
    status, detail = word(model, "predecessor")
    assert status is GateStatus.PASS
    assert detail.startswith("shadow counts as passed: nothing else is stable in prod")
    model = applied(model.dispatched(1), PROD)
    model = model.given(promote(2, PROD), by=PIPELINE)
    assert word(model, "predecessor")[0] is GateStatus.WAIT


def test_a_version_that_ran_beside_prod_to_its_end_may_enter_it() -> None:
    model = live(prod=AFTER).given(promote(2, PROD), by=PIPELINE)
    model = model.given(promote(2, SHADOW), by=PIPELINE).dispatched(3)
    model = applied(model, SHADOW)
    model = look(model, PromotionId(3), hours=72)
    assert model.event(PromotionReadied).promotion == 2


def test_what_stands_in_for_nothing_opens_no_choice_of_stages() -> None:
    """Of `any`, a stage where nothing can be shown counts for nothing."""
    after = {"after": {"stages": ["duel", "shadow"], "mode": "any"}}
    assert empty(prod=after).given(promote(1, PROD), by=PIPELINE).state(1) == "READY"
    written = stages(prod={"after": {"stages": ["first", "shadow"], "mode": "any"}})
    model = under(empty(), policy({"name": "first"}, *written))
    model = model.given(promote(1, PROD), by=PIPELINE)
    assert word(model, "predecessor")[0] is GateStatus.WAIT


def test_what_runs_in_prod_may_be_applied_once_more_without_a_shadow() -> None:
    model = live(prod=AFTER)
    model = model.given(promote(1, PROD, kind=PromotionKind.REDEPLOY), by=PIPELINE)
    assert model.event(PromotionReadied).promotion == 2


def test_a_gate_beside_prod_sees_the_champion_of_prod() -> None:
    gate = {
        "id": "known",
        "kind": "evidence",
        "evidence": "eval",
        "when": "champion.exists && champion.version == 1.0",
        "on_missing": "wait",
    }
    model = live(shadow={"gates": [gate]}).given(promote(2, SHADOW), by=PIPELINE)
    assert word(model, "known")[0] is GateStatus.UNKNOWN


# What automation asks for.

BY_ITSELF: Final = {"auto_promote": "newest_eligible"}


def consider(model: Scenario) -> list[tuple[str, int]]:
    model = model.given(RequestCandidates(model=FRAUD), by=CONDUCTOR)
    wished = [each for each in model.events if isinstance(each, PromotionRequested)]
    return [(each.stage, each.version) for each in wished]


def test_automation_asks_for_what_is_newer_than_the_champion() -> None:
    assert consider(live(duel=BY_ITSELF)) == [("duel", 3)]
    assert consider(empty(duel=BY_ITSELF)) == []
    newest = live(duel=BY_ITSELF).given(promote(3, PROD), by=PIPELINE).dispatched(2)
    assert consider(newest) == [], "prod moves: who will be champion?"
    assert consider(applied(newest, PROD)) == [], "the newest is the champion"


def test_automation_asks_once_and_again_for_what_was_invalidated() -> None:
    model = live(duel=BY_ITSELF)
    model = model.given(promote(3, DUEL), by=PIPELINE).dispatched(2)
    model = applied(model, DUEL)
    ended = look(model, hours=24)
    assert consider(ended) == []
    model = model.given(promote(2, PROD), by=PIPELINE).dispatched(3)
    assert model.state(IT) == "ABORTED"
    assert consider(applied(model, PROD)) == [("duel", 3)]


def test_automation_does_not_repeat_what_a_person_ended() -> None:
    model = live(duel=BY_ITSELF)
    model = model.given(promote(3, DUEL), by=PIPELINE).dispatched(2)
    stop = AbortPromotion(model=FRAUD, promotion=IT, reason=WHY)
    assert consider(applied(model, DUEL).given(stop, by=DAVE)) == []


def test_a_person_s_success_beside_prod_holds_no_lane() -> None:
    model = over(running(DUEL, live(duel=BY_ITSELF)))
    assert model.state(IT) == "SUCCEEDED"
    assert model.lane(DUEL).hold is None
