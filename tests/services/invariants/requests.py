"""Which requests can a random history hold?

A step is drawn without a history and becomes a request once there is one, so that
hypothesis can shrink a history by leaving steps out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from rollbook.catalogue.parts import PromotionKind, Scope
from rollbook.commands.alias import MoveAlias
from rollbook.commands.approval import WithdrawVote
from rollbook.commands.evidence import RevokeEvidence
from rollbook.commands.lane import PlaceHold, ReleaseHold
from rollbook.commands.promotion import (
    AbortPromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
)
from rollbook.commands.target import ReportedState
from rollbook.commands.version import (
    DeprecateVersion,
    QuarantineVersion,
    ReleaseVersion,
    RetireVersion,
)
from rollbook.envelope import Actor
from rollbook.names import (
    AliasName,
    EventId,
    PromotionId,
    Reason,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.registrar.state import Lane
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    CONDUCTOR,
    DAVE,
    DEFAULT,
    DEVELOPMENT,
    FRAUD,
    PIPELINE,
    PRODUCTION,
    STAGING,
    Scenario,
    agent,
    approve,
    digest,
    evaluation,
    promote,
    register,
    reject,
    report,
    roll_back,
)

STAGES: Final = (STAGING, STAGING, PRODUCTION, PRODUCTION, DEVELOPMENT)
PEOPLE: Final = (BOB, CAROL, BOB, CAROL, BOB, ALICE, DAVE)
WHY: Final = Reason("because")
CODES: Final = ("load_failed", "unreachable")
TOLD: Final = 12  # of so many who cannot apply a change on many targets, one says so
Request = Callable[[Scenario, int, int], tuple[Any, Actor]]


@dataclass(frozen=True)
class Step:
    """One request to come: its kind, two numbers that fill it in, and a pause."""

    kind: str
    one: int
    two: int
    minutes: int

    def ask(self, model: Scenario) -> Scenario:
        """Make the request and let it be decided."""
        command, by = REQUESTS[self.kind](model, self.one, self.two)
        return model.when(command, by=by, after=timedelta(minutes=self.minutes))


def pick(stages: Sequence[StageName], model: Scenario, one: int) -> StageName:
    """Choose one of these stages, or one that runs beside another."""
    named = model.context.policy.stages
    beside = [each.name for each in named if each.beside is not None]
    known = (*stages, *beside)
    return known[one % len(known)]


def _promotion(model: Scenario, one: int) -> PromotionId:
    """Choose an open promotion, or now and then an ended one."""
    known = model.model.open if one % 5 and model.model.open else None
    numbers = known or tuple(model.model.promotions) or (PromotionId(1),)
    return numbers[one % len(numbers)]


def _asking(model: Scenario, one: int) -> PromotionId | None:
    """Choose a promotion that waits for people, if there is one."""
    open_ = [model.model.promotions[id_] for id_ in model.model.open]
    asking = [
        each.id
        for each in open_
        if each.stage == PRODUCTION
        and STAGING in model.model.versions[each.version].proven_in
    ]
    return asking[one % len(asking)] if asking else None


def _version(model: Scenario, one: int) -> Version:
    return Version(one % max(1, len(model.model.versions)) + 1)


def _promote(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    stage = pick(STAGES, model, one)
    hold = model.lane(stage).hold
    kind = PromotionKind.FORWARD if one % 7 else PromotionKind.REDEPLOY
    command = promote(
        _version(model, two),
        stage,
        kind=kind,
        acknowledge_hold=hold.id if hold and two % 3 else None,
    )
    return command, (PIPELINE, ALICE, CAROL, DAVE, CONDUCTOR)[(one + two) % 5]


def _vote(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    number = _asking(model, one) or _promotion(model, one)
    if number not in model.model.promotions:
        return WithdrawVote(model=FRAUD, promotion=number), BOB
    if two % 9 == 0:
        return reject(number, model), PEOPLE[one % 7]
    stale = {"binding": digest(7)} if two % 11 == 0 else {}
    return approve(number, model, **stale), PEOPLE[two % 7]


def _report(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    stage = _moving(model, one)
    lane = model.lane(stage)
    target = _target(lane, one)
    weights = lane.desired.targets.get(target, {}) if lane.desired else {}
    state = list(ReportedState)[min(two % 5, 2)]
    state = ReportedState.APPLIED if two % 5 > 2 else state
    if len(lane.desired.targets if lane.desired else ()) > 1 and one % TOLD:
        state = ReportedState.APPLIED  # with many targets one would always fail
    runs = {}
    if lane.desired is not None and state is ReportedState.APPLIED:
        runs = {name: lane.desired.variants[name].digest for name in weights}
    code = CODES[one % 2] if state is ReportedState.UNAPPLIED else None
    place = lane.desired.beside if lane.desired and lane.desired.beside else stage
    by = replace(
        agent(place), credential={"token": "agent", "stage": place, "target": target}
    )
    said = report(model, stage, state, code=code, target=target, observed=runs)
    return said, by


def _moving(model: Scenario, one: int) -> StageName:
    """Choose a stage where something is under way, or any."""
    moving = [stage for stage, lane in model.model.lanes.items() if lane.slot]
    if moving and one % 6:
        return moving[one % len(moving)]
    return pick(STAGES, model, one)


def _target(lane: Lane, one: int) -> TargetName:
    """Choose a target that has not applied what is desired; now and then any."""
    told = list(lane.desired.targets) if lane.desired else []
    late = [
        name
        for name in told
        if (now := lane.targets.get(name)) is None
        or (now.revision, now.state) != (lane.revision, "applied")
    ]
    chosen = (late if one % 7 else told) or told or [DEFAULT]
    return chosen[one % len(chosen)]


def _quarantine(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    scope = Scope(stages=() if two % 2 else (pick(STAGES, model, one),))
    fields: dict[str, Any] = {
        "model": FRAUD,
        "version": _version(model, one),
        "scope": scope,
        "reason": WHY,
    }
    barring = two % 3 == 0
    kind = QuarantineVersion if barring else ReleaseVersion
    return kind(**fields), DAVE if barring else CAROL


def _hold(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    stage = pick(STAGES, model, one)
    now = model.lane(stage).hold
    if now is None or two % 4 == 0:
        return PlaceHold(model=FRAUD, stage=stage, reason=WHY), DAVE
    return ReleaseHold(model=FRAUD, stage=stage, hold=now.id, reason=WHY), CAROL


def _revoke(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    known: list[EventId] = [*model.model.evidence, EventId("0" * 36)]
    chosen = known[one % len(known)]
    return RevokeEvidence(model=FRAUD, evidence=chosen, reason=WHY), DAVE


def _end(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    kind = AbortPromotion if two % 2 else CancelPromotion
    return kind(model=FRAUD, promotion=_promotion(model, one), reason=WHY), DAVE


def _roll_back(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    to = {"to": _version(model, two)} if two % 4 == 0 else {}
    return roll_back(pick(STAGES[:4], model, one), **to), DAVE


def _take_away(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    kind = RetireVersion if two % 2 else DeprecateVersion
    return kind(model=FRAUD, version=_version(model, one), reason=WHY), DAVE


def _alias(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
    now = model.model.aliases.get(AliasName("champion"))
    return MoveAlias(
        model=FRAUD,
        alias=AliasName("champion"),
        version=_version(model, one) if two % 3 else None,
        expected_previous=now.version if now else None,
    ), PIPELINE


def _of_promotion(kind: type[Any], by: Actor) -> Request:
    def ask(model: Scenario, one: int, two: int) -> tuple[Any, Actor]:
        return kind(model=FRAUD, promotion=_promotion(model, one)), by

    return ask


REQUESTS: Final[dict[str, Request]] = {
    "register": lambda model, one, two: (
        register(len(model.model.versions) + 1 - (one % 4 == 0)),
        (PIPELINE, ALICE)[two % 2],
    ),
    "promote": _promote,
    "dispatch": _of_promotion(DispatchPromotion, CONDUCTOR),
    "evaluate": _of_promotion(EvaluatePromotion, CONDUCTOR),
    "vote": _vote,
    "withdraw": lambda model, one, two: (
        WithdrawVote(model=FRAUD, promotion=_promotion(model, one)),
        PEOPLE[two % 7],
    ),
    "report": _report,
    "roll back": _roll_back,
    "end": _end,
    "quarantine": _quarantine,
    "hold": _hold,
    "record": lambda model, one, two: (evaluation(_version(model, one)), PIPELINE),
    "revoke": _revoke,
    "take away": _take_away,
    "alias": _alias,
}
# What makes a history go on is drawn more often than what ends things.
_OFTEN: Final = ("promote", "dispatch", "vote", "report", "roll back", "register")
_KINDS: Final = (*REQUESTS, *_OFTEN, *("promote", "dispatch", "report", "vote") * 2)

_FAR: Final = 2**80


def evenly(many: int) -> st.SearchStrategy[int]:
    """Draw a number below another one, none more often than the rest.

    Near zero hypothesis prefers small numbers; far away it does not.
    """
    return st.integers(_FAR, _FAR + many - 1).map(lambda number: number - _FAR)


steps: Final = st.builds(
    Step,
    kind=evenly(len(_KINDS)).map(lambda number: _KINDS[number]),
    one=evenly(100),
    two=evenly(100),
    minutes=evenly(600),
)
