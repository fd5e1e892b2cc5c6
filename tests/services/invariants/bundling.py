"""What can happen to two models that are released together?"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final

from hypothesis import strategies as st

from rollbook.catalogue.parts import Artifact
from rollbook.commands.bundle import (
    CancelBundle,
    DispatchBundle,
    RequestBundle,
    RollBackBundle,
    SettleBundle,
    Wanted,
)
from rollbook.commands.calendar import DeclareFreeze, LiftFreeze
from rollbook.commands.model import RegisterModel
from rollbook.commands.promotion import (
    AbortPromotion,
    AdvancePromotion,
    CancelPromotion,
    DispatchPromotion,
    EvaluatePromotion,
    RequestPromotion,
    RequestRollback,
)
from rollbook.commands.version import QuarantineVersion, RegisterVersion
from rollbook.commands.wire import AnyCommand
from rollbook.envelope import Actor
from rollbook.names import BundleId, Digest, ModelName, PromotionId, Reason, Version
from rollbook.subjects import BUNDLES, CALENDAR
from rollbook_services.registrar.surroundings import Bundles, BundleState, Calendar
from tests.services.invariants.happenings import ruled_by
from tests.services.invariants.requests import evenly
from tests.services.invariants.rules import LUNCH, ruled
from tests.services.invariants.turns import PAUSES, chosen
from tests.support.scenario import CONDUCTOR, DAVE, FRAUD, PIPELINE, STAGING, agent
from tests.support.together import World, begun

FEATURES: Final = ModelName("acme/features")
MODELS: Final = (FRAUD, FEATURES)
WHY: Final = Reason("one release")
RULES: Final = ruled(
    {
        "windows": [LUNCH],
        "strategy": {"all_at_once": {"bake": "10m"}},
        "rollback": {"when": ["failed", "errored"]},
        "on_rebase": "revalidate",
    }
)
GONE: Final = frozenset(
    {BundleState.FAILED, BundleState.CANCELLED, BundleState.ROLLED_BACK}
)
OVER: Final = GONE | {BundleState.SUCCEEDED}
Asked = tuple[AnyCommand, Actor]


@dataclass(frozen=True)
class Turn:
    """One request to come: its kind, two numbers that fill it in, and a pause."""

    kind: str
    one: int
    two: int
    pause: timedelta

    def take(self, world: World) -> World:
        """Let somebody ask, now."""
        command, by = ASKING[self.kind](world, self.one, self.two)
        return world.when(command, by=by, after=self.pause)


@cache
def beginning() -> World:
    """Begin with two models of four versions; the first of each runs in staging."""
    world = begun()
    for place, name in enumerate(MODELS):
        world = world.given(RegisterModel(model=name), by=PIPELINE)
        for number in range(1, 5):
            bytes_ = Digest(f"sha256:{place * 100 + number:064x}")
            artifact = Artifact(uri=f"s3://{name}", digest=bytes_, size_bytes=9)
            command = RegisterVersion(model=name, artifact=artifact)
            world = world.given(command, by=PIPELINE)
    world = world.given(bundle(1, 1), by=PIPELINE)
    world = world.given(DispatchBundle(bundle=BundleId(1)), by=CONDUCTOR)
    for name in MODELS:
        world = world.applied(name)
    world = world.given(SettleBundle(bundle=BundleId(1)), by=CONDUCTOR)
    return ruled_by(world, RULES)


def bundle(*numbers: int) -> RequestBundle:
    """Ask for a version of each model, together."""
    members = tuple(
        Wanted(model=name, version=Version(number))
        for name, number in zip(MODELS, numbers, strict=True)
    )
    return RequestBundle(stage=STAGING, members=members, reason=WHY)


def _bundle(world: World, one: int) -> BundleId:
    """Choose a bundle that is under way, or now and then any."""
    known = world.known(BUNDLES, Bundles).bundles
    open_ = [each.id for each in known.values() if each.state not in OVER]
    return chosen(open_ if one % 6 else list(known), one // 6, BundleId(9))


def _promotion(world: World, one: int) -> tuple[ModelName, PromotionId]:
    busy = [name for name in MODELS if world.model(name).open]
    name = chosen(busy, one, FRAUD)
    return name, chosen(world.model(name).open, one // 2, PromotionId(1))


def _report(world: World, one: int, two: int) -> Asked:
    moving = [name for name in MODELS if world.model(name).lane(STAGING).slot]
    name = chosen(moving, one, MODELS[one % 2])
    code = ("load_failed", "unreachable")[two % 2] if two % 5 == 0 else None
    return world.report(name, STAGING, code=code), agent(STAGING)


def _alone(world: World, one: int, two: int) -> Asked:
    name, number = MODELS[one % 2], Version(two % 4 + 1)
    if one % 3:
        return RequestPromotion(model=name, stage=STAGING, version=number), DAVE
    return RequestRollback(model=name, stage=STAGING, reason=WHY), DAVE


def _by_itself(world: World, one: int, two: int) -> Asked:
    """Do something to a promotion that may be a member's."""
    name, id_ = _promotion(world, one)
    match two % 8:
        case 0:
            return AbortPromotion(model=name, promotion=id_, reason=WHY), DAVE
        case 1:
            return CancelPromotion(model=name, promotion=id_, reason=WHY), DAVE
        case 2 | 3:
            return DispatchPromotion(model=name, promotion=id_), CONDUCTOR
        case 4:
            return EvaluatePromotion(model=name, promotion=id_), CONDUCTOR
        case _:
            return AdvancePromotion(model=name, promotion=id_), CONDUCTOR


def _stop(world: World, one: int, two: int) -> Asked:
    """Freeze or thaw, or bar a version."""
    open_ = list(world.known(CALENDAR, Calendar).freezes)
    if one % 4 == 0:
        number = Version(two % 4 + 1)
        bar = QuarantineVersion(model=MODELS[one % 2], version=number, reason=WHY)
        return bar, DAVE
    if open_:
        return LiftFreeze(freeze=open_[0], reason=WHY), DAVE
    models = ((), (FRAUD,), (FEATURES,))[two % 3]
    in_flight = ("finish", "pause", "abort")[one % 3]
    freeze = {"covers": {"models": models}, "in_flight": in_flight, "reason": WHY}
    return DeclareFreeze.model_validate(freeze), DAVE


ASKING: Final[dict[str, Callable[[World, int, int], Asked]]] = {
    "ask": lambda world, one, two: (bundle(one % 4 + 1, two % 4 + 1), PIPELINE),
    "dispatch": lambda world, one, _: (
        DispatchBundle(bundle=_bundle(world, one)),
        CONDUCTOR,
    ),
    "settle": lambda world, one, _: (
        SettleBundle(bundle=_bundle(world, one)),
        CONDUCTOR,
    ),
    "report": _report,
    "alone": _alone,
    "by itself": _by_itself,
    "stop": _stop,
    "cancel": lambda world, one, _: (
        CancelBundle(bundle=_bundle(world, one), reason=WHY),
        DAVE,
    ),
    "roll back": lambda world, one, two: (
        RollBackBundle(bundle=BundleId(two % 5 + 1), reason=WHY),
        DAVE,
    ),
}
KINDS: Final = (
    *("ask", "dispatch", "settle", "by itself") * 3,
    *("report",) * 5,
    *("alone", "stop", "cancel", "roll back"),
)


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """Draw one number, which is quick, and read a turn from it."""
    number = draw(evenly(len(KINDS) * 48 * 48 * len(PAUSES)))
    number, kind = divmod(number, len(KINDS))
    number, one = divmod(number, 48)
    pause, two = divmod(number, 48)
    return Turn(KINDS[kind], one, two, PAUSES[pause])
