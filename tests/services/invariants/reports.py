"""What do two targets report, and what is asked of their lane meanwhile?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from rollbook.catalogue.access import Place
from rollbook.catalogue.lane import DriftPolicy
from rollbook.catalogue.target import Report
from rollbook.commands.fleet import DrainAgent, EnrolAgent, UndrainAgent
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import DispatchPromotion
from rollbook.commands.target import AcceptDrift, ReportedState, ReportTarget
from rollbook.envelope import Actor
from rollbook.names import AgentName, Digest, Line, PromotionId, TargetName
from rollbook_services.policy.document import Policy
from rollbook_services.registrar.state import Lane
from rollbook_services.registrar.transitions import PromotionState
from tests.services.invariants.happenings import ruled_by
from tests.services.invariants.requests import evenly
from tests.services.registrar.targets import (
    ACKNOWLEDGED,
    APPLIED,
    BOTH,
    CONVERGED,
    DRIFTED,
    LIVE,
    UNAPPLIED,
    WHY,
    agent,
)
from tests.support.governed import policy
from tests.support.scenario import (
    CONDUCTOR,
    DAVE,
    FRAUD,
    PIPELINE,
    digest,
    promote,
    register,
    roll_back,
)
from tests.support.together import ADMIN, World, begun

VERSIONS: Final = 4
CANARY: Final = {"canary": {"steps": [{"weight": 30}, {"weight": 100}]}}
STRATEGIES: Final[dict[str, dict[str, Any]]] = {"at once": {}, "by steps": CANARY}
CODES: Final = ("load_failed", "no_capacity", "unreachable")
EDGE: Final = 48
CHOICES: Final = 840


@dataclass(frozen=True)
class Turn:
    """One thing to come: a choice, and two numbers that fill it in."""

    choice: int
    one: int
    two: int


def _read(number: int) -> Turn:
    number, one = divmod(number, EDGE)
    choice, two = divmod(number, EDGE)
    return Turn(choice, one, two)


turns: Final = evenly(CHOICES * EDGE * EDGE).map(_read)
histories: Final = st.lists(turns, min_size=20, max_size=60)


def ruled(drift: DriftPolicy, strategy: str) -> Policy:
    """Make the policy of a stage with two targets."""
    stage = {"name": "live", "targets": [*BOTH], "drift": drift.value}
    return policy({**stage, "strategy": STRATEGIES[strategy]})


@cache
def beginning(drift: DriftPolicy, strategy: str) -> World:
    """Begin with version 1 on both targets, and 2 before it."""
    world = begun().given(RegisterModel(model=FRAUD), by=PIPELINE)
    for target in BOTH:
        place = Place(stage=LIVE, target=target)
        world = world.given(EnrolAgent(agent=_name(target), place=place), by=ADMIN)
    for number in range(1, VERSIONS + 1):
        world = world.given(register(number), by=PIPELINE)
    world = ruled_by(world, ruled(drift, strategy))
    for number in (2, 1):
        world = world.given(promote(number, LIVE), by=PIPELINE)
        newest = len(world.model().promotions)
        world = settled(world.given(dispatch(newest), by=CONDUCTOR))
    return world


def _name(target: TargetName) -> AgentName:
    return AgentName(f"agent-{target}")


def dispatch(number: int) -> DispatchPromotion:
    """Ask for the slot."""
    return DispatchPromotion(model=FRAUD, promotion=PromotionId(number))


def settled(world: World) -> World:
    """Let both targets apply what they have said nothing of, until all is over."""
    for _ in range(4):
        for target in BOTH:
            lane = world.model().lane(LIVE)
            if not _has_answered(lane, target):
                said = report(world, APPLIED, target, _runs(lane, target, "right"))
                world = world.given(said, by=agent(target))
        lane = world.model().lane(LIVE)
        if lane.slot is None and all(_has_answered(lane, each) for each in BOTH):
            return world
    raise AssertionError("the change does not come to an end")


def _has_answered(lane: Lane, target: TargetName) -> bool:
    now = lane.targets.get(target)
    return (
        now is not None
        and now.revision == lane.revision
        and now.state != ACKNOWLEDGED.value
    )


def asked(world: World, turn: Turn) -> tuple[Any, Actor]:
    """Read a turn as a request: what leads somewhere now, or anything."""
    kinds = [*_likely(world)]
    kind, target = kinds[turn.choice % len(kinds)], BOTH[turn.one % 2]
    match kind:
        case "promote":
            return promote(1 + turn.two % VERSIONS, LIVE), PIPELINE
        case "dispatch":
            return dispatch(_ready(world) or 1), CONDUCTOR
        case "roll back":
            return roll_back(LIVE), DAVE
        case "accept":
            wish = AcceptDrift(model=FRAUD, stage=LIVE, target=target, reason=WHY)
            return wish, DAVE
        case "drain":
            return DrainAgent(agent=_name(target), reason=WHY), DAVE
        case "undrain":
            return UndrainAgent(agent=_name(target), reason=WHY), DAVE
        case _:
            state = ReportedState(kind)
            said = _said(world, turn, state, target)
            is_lost = state is UNAPPLIED and said.reason_code == CODES[-1]
            return said, CONDUCTOR if is_lost else agent(target)


def take(world: World, turn: Turn) -> World:
    """Let a turn happen."""
    command, by = asked(world, turn)
    return world.when(command, by=by, after=timedelta(seconds=1 + turn.two))


def _likely(world: World) -> Iterator[str]:
    """Name what leads somewhere now, the more often the further it leads."""
    lane = world.model().lane(LIVE)
    yield from (*ReportedState, "promote", "promote", "roll back", "accept")
    yield "undrain" if lane.drained else "drain"
    if _ready(world):
        yield from ("dispatch",) * 3
    if lane.slot is None:
        yield from (DRIFTED,) * 6
    else:
        yield from (*(APPLIED,) * 8, ACKNOWLEDGED, CONVERGED)
    if lane.drifts:
        yield from (
            *(CONVERGED,) * 4,
            APPLIED,
            UNAPPLIED,
            UNAPPLIED,
            "accept",
            "accept",
        )


def _ready(world: World) -> PromotionId | None:
    known = world.model().promotions
    ready = (
        each for each in world.model().open if known[each].state is PromotionState.READY
    )
    return next(ready, None)


def _said(
    world: World, turn: Turn, state: ReportedState, target: TargetName
) -> ReportTarget:
    """Report what runs; now and then of another time, or with a number used before."""
    lane = world.model().lane(LIVE)
    wrong = ("hotfix", "other", "more", "nothing")
    runs = "right" if (turn.one // 2) % 6 else wrong[turn.two % 4]
    if state is DRIFTED:
        runs = wrong[turn.two % 4] if (turn.one // 2) % 6 else "right"
    token, revision, again = _LATE.get(turn.two // 4, (0, 0, False))
    observed, now = _runs(lane, target, runs), lane.targets.get(target)
    if now is not None and state in (DRIFTED, UNAPPLIED) and turn.one // 12 % 2:
        observed = dict(now.observed)  # it still does
    said = report(world, state, target, observed)
    changes = {
        "token": max(0, lane.token + token),
        "revision": max(0, lane.revision + revision),
        "seq": now.seq if now is not None and again else said.report.seq,
    }
    code = CODES[turn.one % 3] if state is UNAPPLIED else None
    late = said.report.model_copy(update=changes)
    return said.model_copy(update={"report": late, "reason_code": code})


_LATE: Final = {
    0: (-1, 0, False),
    1: (0, -1, False),
    2: (-1, -1, False),
    3: (0, 0, True),
    4: (0, 1, False),
    5: (1, 0, False),
}
"""How far a report's token and revision lie off, and whether its number is old."""


def report(
    world: World,
    state: ReportedState,
    target: TargetName,
    runs: dict[Line, Digest],
) -> ReportTarget:
    """Report about what is desired of the lane now."""
    lane = world.model().lane(LIVE)
    assert lane.desired is not None
    said = Report(
        stage=LIVE,
        target=target,
        agent=agent(target).id,
        seq=world.asked,
        revision=lane.revision,
        token=lane.token,
        promotion=lane.desired.promotion,
        observed=runs,
        reported_at=world.at,
    )
    return ReportTarget(model=FRAUD, state=state, report=said)


def _runs(lane: Lane, target: TargetName, what: str) -> dict[Line, Digest]:
    desired = lane.desired
    assert desired is not None
    right = {name: desired.variants[name].digest for name in desired.targets[target]}
    match what:
        case "right":
            return right
        case "hotfix":
            return {"stable": digest(90)}
        case "other":
            return {"stable": digest(91)}
        case "more":
            return {**right, "left-over": digest(92)}
        case _:
            return {}
