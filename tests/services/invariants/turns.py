"""What can happen next in a random history, whoever wants it?

A turn is one number, drawn without a history; it becomes a request, or something
around the model, once there is a world. Hypothesis shrinks by leaving turns out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from rollbook.catalogue.parts import PromotionKind, Verdict
from rollbook.catalogue.waiver import Finding
from rollbook.commands.approval import RequestChanges
from rollbook.commands.lane import ReleaseHold
from rollbook.commands.promotion import (
    AdvancePromotion,
    DispatchPromotion,
    EvaluatePromotion,
    ExpirePromotion,
    PausePromotion,
    RecordAnalysis,
    RequestCandidates,
    ResumePromotion,
)
from rollbook.commands.waiver import CloseReview, ConfirmWaiver, WaiveGates
from rollbook.envelope import Actor
from rollbook.names import EventId, EvidenceKind, PromotionId, Reason, Version
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.state import Promotion
from rollbook_services.registrar.transitions import (
    RUNNING,
    WAITING,
    PromotionState,
)
from tests.services.invariants.requests import REQUESTS, pick
from tests.support.governed import BOTH, COMMANDER, OWNER, RISK, SECOND
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    DEVELOPMENT,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    approve,
    evaluation,
    promote,
    reject,
)

WHY: Final = Reason("because")
VOTERS: Final = (BOB, CAROL, OWNER, RISK, BOTH, BOB, ALICE, DAVE, PIPELINE)
COMMANDERS: Final = (COMMANDER, SECOND, DAVE, COMMANDER, OWNER)
REVIEWERS: Final = (DAVE, SECOND, CAROL, COMMANDER, BOB)
UNKNOWN: Final = PromotionId(999)
STAGES: Final = (STAGING, PRODUCTION, STAGING, PRODUCTION, DEVELOPMENT)
PAUSES: Final = tuple(
    timedelta(minutes=minutes)
    for minutes in (
        *(0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 4),
        *(10, 30, 61, 90, 200, 600, 2000),
    )
)
Asked = tuple[Any, Actor]
Turning = Callable[[Scenario, int, int], Asked]
T = TypeVar("T")


@dataclass(frozen=True)
class Turn:
    """One thing to come: a choice, two numbers that fill it in, and a pause."""

    choice: int
    one: int
    two: int
    pause: timedelta
    rules: str
    """Under which rules the history began."""


def chosen(of: Sequence[T], number: int, otherwise: T) -> T:
    """Choose one, if there is one."""
    return of[number % len(of)] if of else otherwise


def _open(model: Scenario, *states: PromotionState) -> list[Promotion]:
    known = [model.model.promotions[id_] for id_ in model.model.open]
    return [each for each in known if not states or each.state in states]


def _of(model: Scenario, one: int, *states: PromotionState) -> PromotionId:
    """Choose a promotion in one of these states; else, or now and then, any other."""
    fitting = [each.id for each in _open(model, *states)]
    known = list(model.model.promotions)
    return chosen(fitting if one % 8 else known, one, chosen(known, one, UNKNOWN))


def _promote(model: Scenario, one: int, two: int) -> Asked:
    """Ask for a version that has a chance there; now and then for any."""
    stage = pick(STAGES, model, one)
    lane, after = model.lane(stage), stage_of(model.context.policy, stage).after
    before = set(after.stages) if after else set()
    numbers = list(model.model.versions)
    fitting = [
        number
        for number, known in model.model.versions.items()
        if known.bar(stage) is None
        and known.status is not VersionStatus.RETIRED
        and before <= set(known.proven_in)
        and not (lane.stable and lane.stable[-1].version == number)
    ]
    number = chosen(fitting if two % 6 else numbers, two // 6, Version(1))
    hold = lane.hold
    return promote(
        number,
        stage,
        kind=PromotionKind.FORWARD if one % 9 else PromotionKind.REDEPLOY,
        acknowledge_hold=hold.id if hold and two % 5 else None,
    ), (PIPELINE, ALICE, CAROL, DAVE, CONDUCTOR)[(one + two) % 5]


def _dispatch(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, PromotionState.READY)
    return DispatchPromotion(model=FRAUD, promotion=number), CONDUCTOR


def _report(model: Scenario, one: int, two: int) -> Asked:
    """Let an agent report; now and then one that has slept through a change."""
    command, by = REQUESTS["report"](model, one, two)
    if one % 12 != 5:
        return command, by
    said = command.report
    slept = {"token": max(said.token - 1, 0), "revision": max(said.revision - 1, 0)}
    old = type(said)(**{**dict(said), **(slept if two % 2 else {"token": 0})})
    return type(command)(**{**dict(command), "report": old}), by


def _hold(model: Scenario, one: int, two: int) -> Asked:
    """Release the hold of a lane that moves, or do something else about holds."""
    held = [
        (stage, lane.hold)
        for stage, lane in model.model.lanes.items()
        if lane.hold and lane.slot
    ]
    if not held or two % 3 == 0:
        return REQUESTS["hold"](model, one, two)
    stage, hold = held[one % len(held)]
    return ReleaseHold(model=FRAUD, stage=stage, hold=hold.id, reason=WHY), CAROL


def _wake(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one)
    promotion = model.model.promotions.get(number)
    running = promotion is not None and promotion.state in RUNNING
    kind = AdvancePromotion if running else EvaluatePromotion
    return kind(model=FRAUD, promotion=number), CONDUCTOR


def _expire(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, *WAITING)
    return ExpirePromotion(model=FRAUD, promotion=number), CONDUCTOR


def _vote(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one + 1, *WAITING)
    promotion = model.model.promotions.get(number)
    if promotion is None or promotion.state not in WAITING:
        return EvaluatePromotion(model=FRAUD, promotion=number), CONDUCTOR
    who = _voter(model, promotion, two)
    if one % 10 == 7:
        return reject(number, model), who
    if one % 10 == 9:
        binding = model.binding(number)
        return RequestChanges(
            model=FRAUD, promotion=number, binding=binding, comment=WHY
        ), who
    return approve(number, model), who


def _voter(model: Scenario, promotion: Promotion, two: int) -> Actor:
    """Choose somebody who may and has not voted; now and then anybody."""
    stage = stage_of(model.context.policy, promotion.stage)
    asked = {role for gate in stage.approvals() for role in gate.seats()}
    voted = {each.who for each in promotion.votes}
    fitting = [
        each
        for each in VOTERS
        if asked.intersection(each.roles)
        and each.id not in voted
        and each.id != promotion.requester
    ]
    return chosen(fitting if two % 6 else VOTERS, two // 6, BOB)


def _analyse(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, *RUNNING)
    promotion = model.model.promotions.get(number)
    underway = promotion.underway if promotion is not None else None
    since = max(underway.step_since, model.at - timedelta(minutes=5)) if underway else 0
    since = model.at - timedelta(minutes=1) if since == 0 else since
    value = (0.001, 0.001, 0.5)[two % 3]
    return RecordAnalysis(
        model=FRAUD,
        promotion=number,
        wave=underway.wave if underway else 0,
        step=underway.step if underway else 0,
        metrics={
            "candidate": {"errors": value, "delay": 1.0 + value, "gain": 1.0 + value},
            "champion": {"delay": 1.0} if two % 4 == 0 else {"delay": 1.0, "gain": 1.1},
        },
        samples=(500, 500, 20)[one % 3],
        from_at=since,
        until_at=model.at,
    ), PIPELINE


def _pause(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, *RUNNING)
    return PausePromotion(model=FRAUD, promotion=number, reason=WHY), DAVE


def _resume(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, PromotionState.PAUSED)
    accept = ("errors",) if two % 2 else ()
    promotion = model.model.promotions.get(number)
    now = promotion.underway if promotion is not None else None
    by_role = now is not None and now.paused is not None and now.paused.role is not None
    return ResumePromotion(
        model=FRAUD,
        promotion=number,
        wave=now.wave if now else 0,
        step=now.step if now and one % 7 else 0,
        accept=accept,
        reason=WHY,
    ), OWNER if by_role and two % 5 else DAVE


def _record(model: Scenario, one: int, two: int) -> Asked:
    """Record what a version was found to be, as of now; good as often as not."""
    number = one % max(1, len(model.model.versions)) + 1
    return evaluation(
        number,
        kind=EvidenceKind(("eval", "eval", "load", "other")[two % 4]),
        metrics={"auc": (0.95, 0.93, 0.85)[two % 3]},
        verdict=Verdict.PASS if two % 7 else Verdict.INCONCLUSIVE,
        produced_at=model.at,
        valid_until=model.at + timedelta(hours=9) if two % 5 == 0 else None,
    ), PIPELINE


def _waive(model: Scenario, one: int, two: int) -> Asked:
    number = _of(model, one, *WAITING)
    promotion = model.model.promotions.get(number)
    gates = list(promotion.gates) if promotion is not None else []
    shut = [each for each in gates if each not in ("artifact", "quarantine", "lane")]
    return WaiveGates(
        model=FRAUD,
        promotion=number,
        break_glass=("sev1", "sev2")[two % 2],
        gates=(chosen(shut, two, "freeze"),),
        reason=WHY,
        incident="INC-7" if one % 5 else None,
    ), COMMANDERS[two % 5]


def _confirm(model: Scenario, one: int, two: int) -> Asked:
    waiters = [each for each in model.model.waivers.values() if not each.granted]
    waiter = chosen(waiters, one, None)
    selves = [each for each in COMMANDERS if waiter and each.id == waiter.by]
    return ConfirmWaiver(
        model=FRAUD,
        promotion=waiter.promotion if waiter else UNKNOWN,
        waiver=waiter.id if waiter else _NOBODY,
    ), chosen(selves if two % 6 == 0 else COMMANDERS, two // 6, COMMANDER)


def _close(model: Scenario, one: int, two: int) -> Asked:
    owed = [each.id for each in model.model.reviews.values() if not each.closed_at]
    return CloseReview(
        model=FRAUD,
        review=chosen(owed, one, _NOBODY),
        finding=Finding.JUSTIFIED,
        notes=WHY,
    ), REVIEWERS[two % 5]


_NOBODY: Final = EventId("01990000-0000-7000-8000-000000000000")
ASKING: Final[dict[str, Turning]] = {
    **REQUESTS,
    "promote": _promote,
    "dispatch": _dispatch,
    "report": _report,
    "hold": _hold,
    "wake": _wake,
    "expire": _expire,
    "vote": _vote,
    "analyse": _analyse,
    "pause": _pause,
    "resume": _resume,
    "record": _record,
    "candidates": lambda *_: (RequestCandidates(model=FRAUD), CONDUCTOR),
    "waive": _waive,
    "confirm": _confirm,
    "close": _close,
}


def likely(model: Scenario) -> list[str]:
    """Name what leads somewhere now, the more often the further it leads."""
    states = {each.state for each in _open(model)}
    waivers, reviews = model.model.waivers.values(), model.model.reviews.values()
    found = [
        (PromotionState.READY in states, ("dispatch",) * 8),
        (bool(states & RUNNING), (*("report",) * 8, "analyse", "analyse", "pause")),
        (PromotionState.PAUSED in states, ("resume",) * 3),
        (bool(states & WAITING), (*("vote",) * 6, "wake", "wake")),
        (bool(states & RUNNING), ("wake", "wake", "rare")),
        (_is_wide(model), (*("report",) * 16, *("wake", "analyse") * 3)),
        (_is_held(model), ("hold",) * 2),
        (_has_glass(model), ("waive",) * 3),
        (any(not each.granted for each in waivers), ("confirm",) * 4),
        (any(each.closed_at is None for each in reviews), ("close",)),
    ]
    return [*ALWAYS, *(name for is_so, names in found if is_so for name in names)]


def _is_wide(model: Scenario) -> bool:
    """Tell whether a change is under way that several targets have to apply."""
    lanes = model.model.lanes.values()
    return any(
        each.slot and len(each.desired.targets) > 1 for each in lanes if each.desired
    )


def _is_held(model: Scenario) -> bool:
    """Tell whether a lane is held in which something moves."""
    return any(lane.hold and lane.slot for lane in model.model.lanes.values())


def _has_glass(model: Scenario) -> bool:
    policy = model.context.policy
    asked = (policy.stage(each.stage) for each in _open(model, *WAITING))
    return any(stage is not None and stage.break_glass for stage in asked)


ALWAYS: Final = (
    *("promote",) * 5,
    *("record",) * 2,
    *("roll back", "candidates", "register", "rare"),
)
RARE: Final = (
    *("hold", "quarantine", "revoke", "alias", "take away", "withdraw"),
    *("expire", "end", "pause", "confirm"),
)
