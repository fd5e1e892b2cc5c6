"""What runs beside the live version of another stage, and what became of it?

It replaces nothing and blocks nothing: it has a lane of its own on the targets of its
parent, which is emptied however it ends (design/promotion.md §5.8).
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from rollbook.catalogue.evidence import EvidenceRecorded
from rollbook.catalogue.experiment import (
    Beside,
    ExperimentConcluded,
    ExperimentInvalidated,
    ExperimentStarted,
)
from rollbook.catalogue.lane import DesiredSet
from rollbook.names import EventId, EvidenceKind, PromotionId, StageName
from rollbook_services.policy.stage import Stage
from rollbook_services.policy.strategy import Strategy
from rollbook_services.registrar.decision import Decision
from rollbook_services.registrar.rules import contest, rollout
from rollbook_services.registrar.rules.lane import changed
from rollbook_services.registrar.seeing import parent_of, stable_in, stage_of
from rollbook_services.registrar.state import Mark, Model, Promotion

TIME: Final = "time"
EXPRESSION: Final = "expression"
KINDS: Final = {
    Beside.SHADOW: EvidenceKind("shadow"),
    Beside.CHALLENGER: EvidenceKind("experiment"),
}
"""As which kind of evidence it is recorded what ran so."""


def begin(decision: Decision, promotion: Promotion, stage: Stage) -> None:
    """Say what is compared with what, and until when, where it runs beside another."""
    parent, strategy = parent_of(stage), stage.strategy
    if parent is None:
        return
    challenger = strategy.challenger
    decision.record(
        ExperimentStarted(
            promotion=promotion.id,
            stage=stage.name,
            parent=parent,
            beside=rollout.way_of(strategy),
            candidate=promotion.version,
            champion=stable_in(decision.model, parent),
            share=rollout.share_of(strategy),
            split_key=None if challenger is None else challenger.split_key,
            metric=None if challenger is None else challenger.metric,
            min_samples=_least(strategy),
            ends_at=decision.at + lasts(stage),
        )
    )


def lasts(stage: Stage) -> timedelta:
    """Return how long versions of a stage run beside another; 0: they do not."""
    strategy = stage.strategy
    if parent_of(stage) is None:
        return timedelta(0)
    if strategy.challenger is not None:
        return strategy.challenger.stop.after
    return strategy.shadow.duration if strategy.shadow else timedelta(0)


def _least(strategy: Strategy) -> int:
    chosen = strategy.challenger or strategy.shadow
    return chosen.min_samples if chosen else 0


def running(model: Model, promotion: Promotion) -> ExperimentStarted | None:
    """Return what a promotion compares just now; None: it replaces what runs."""
    found = model.lane(promotion.stage).experiment
    return found if found and found.promotion == promotion.id else None


def beside(
    model: Model, parent: StageName
) -> Iterator[tuple[PromotionId, ExperimentStarted]]:
    """Return what runs beside a lane just now, in the order of its promotions."""
    found = (lane.experiment for lane in model.lanes.values())
    beside = [each for each in found if each is not None and each.parent == parent]
    for each in sorted(beside, key=lambda each: each.promotion):
        yield each.promotion, each


def over_by(model: Model, promotion: Promotion, at: datetime) -> str | None:
    """Say what ends a comparison that runs everywhere; None: nothing yet."""
    found, now = running(model, promotion), promotion.underway
    if found is None or now is None:
        return None
    if at >= found.ends_at:
        return TIME
    return EXPRESSION if contest.is_to_stop(now.analysed) else None


def conclude(decision: Decision, promotion: Promotion, cause: str) -> None:
    """Record what it showed as evidence, and let its lane serve nothing."""
    found, now = running(decision.model, promotion), promotion.underway
    assert found is not None
    assert now is not None
    stage = stage_of(decision.policy, promotion.stage)
    result = contest.result_of(found, now.measured, stage.strategy.challenger)
    evidence = decision.record(
        EvidenceRecorded(
            version=promotion.version,
            kind=KINDS[found.beside],
            subject_digest=promotion.digest,
            dataset=None,
            metrics=result.metrics,
            verdict=result.verdict,
            produced_at=decision.at,
            valid_until=None,
            statement=None,
            verified=None,
        )
    )
    decision.record(
        ExperimentConcluded(
            promotion=promotion.id,
            stage=promotion.stage,
            winner=result.winner,
            samples=result.samples,
            summary=result.summary,
            evidence=evidence,
            cause=cause,
        )
    )
    _empty(decision, promotion)


def leave(
    decision: Decision, promotion: Promotion, cause: str, inputs: tuple[EventId, ...]
) -> None:
    """Let it say nothing and serve nothing, where it ends before its time."""
    if running(decision.model, promotion) is None:
        return
    decision.record(
        ExperimentInvalidated(
            promotion=promotion.id, stage=promotion.stage, cause=cause, inputs=inputs
        )
    )
    _empty(decision, promotion)


def _empty(decision: Decision, promotion: Promotion) -> None:
    lane = decision.model.lane(promotion.stage)
    now: DesiredSet | None = lane.desired
    assert now is not None
    nothing: dict[str, dict[str, int]] = {target: {} for target in now.targets}
    changes = {"revision": lane.revision + 1, "variants": {}, "targets": nothing}
    decision.record(now.model_copy(update=changes))


def started(model: Model, event: ExperimentStarted, mark: Mark) -> Model:
    """Remember what is compared with what."""
    lane = replace(model.lane(event.stage), experiment=event)
    return changed(model, event.stage, lane)


def concluded(model: Model, event: ExperimentConcluded, mark: Mark) -> Model:
    """Forget it: what it showed is evidence."""
    return _over(model, event.stage)


def invalidated(model: Model, event: ExperimentInvalidated, mark: Mark) -> Model:
    """Forget it: it says nothing."""
    return _over(model, event.stage)


def _over(model: Model, stage: StageName) -> Model:
    return changed(model, stage, replace(model.lane(stage), experiment=None))
