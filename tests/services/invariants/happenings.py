"""What can happen around a model: freezes, rules, tokens and persons?"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from hypothesis import strategies as st

from rollbook.catalogue.access import IdentityLinked, Place, TokenRevoked
from rollbook.catalogue.calendar import (
    FreezeDeclared,
    FreezeLifted,
    InFlight,
    Lanes,
)
from rollbook.catalogue.fleet import AgentDrained, AgentEnrolled, AgentUndrained
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.policy import PolicyActivated, PolicyProposed
from rollbook.envelope import Actor
from rollbook.names import AgentName
from rollbook.subjects import ACCESS, CALENDAR, FLEET, POLICIES
from rollbook_services.policy.document import BUILT_IN, Policy, digest_of
from rollbook_services.registrar.seeing import stage_of
from rollbook_services.registrar.surroundings import Access, Calendar, Fleet, Policies
from tests.services.invariants import rules
from tests.services.invariants.requests import evenly
from tests.services.invariants.turns import (
    ASKING,
    PAUSES,
    RARE,
    WHY,
    Asked,
    Turn,
    chosen,
    likely,
)
from tests.support.governed import BOTH, OWNER, RISK
from tests.support.scenario import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    DEFAULT,
    PRODUCTION,
    STAGING,
)
from tests.support.together import ADMIN, RULER, World, token

COVERED: Final = ((), (), (STAGING,), (PRODUCTION,))
PAIRS: Final = ((BOB, ALICE), (OWNER, RISK), (BOTH, CAROL), (BOB, OWNER))
LOSERS: Final = (BOB, OWNER, RISK, BOTH, CAROL)
EDGE: Final = 48
CHOICES: Final = 8 * 35
ANYTHING: Final = tuple(ASKING)
Happening = Callable[[World, Turn], World]


def take(world: World, turn: Turn) -> World:
    """Let a turn happen, in the model or around it."""
    kind = kind_of(world, turn, around=True)
    if kind in HAPPENING:
        return HAPPENING[kind](world, turn)
    command, by = ASKING[kind](world.look(), turn.one, turn.two)
    return world.when(command, by=by, after=turn.pause)


def asked(world: World, turn: Turn) -> Asked:
    """Read a turn as a request to the model."""
    kind = kind_of(world, turn, around=False)
    return ASKING[kind](world.look(), turn.one, turn.two)


def kind_of(world: World, turn: Turn, *, around: bool) -> str:
    """Choose what a turn is: what leads somewhere now, or now and then anything."""
    is_likely, place = divmod(turn.choice, CHOICES // 8)
    if not is_likely:
        return ANYTHING[place % len(ANYTHING)]
    kinds = [*likely(world.look()), *(("around",) * 2 if around else ())]
    if around and world.known(CALENDAR, Calendar).freezes:
        kinds += ["lift"] * 2
    kind = kinds[place % len(kinds)]
    kind = RARE[turn.two % len(RARE)] if kind == "rare" else kind
    return AROUND[turn.two % len(AROUND)] if kind == "around" else kind


@st.composite
def turns(draw: st.DrawFn, rules_name: str = "built-in") -> Turn:
    """Draw one number, which is quick, and read a turn from it."""
    number = draw(evenly(CHOICES * EDGE * EDGE * len(PAUSES)))
    number, choice = divmod(number, CHOICES)
    number, one = divmod(number, EDGE)
    pause, two = divmod(number, EDGE)
    return Turn(choice, one, two, PAUSES[pause], rules_name)


def _freeze(world: World, turn: Turn) -> World:
    one, two = turn.one, turn.one // 7
    at = world.at + turn.pause
    hours = (None, 1, 5, 1)[one % 4]
    return world.written(
        CALENDAR,
        FreezeDeclared(
            covers=Lanes(stages=COVERED[two % 4]),
            from_at=at + timedelta(hours=2) if one % 7 == 0 else None,
            until=None if hours is None else at + timedelta(hours=2 + hours),
            in_flight=tuple(InFlight)[two % 3],
            exempt=() if two % 6 == 0 else (PromotionKind.ROLLBACK,),
            waivable=one % 2 == 0,
            stops_the_line=False,
            reason=WHY,
            incident=None,
        ),
        after=turn.pause,
    )


def _lift(world: World, turn: Turn) -> World:
    open_ = list(world.known(CALENDAR, Calendar).freezes)
    if not open_:
        return world
    lifted = FreezeLifted(freeze=chosen(open_, turn.one, open_[0]), reason=WHY)
    return world.written(CALENDAR, lifted, after=turn.pause)


def _rule(world: World, turn: Turn) -> World:
    by = (RULER, BOB, OWNER)[turn.one % 3]
    policy = rules.changed(turn.rules, turn.one)
    return ruled_by(world, policy, by=by, after=turn.pause)


def _link(world: World, turn: Turn) -> World:
    """Find out that two people are one: often two who have just voted."""
    known = world.model().promotions
    voted = [{each.who for each in known[id_].votes} for id_ in world.model().open]
    crowds = [tuple(sorted(each)) for each in voted if len(each) > 1]
    pair = tuple(each.id for each in PAIRS[turn.one % 4])
    principals = chosen(crowds if turn.one % 3 else (), turn.one, pair)
    linked = IdentityLinked(principals=principals, reason=WHY)
    return world.written(ACCESS, linked, by=ADMIN, after=turn.pause)


def _lose(world: World, turn: Turn) -> World:
    who = LOSERS[turn.one % 5].id
    tokens = world.known(ACCESS, Access).tokens.items()
    held = [id_ for id_, each in tokens if each.principal == who and not each.revoked]
    if not held:
        return world
    lost = TokenRevoked(token=held[0], reason=WHY)
    return world.written(ACCESS, lost, by=ADMIN, after=turn.pause)


def _gain(world: World, turn: Turn) -> World:
    who = (*LOSERS, DAVE)[turn.one % 6]
    number = len(world.known(ACCESS, Access).tokens)
    held = token(number, who, days=(1, 2, 400)[turn.one % 3])
    return world.written(ACCESS, held, by=ADMIN, after=turn.pause)


def _drain(world: World, turn: Turn) -> World:
    """Let an agent of production stand aside, or come back."""
    targets = stage_of(world.look().context.policy, PRODUCTION).targets or (DEFAULT,)
    place = Place(stage=PRODUCTION, target=targets[turn.one % len(targets)])
    name = AgentName(f"agent-{place.target}")
    known = world.known(FLEET, Fleet).agents.get(name)
    if known is None:
        enrolled = AgentEnrolled(agent=name, place=place, public_key=None, token=None)
        drained = AgentDrained(agent=name, reason=WHY)
        return world.written(FLEET, enrolled, drained, after=turn.pause)
    kind = AgentUndrained if known.is_drained else AgentDrained
    return world.written(FLEET, kind(agent=name, reason=WHY), after=turn.pause)


HAPPENING: Final[dict[str, Happening]] = {
    "freeze": _freeze,
    "lift": _lift,
    "rule": _rule,
    "link": _link,
    "lose": _lose,
    "gain": _gain,
    "drain": _drain,
}
AROUND: Final = tuple(HAPPENING)


def ruled_by(
    world: World,
    policy: Policy,
    *,
    by: Actor = RULER,
    after: timedelta = timedelta(minutes=1),
) -> World:
    """Let a policy hold from here on, whoever agreed to it."""
    if policy is BUILT_IN:
        return world
    document = policy.model_dump(mode="json", by_alias=True, exclude_unset=True)
    digest = digest_of(document)
    known = world.known(POLICIES, Policies).policies.get(policy.name)
    if known is not None and known.active == digest:
        return world
    proposed = PolicyProposed(
        policy=policy.name,
        digest=digest,
        document=document,
        warnings=(),
        trial=None,
        reason=WHY,
    )
    activated = PolicyActivated(
        policy=policy.name,
        digest=digest,
        supersedes=known.active if known else None,
        models=policy.spec.applies_to.models,
        endorsed_by=(),
    )
    return world.written(POLICIES, proposed, activated, by=by, after=after)
