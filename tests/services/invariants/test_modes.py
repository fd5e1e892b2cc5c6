"""I21: a gate that warns or observes changes nothing but what is written of it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.catalogue.promotion import PromotionDispatched, PromotionRequested
from rollbook.commands.approval import Approve, Reject, RequestChanges
from rollbook.commands.wire import AnyCommand
from rollbook_services.policy.document import Policy
from rollbook_services.policy.gate import judge
from rollbook_services.registrar.seeing import facts_of, stage_of
from rollbook_services.registrar.state import Promotion
from tests.services.invariants.happenings import asked, ruled_by, turns
from tests.services.invariants.history import beginning, waiting
from tests.services.invariants.rules import (
    BETTER,
    LOAD,
    LUNCH,
    OFFICE,
    QUALITY,
    RATE,
    REVIEW,
    SOAK,
    WATCHED,
    Written,
    ruled,
)
from tests.services.invariants.turns import Turn
from tests.support.scenario import Scenario
from tests.support.together import World

AUTOMATIC: Final[Written] = {"auto_promote": "newest_eligible"}
TAKEN_BACK: Final[Written] = {"rollback": {"when": ["failed"]}}
MODES: Final = ("warn", "observe")


def softened(part: Written, mode: str | None) -> dict[str, Any]:
    """Let a part say how much it binds; None: as it is written."""
    return dict(part) if mode is None else {**part, "mode": mode}


def with_gate(gate: Written, others: Sequence[Written], mode: str | None) -> Policy:
    """Put a gate beside others, in both stages if it fits there."""
    mine = softened(gate, mode)
    first = [] if gate["kind"] == "soak" else [mine]
    return ruled({**AUTOMATIC, "gates": first}, {"gates": [mine, *others]})


def without_it(others: Sequence[Written]) -> Policy:
    """Leave the gate out."""
    return ruled({**AUTOMATIC, "gates": []}, {"gates": list(others)})


def measured(mode: str | None) -> Policy:
    """Let staging be measured while it bakes."""
    plan: Mapping[str, Any] = WATCHED["all_at_once"]
    analysis = [softened(each, mode) for each in plan["analysis"]]
    strategy = {"all_at_once": {**plan, "analysis": analysis}}
    return ruled({**TAKEN_BACK, "strategy": strategy})


def whole_stages(mode: str | None) -> Policy:
    """Guard both stages by all there is."""
    closed = {"windows": [OFFICE, LUNCH], "in_flight_when_closed": "abort"}
    return ruled(
        softened({**AUTOMATIC, **closed, "gates": [QUALITY, RATE]}, mode),
        softened({**closed, "gates": [LOAD, SOAK, REVIEW]}, mode),
    )


BAKED: Final = {"all_at_once": {"bake": "1h"}}
PAIRS: Final[Mapping[str, tuple[Callable[[str | None], Policy], Policy]]] = {
    **{
        name: (partial(with_gate, gate, others), without_it(others))
        for name, (gate, others) in {
            "load": (LOAD, (REVIEW, QUALITY)),
            "quality": (QUALITY, (REVIEW,)),
            "champion": (BETTER, ()),
            "soak": (SOAK, (REVIEW,)),
            "rate": (RATE, ()),
            "review": (REVIEW, (QUALITY,)),
        }.items()
    },
    "analysis": (measured, ruled({**TAKEN_BACK, "strategy": BAKED})),
    "all of it": (whole_stages, ruled(AUTOMATIC, {"after": None})),
}
"""Rules with something in a mode, and the same rules without it."""


def lived(there: World, gone: World, history: list[Turn]) -> tuple[World, World]:
    """Let the same people ask for the same in both worlds, at the same times."""
    for turn in history:
        command, by = asked(there, turn)
        there = there.when(command, by=by, after=turn.pause)
        gone = gone.when(as_shown(command, gone.look()), by=by, after=turn.pause)
    return there, gone


def as_shown(command: AnyCommand, seen: Scenario) -> AnyCommand:
    """Let whoever votes vote on what is shown to them here."""
    if not isinstance(command, Approve | Reject | RequestChanges):
        return command
    if command.promotion not in seen.model.promotions:
        return command
    fields = {**dict(command), "binding": seen.binding(command.promotion)}
    return type(command)(**fields)


def moves(world: World) -> list[tuple[Any, ...]]:
    """Say what was asked for and dispatched, when, of which kind, and where to."""
    return [
        (each.at, type(each.event).__name__, each.event.promotion, each.event.stage)
        for each in world.ledger
        if isinstance(each.event, PromotionRequested | PromotionDispatched)
    ]


histories: Final = st.lists(turns(), min_size=8, max_size=30)


@pytest.mark.parametrize("name", list(PAIRS))
@given(mode=st.sampled_from(MODES), history=histories)
def test_a_gate_that_does_not_block_changes_no_dispatch(
    name: str, mode: str, history: list[Turn]
) -> None:
    policy, without = PAIRS[name]
    there = ruled_by(beginning("built-in"), policy(mode))
    gone = ruled_by(beginning("built-in"), without)
    there, gone = lived(there, gone, history)
    assert moves(there) == moves(gone), "I21"


@given(name=st.sampled_from(list(PAIRS)), history=histories)
def test_enforcing_a_gate_opens_nothing(name: str, history: list[Turn]) -> None:
    policy, _ = PAIRS[name]
    strict, soft = policy(None), policy("observe")
    world = ruled_by(beginning("built-in"), strict)
    for turn in history:
        command, by = asked(world, turn)
        world = world.when(command, by=by, after=turn.pause)
        for promotion in waiting(world.look()):
            is_open, would_be = (
                opens(world.look(), promotion, policy) for policy in (strict, soft)
            )
            assert would_be or not is_open, "I21: enforced, it opens nothing"


def opens(model: Scenario, promotion: Promotion, policy: Policy) -> bool:
    """Tell whether the gates of a policy would let a promotion go, as things are."""
    facts = facts_of(model.model, promotion, model.context, model.at)
    stage = stage_of(policy, promotion.stage)
    gates = stage.asked(promotion.kind)
    return all(each.is_open for each in judge(gates, facts, model.at, mode=stage.mode))
