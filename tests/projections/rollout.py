"""How does a story tell of a change that goes step by step, and of what drifts?"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from rollbook.catalogue.lane import DesiredSet, DriftPolicy, Traffic, Variant
from rollbook.catalogue.promotion import (
    PauseCause,
    PromotionDispatched,
    PromotionPaused,
    PromotionResumed,
    PromotionVerifying,
    StepApplied,
    StepCompleted,
    StepStarted,
)
from rollbook.catalogue.rollout import Measure, PlannedStep, Rollout, Wave
from rollbook.catalogue.target import (
    DriftAccepted,
    DriftCorrected,
    DriftDetected,
    Report,
    TargetAcknowledged,
    TargetApplied,
    TargetErrored,
    TargetFailed,
)
from rollbook.event import Event
from rollbook.names import EventId
from tests.projections import facts
from tests.projections.facts import Asked
from tests.projections.story import ALICE, Story, digest
from tests.support.recorder import CONDUCTOR

BAKE: Final = timedelta(minutes=30)
MEASURE: Final = Measure(
    metric="error_rate", query="errors", samples_query=None, every_ms=60_000
)
PLAN: Final = Rollout(
    waves=(
        Wave(targets=("eu-1",), needed=1),
        Wave(targets=("eu-2", "us-1"), needed=1),
    ),
    steps=(
        PlannedStep(weight=25, bake_ms=1_800_000, pause=None),
        PlannedStep(weight=25, bake_ms=0, pause="model-owner"),
        PlannedStep(weight=100, bake_ms=0, pause=None),
    ),
    split_key="header:x-customer",
    measures=(MEASURE,),
    drained=(),
)
WHOLE: Final = 100


@dataclass(slots=True)
class Canary:
    """One promotion of a story that goes through a plan, one decision for each call."""

    story: Story
    id: int
    before: int | None = None
    """The version that was stable, and keeps the rest of the traffic."""
    plan: Rollout = PLAN
    beside: str | None = None
    wave: int = 0
    step: int = 0
    drifts: dict[str, EventId] = field(default_factory=dict)

    @property
    def asked(self) -> Asked:
        """What the story knows of it."""
        return self.story.promotions[self.id]

    def dispatch(self) -> "Canary":
        """Take the slot and begin the first step."""
        story, asked = self.story, self.asked
        asked.state = "DISPATCHED"
        asked.token = story.tokens[asked.stage] = story.tokens.get(asked.stage, 0) + 1
        story.slots[asked.stage] = asked.id
        begun = facts.dispatched(asked, story.ledger.at)[:2]
        assert isinstance(begun[0], PromotionDispatched)
        begun[0] = begun[0].model_copy(update={"rollout": self.plan})
        self._say(*begun, *self._begin())
        return self

    def acknowledge(self, target: str) -> None:
        """Let a target's agent begin."""
        if self.asked.state == "DISPATCHED":
            self.asked.state = "PROGRESSING"
        self._say(TargetAcknowledged(report=self.report(target)))

    def apply(self, *targets: str) -> None:
        """Let agents finish what the present document says."""
        if self.asked.state == "DISPATCHED":
            self.asked.state = "PROGRESSING"
        for target in targets:
            self._say(TargetApplied(report=self.report(target)))

    def fail(self, target: str, *, is_platform: bool = False) -> None:
        """Let an agent report that it cannot run it."""
        kind = TargetErrored if is_platform else TargetFailed
        report = self.report(target, runs={"stable": self.asked.digest})
        self._say(kind(report=report, reason_code="load_failed", log_uri=None))

    def bake(self) -> None:
        """Let enough targets run the step, which now has to prove itself."""
        until = self.story.ledger.at + BAKE
        self._say(StepApplied(**self._place(), bake_until=until))

    def go_on(self, *stragglers: str) -> None:
        """End the step and begin the next, or let the version prove itself."""
        done = StepCompleted(**self._place(), stragglers=stragglers)
        if self._is_last():
            asked = self.asked
            asked.state = "VERIFYING"
            until = self.story.ledger.at + BAKE
            proving = PromotionVerifying(
                **asked.lane, version=asked.version, bake_until=until
            )
            self._say(done, proving)
            return
        self.step += 1
        if self.step == len(self.plan.steps):
            self.wave, self.step = self.wave + 1, 0
        self._say(done, *self._begin())

    def resume(self) -> None:
        """Let a person go on from the pause of the plan."""
        self.asked.state = "PROGRESSING"
        going_on = PromotionResumed(
            promotion=self.id,
            cause=PauseCause.STEP,
            accepted=(),
            reason="looks good",
            wake_at=None,
        )
        self.story.say(going_on, by=ALICE)

    def succeed(self) -> None:
        """End well."""
        asked, stack = self.asked, self.story.stacks.setdefault(self.asked.stage, [])
        if not stack or stack[-1] != asked.version:
            stack.append(asked.version)
        self._say(*facts.succeeded(asked, len(stack)))
        self.story.end(asked, "SUCCEEDED")

    def drift(
        self, target: str, policy: DriftPolicy = DriftPolicy.ALERT, *, runs: int = 1
    ) -> EventId:
        """Let a target run something else, with nothing under way."""
        other = {"stable": digest(f"{self.story.model}{runs}")}
        report = self.report(target, runs=other)
        self.drifts[target] = self._say(DriftDetected(report=report, policy=policy))
        return self.drifts[target]

    def accept(self, target: str) -> None:
        """Let a person say that it may stay so for now."""
        known = DriftAccepted(
            stage=self.asked.stage,
            target=target,
            drift=self.drifts[target],
            reason="a hot fix of incident 7",
        )
        self.story.say(known, by=ALICE)

    def correct(self, target: str) -> None:
        """Let a target run again what is desired."""
        drift = self.drifts.pop(target)
        self._say(DriftCorrected(report=self.report(target), drift=drift))

    def report(self, target: str, runs: dict[str, str] | None = None) -> Report:
        """Let a target's agent say what it runs: what is desired, if nothing else."""
        at, seq = self.story.ledger.at, self.story.now
        said = facts.report(self.asked, seq=seq, at=at)
        wanted = self._weights().get(target, {})
        observed = {name: self._variants()[name].digest for name in wanted}
        return said.model_copy(
            update={"target": target, "observed": observed if runs is None else runs}
        )

    def _begin(self) -> list[Event]:
        planned, asked = self.plan.steps[self.step], self.asked
        events: list[Event] = []
        if planned.pause is None:
            asked.revision = self.story.next_revision(asked.stage)
            events.append(self._desired())
        step_by = self.story.ledger.at + timedelta(hours=4)
        events.append(
            StepStarted(
                **self._place(),
                weight=planned.weight,
                targets=self.plan.waves[self.wave].targets,
                step_by=None if planned.pause else step_by,
            )
        )
        if planned.pause is not None:
            asked.returns_to, asked.state = "PROGRESSING", "PAUSED"
            events.append(
                PromotionPaused(
                    promotion=self.id,
                    cause=PauseCause.STEP,
                    reason=f"the plan waits for {planned.pause}",
                    inputs=(),
                    wake_at=None,
                    role=planned.pause,
                )
            )
        return events

    def _desired(self) -> DesiredSet:
        asked = self.asked
        return DesiredSet(
            **asked.lane,
            revision=asked.revision,
            token=asked.token,
            kind=asked.kind,
            variants=self._variants(),
            targets=self._weights(),
            previous=None,
            wave=self.wave,
            step=self.step,
            split_key=self.plan.split_key,
            drift=DriftPolicy.REQUIRE_ACCEPTANCE,
            beside=self.beside,
            traffic=Traffic.WHOLE if self.beside is None else Traffic.MIRROR,
        )

    def _weights(self) -> dict[str, dict[str, int]]:
        if self._is_alone():
            return {
                name: {"stable": WHOLE}
                for wave in self.plan.waves
                for name in wave.targets
            }
        return {
            name: _shares(self._weight(number))
            for number, wave in enumerate(self.plan.waves)
            for name in wave.targets
        }

    def _weight(self, wave: int) -> int:
        if wave != self.wave:
            return WHOLE if wave < self.wave else 0
        return self.plan.steps[self.step].weight

    def _variants(self) -> dict[str, Variant]:
        if self._is_alone():
            return {"stable": self._variant(self.asked.version)}
        return {
            "stable": self._variant(self.before or self.asked.version),
            "canary": self._variant(self.asked.version),
        }

    def _variant(self, version: int) -> Variant:
        model = self.story.model
        return Variant(
            version=version,
            digest=digest(f"{model}{version}"),
            size_bytes=412,
            uri=f"s3://models/{model}/{version}",
        )

    def _is_alone(self) -> bool:
        return self.before is None or self._is_last()

    def _is_last(self) -> bool:
        last = len(self.plan.waves) - 1, len(self.plan.steps) - 1
        return (self.wave, self.step) == last

    def _place(self) -> dict[str, Any]:
        return {"promotion": self.id, "wave": self.wave, "step": self.step}

    def _say(self, *events: Event) -> EventId:
        return self.story.say(*events, by=CONDUCTOR)


def _shares(weight: int) -> dict[str, int]:
    shares = {"stable": WHOLE - weight, "canary": weight}
    return {name: share for name, share in shares.items() if share}


def canary(story: Story, version: int, stage: str = "staging", **said: Any) -> Canary:
    """Ask for a version and dispatch it step by step, beside what is stable there."""
    stack = story.stacks.get(stage)
    id_ = story.request(version, stage)
    if stage == "production":
        story.approve(id_)
    before = stack[-1] if stack else None
    return Canary(story, id_, before, **said).dispatch()


def run_through(change: Canary) -> None:
    """Let every step go well, up to success."""
    while change.asked.state != "VERIFYING":
        if change.asked.state == "PAUSED":
            change.resume()
        else:
            change.apply(*(name for wave in change.plan.waves for name in wave.targets))
            change.bake()
        change.go_on()
    change.succeed()
