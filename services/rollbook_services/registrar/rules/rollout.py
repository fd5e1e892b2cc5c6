"""Which plan does a change follow, and what should run at each of its steps?

Waves are the outer loop: each goes through all steps before the next begins, and
those before it stay at 100 percent (design/promotion.md §5.6).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from rollbook.catalogue.experiment import Beside
from rollbook.catalogue.lane import DesiredSet, Traffic, Variant
from rollbook.catalogue.parts import PromotionKind
from rollbook.catalogue.rollout import Measure, PlannedStep, Rollout, Wave
from rollbook.names import TargetName, Version
from rollbook_services.policy.document import Policy
from rollbook_services.policy.facts import VersionStatus
from rollbook_services.policy.stage import Profile, Stage
from rollbook_services.policy.strategy import (
    WHOLE,
    Analysis,
    Canary,
    MinSuccess,
    Strategy,
)
from rollbook_services.registrar.seeing import parent_of
from rollbook_services.registrar.state import Model, Promotion

STABLE: Final = "stable"
CANARY: Final = "canary"
_EVERY: Final = timedelta(minutes=1)
_MS: Final = timedelta(milliseconds=1)


class Place(NamedTuple):
    """A step of a wave."""

    wave: int
    step: int


FIRST: Final = Place(0, 0)


def plan(
    policy: Policy,
    stage: Stage,
    kind: PromotionKind,
    drained: Collection[tuple[str, TargetName]] = (),
) -> Rollout:
    """Make the plan of a change; what is drained is told, and not waited for."""
    is_fast = stage.rollback.profile is Profile.FAST
    canary = stage.strategy.canary
    if kind is PromotionKind.ROLLBACK and is_fast:
        canary = None
    place = stage.beside or stage.name
    there = targets(policy, stage)
    asleep = tuple(name for name in there if (place, name) in drained)
    is_back = kind is PromotionKind.ROLLBACK
    return Rollout(
        waves=_waves(
            [there] if canary is None else canary.waves or [there],
            asleep=asleep,
            least=stage.strategy.min_success,
        ),
        steps=_planned(stage.strategy, canary, is_back=is_back),
        split_key=_split_key(stage.strategy),
        measures=() if is_back else tuple(_measures(stage.strategy.analysis)),
        drained=asleep,
    )


def targets(policy: Policy, stage: Stage) -> tuple[TargetName, ...]:
    """Return where a stage is served: a stage beside another has that one's targets."""
    parent = policy.stage(stage.beside) if stage.beside else None
    return parent.targets if parent else stage.targets


def _waves(
    waves: Sequence[tuple[TargetName, ...]],
    *,
    asleep: tuple[TargetName, ...],
    least: MinSuccess,
) -> tuple[Wave, ...]:
    """Say for each wave how many must apply; one that sleeps comes with the last.

    Where every target sleeps, they are waited for after all: nothing else would run
    the version.
    """
    awake = [wave for wave in waves if not set(wave).issubset(asleep)]
    if not awake:
        return tuple(Wave(targets=wave, needed=_needed(wave, least)) for wave in waves)
    late = [name for wave in waves if wave not in awake for name in wave]
    made = [
        Wave(
            targets=wave,
            needed=_needed([name for name in wave if name not in asleep], least),
        )
        for wave in awake
    ]
    last = made[-1]
    made[-1] = Wave(targets=(*last.targets, *late), needed=last.needed)
    return tuple(made)


def _needed(wave: Sequence[TargetName], least: MinSuccess) -> int:
    most = len(wave)
    if least == "all":
        return most
    if isinstance(least, int):
        return min(least, most)
    # Rounded up, without a float: 80 % of 3 is 3.
    return -(-most * int(least.removesuffix("%")) // WHOLE)


def _planned(
    strategy: Strategy, canary: Canary | None, *, is_back: bool
) -> tuple[PlannedStep, ...]:
    if canary is not None:
        return tuple(_steps(canary))
    bake = timedelta(0) if is_back else strategy.all_at_once.bake
    weight = share_of(strategy) if strategy.is_beside else WHOLE
    return (PlannedStep(weight=weight, bake_ms=bake // _MS, pause=None),)


def way_of(strategy: Strategy) -> Beside:
    """Return how versions run beside another, where they do."""
    return Beside.SHADOW if strategy.challenger is None else Beside.CHALLENGER


def share_of(strategy: Strategy) -> int:
    """Return the percent of the traffic that goes to what runs beside another."""
    if strategy.challenger is not None:
        return int(strategy.challenger.share.removesuffix("%"))
    return int(strategy.shadow.sample.removesuffix("%")) if strategy.shadow else 0


def _steps(canary: Canary) -> Iterable[PlannedStep]:
    weight = 0
    for step in canary.steps:
        weight = weight if step.weight is None else step.weight
        yield PlannedStep(weight=weight, bake_ms=step.bake // _MS, pause=step.pause)


def _split_key(strategy: Strategy) -> str | None:
    if strategy.challenger is not None:
        return strategy.challenger.split_key
    return None if strategy.canary is None else strategy.canary.split_key


def _measures(rules: Iterable[Analysis]) -> Iterable[Measure]:
    for rule in rules:
        if rule.query is not None:
            yield Measure(
                metric=rule.metric,
                query=rule.query,
                samples_query=rule.samples_query,
                every_ms=(rule.every or _EVERY) // _MS,
            )


def awaited(rollout: Rollout, number: int) -> tuple[TargetName, ...]:
    """Return the targets of a wave that count: a drained one proves nothing."""
    awake = [
        tuple(name for name in wave.targets if name not in rollout.drained)
        for wave in rollout.waves
    ]
    return awake[number] if any(awake) else rollout.waves[number].targets


def after(rollout: Rollout, place: Place) -> Place | None:
    """Return the step that follows; None: that was the last."""
    if place.step + 1 < len(rollout.steps):
        return Place(place.wave, place.step + 1)
    if place.wave + 1 < len(rollout.waves):
        return Place(place.wave + 1, 0)
    return None


def desired(
    model: Model,
    promotion: Promotion,
    stage: Stage,
    rollout: Rollout,
    place: Place,
    *,
    token: int,
) -> DesiredSet:
    """Say what should run on every target while a step lasts: all of it, no delta."""
    if parent_of(stage) is not None:
        return _beside(model, promotion, stage, rollout, token=token)
    lane = model.lane(stage.name)
    top = lane.stable[-1].version if lane.stable else None
    before = None if top in (None, promotion.version) else top
    weights = _weights(rollout, place)
    variants, shares = _split(model, promotion, stage, before, weights)
    return DesiredSet(
        stage=stage.name,
        revision=lane.revision + 1,
        token=token,
        promotion=promotion.id,
        kind=promotion.kind,
        variants=variants,
        targets=shares,
        previous=None if before is None else _variant(model, before),
        wave=place.wave,
        step=place.step,
        split_key=rollout.split_key,
        drift=stage.drift,
        beside=stage.beside,
        traffic=Traffic.WHOLE,
    )


def _beside(
    model: Model, promotion: Promotion, stage: Stage, rollout: Rollout, *, token: int
) -> DesiredSet:
    """Say what runs beside what the parent's document says, and replaces nothing."""
    way = way_of(stage.strategy)
    weights = _weights(rollout, FIRST)
    return DesiredSet(
        stage=stage.name,
        revision=model.lane(stage.name).revision + 1,
        token=token,
        promotion=promotion.id,
        kind=promotion.kind,
        variants={way.value: _variant(model, promotion.version)},
        targets={name: {way.value: weight} for name, weight in weights.items()},
        previous=None,
        wave=0,
        step=0,
        split_key=rollout.split_key,
        drift=stage.drift,
        beside=stage.beside,
        traffic=Traffic.MIRROR if way is Beside.SHADOW else Traffic.SHARE,
    )


def _weights(rollout: Rollout, place: Place) -> Mapping[TargetName, int]:
    """Return by target the percent that the new version gets."""
    now = rollout.steps[place.step].weight if rollout.steps else 0
    return {
        name: WHOLE if number < place.wave else now if number == place.wave else 0
        for number, wave in enumerate(rollout.waves)
        for name in wave.targets
    }


def _split(
    model: Model,
    promotion: Promotion,
    stage: Stage,
    before: Version | None,
    weights: Mapping[TargetName, int],
) -> tuple[dict[str, Variant], dict[TargetName, dict[str, int]]]:
    """Share each target's traffic; the last step names the version `stable` alone."""
    candidate = _variant(model, promotion.version)
    if all(weight == WHOLE for weight in weights.values()):
        return {STABLE: candidate}, {name: {STABLE: WHOLE} for name in weights}
    if before is None:
        # Nothing proved itself that could have the rest, or it is this very version.
        return _alone(model, promotion, stage, candidate, weights)
    shares = {}
    for name, weight in weights.items():
        kept = min(WHOLE - weight, _most_kept(model, stage, before, name))
        both = {STABLE: kept, CANARY: WHOLE - kept}
        shares[name] = {variant: share for variant, share in both.items() if share}
    return {STABLE: _variant(model, before), CANARY: candidate}, shares


def _alone(
    model: Model,
    promotion: Promotion,
    stage: Stage,
    candidate: Variant,
    weights: Mapping[TargetName, int],
) -> tuple[dict[str, Variant], dict[TargetName, dict[str, int]]]:
    """Share with nobody: a target whose wave has not come serves what it served."""
    lane = model.lane(stage.name)
    is_stable = bool(lane.stable) and lane.stable[-1].version == promotion.version
    return {STABLE: candidate}, {
        name: {STABLE: WHOLE} if weight or is_stable else {}
        for name, weight in weights.items()
    }


def _most_kept(model: Model, stage: Stage, before: Version, target: TargetName) -> int:
    """Say how much the stable version may have: a barred one never gets more (I4)."""
    known = model.versions[before]
    is_free = known.bar(stage.name) is None
    if is_free and known.status is not VersionStatus.RETIRED:
        return WHOLE
    lane = model.lane(stage.name)
    if lane.desired is None:
        return 0
    return sum(
        weight
        for name, weight in lane.desired.targets.get(target, {}).items()
        if lane.desired.variants[name].version == before
    )


def _variant(model: Model, number: Version) -> Variant:
    known = model.versions[number]
    return Variant(
        version=number,
        digest=known.digest,
        size_bytes=known.size_bytes,
        uri=known.uri,
    )
