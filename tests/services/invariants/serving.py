"""What may a target serve, whatever has happened?

The account knows the rules only by the documents that agents are told to follow.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rollbook.catalogue.lane import DesiredSet, SlotReleased, SlotTaken, Traffic
from rollbook.catalogue.model import ModelEvent
from rollbook.catalogue.promotion import (
    PromotionDispatched,
    PromotionSucceeded,
    StepStarted,
)
from rollbook.catalogue.rollout import Rollout
from rollbook.catalogue.version import VersionQuarantined, VersionReleased
from rollbook.envelope import Envelope
from rollbook.names import ModelName, PromotionId, StageName, TargetName, Version
from rollbook_services.policy.stage import Profile, Stage
from tests.services.invariants.asked import Asked
from tests.services.invariants.surroundings import Surroundings

EVERYWHERE = "*"
STABLE = "stable"
Weights = Mapping[Version, int]


def weights(desired: DesiredSet | None, target: TargetName) -> Weights:
    """Return what each version gets on a target."""
    found: dict[Version, int] = {}
    if desired is not None:
        for name, weight in desired.targets.get(target, {}).items():
            version = desired.variants[name].version
            found[version] = found.get(version, 0) + weight
    return found


@dataclass
class Serving:
    """An account of what every lane's targets are told to serve."""

    asked: dict[PromotionId, Asked]
    desired: dict[StageName, DesiredSet] = field(default_factory=dict)
    slots: dict[StageName, PromotionId] = field(default_factory=dict)
    barred: defaultdict[Version, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )
    steps: dict[PromotionId, tuple[int, int]] = field(default_factory=dict)
    plans: dict[PromotionId, Rollout] = field(default_factory=dict)
    model: ModelName | None = None
    around: Surroundings | None = None

    def see(self, recorded: Envelope[ModelEvent]) -> None:
        """Follow one event."""
        match recorded.event:
            case SlotTaken(stage=stage, promotion=promotion):
                self.slots[stage] = promotion
            case SlotReleased(stage=stage):
                self._is_empty_beside(stage)
                del self.slots[stage]
            case DesiredSet() as event:
                self._is_told(event)
            case VersionQuarantined(version=version, scope=scope):
                self.barred[version].update(scope.stages or (EVERYWHERE,))
            case VersionReleased(version=version, scope=scope):
                left = self.barred[version].difference(scope.stages)
                self.barred[version] = left if scope.stages else set()
            case StepStarted(promotion=id_, wave=wave, step=step):
                before = self.steps.get(id_, (-1, -1))
                assert before < (wave, step), "a step comes once, in its order"
                self.steps[id_] = (wave, step)
            case _:
                self._is_planned(recorded.event)

    def _is_told(self, event: DesiredSet) -> None:
        before = self.desired.get(event.stage)
        for target, shares in event.targets.items():
            assert set(shares) <= set(event.variants), "I2: every variant is described"
            assert all(weight > 0 for weight in shares.values()), "I2: weights"
            total = sum(shares.values())
            if event.traffic is Traffic.WHOLE:
                assert total in (0, 100), "I2: weights"
            else:
                assert total <= 100, "I2: a share"
                assert len(shares) <= 1, "I2: a side lane brings one version"
            self._rises_for_no_reason(event, target, before)
        self.desired[event.stage] = event
        if self.asked[event.promotion].is_rollback:
            self._reaches_everybody(event)
        self._leaves_enough(event.beside or event.stage)

    def _rises_for_no_reason(
        self, event: DesiredSet, target: TargetName, before: DesiredSet | None
    ) -> None:
        """I4: a barred version gets no more; within a change the new one no less."""
        was, now = weights(before, target), weights(event, target)
        for version, weight in now.items():
            bars = self.barred[version] & {EVERYWHERE, event.stage, event.beside}
            assert not bars or weight <= was.get(version, 0), "I4: barred"
        if before is None or before.promotion != event.promotion or not event.variants:
            return
        new = self.asked[event.promotion].event.version
        assert now.get(new, 0) >= was.get(new, 0), "a roll-out only goes on"

    def _reaches_everybody(self, event: DesiredSet) -> None:
        """A rollback reaches every target of its stage: at once where it may be fast.

        One that goes by steps names them from the first on, and ends with the whole.
        """
        plan = self.plans.get(event.promotion)
        told = [name for wave in plan.waves for name in wave.targets] if plan else []
        assert set(told) <= set(event.targets), "a rollback reaches every target"
        if plan is not None and (len(plan.waves), len(plan.steps)) == (1, 1):
            new = self.asked[event.promotion].event.version
            for target in told:
                assert weights(event, target) == {new: 100}, "a rollback is whole"

    def _is_planned(self, event: ModelEvent) -> None:
        """Every target of the stage is in one wave, those that are drained too."""
        if isinstance(event, PromotionSucceeded):
            self._is_all(event)
        if not isinstance(event, PromotionDispatched):
            return
        plan, stage = event.rollout, self._stage(event.stage)
        if plan is None or stage is None:
            return
        self.plans[event.promotion] = plan
        told = [name for wave in plan.waves for name in wave.targets]
        parent = self._stage(stage.beside) if stage.beside else None
        assert sorted(told) == sorted((parent or stage).targets), "all in one wave each"
        is_back = self.asked[event.promotion].is_rollback
        if is_back and stage.rollback.profile is Profile.FAST:
            assert len(plan.waves) == 1, "a fast rollback is one wave"
            assert [each.weight for each in plan.steps] == [100], "and one step"

    def _is_all(self, event: PromotionSucceeded) -> None:
        """What succeeded is all that its stage should run, unless it ran beside it."""
        desired = self.desired[event.stage]
        if desired.beside is None:
            for target in desired.targets:
                assert weights(desired, target) == {event.version: 100}, "all of it"

    def _stage(self, name: StageName) -> Stage | None:
        if self.around is None or self.model is None:
            return None
        return self.around.stage(self.model, name)

    def _leaves_enough(self, parent: StageName) -> None:
        """Challengers take their shares from what is stable, and leave it something."""
        own = self.desired.get(parent)
        taken: defaultdict[TargetName, int] = defaultdict(int)
        for each in self._beside(parent):
            for target, shares in each.targets.items():
                taken[target] += sum(shares.values())
        for target, share in taken.items():
            stable = own.targets.get(target, {}).get(STABLE, 0) if own else 0
            assert share == 0 or share < stable, "a share of what is stable"

    def _beside(self, parent: StageName) -> Iterator[DesiredSet]:
        for each in self.desired.values():
            if each.beside == parent and each.traffic is Traffic.SHARE:
                yield each

    def _is_empty_beside(self, stage: StageName) -> None:
        """What ran beside another stage serves nothing once its slot is free."""
        desired = self.desired[stage]
        if desired.beside is not None:
            assert not desired.variants, "a side lane is left empty"
            assert not any(desired.targets.values()), "a side lane is left empty"
