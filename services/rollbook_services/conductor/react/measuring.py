"""What is a metrics server asked of a running step, when, and what follows from it?"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor
from typing import Final

from rollbook.catalogue.promotion import CANDIDATE, CHAMPION
from rollbook.catalogue.rollout import Measure
from rollbook.commands.promotion import RecordAnalysis
from rollbook.names import (
    LARGEST,
    Digest,
    EventId,
    ModelName,
    PromotionId,
    StageName,
    TargetName,
    Version,
)
from rollbook_services.conductor.react.due import Due, named
from rollbook_services.policy.query import fill

# The registrar takes one record for each step in so long.
LEAST_PERIOD: Final = timedelta(seconds=30)
BEFORE_THE_END: Final = timedelta(seconds=5)
# A registrar whose clock is a little behind takes no record from its future.
CLOCKS_DIFFER: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Variant:
    """A version that is measured."""

    version: Version
    digest: Digest


@dataclass(frozen=True, slots=True)
class Bake:
    """From when to when a step has to prove itself."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """A step under way of which a metrics server knows something."""

    model: ModelName
    promotion: PromotionId
    stage: StageName
    wave: int
    step: int
    targets: tuple[TargetName, ...]
    event: EventId
    since: datetime
    bake: Bake | None
    """None until enough targets run it."""
    candidate: Variant
    champion: Variant | None
    measures: tuple[Measure, ...]
    correlation: str

    @property
    def period(self) -> timedelta:
        """Return how far apart two looks at it are."""
        shortest = min(measure.every_ms for measure in self.measures)
        return max(timedelta(milliseconds=shortest), LEAST_PERIOD)


@dataclass(frozen=True, slots=True)
class Look:
    """An instant at which a step is measured."""

    id: str
    """Of the command that records it, whoever sends it."""
    at: datetime
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One query, and what its answer is of."""

    variant: str
    metric: str
    query: str
    is_count: bool = False
    """It counts the samples that the metric rests on."""


def latest(step: Step, now: datetime) -> Look | None:
    """Return the last look that was due by now; those before it are not made up for.

    One each period from the step's start, and one shortly before its bake ends: a
    bake may be shorter than a period.
    """
    looks = [_last(step), _periodic(step, (now - step.since) // step.period)]
    come = [look for look in looks if look is not None and look.at <= now]
    return max(come, key=lambda look: look.at, default=None)


def next_at(step: Step, now: datetime) -> datetime:
    """Return when the next look is due."""
    number = (now - step.since) // step.period + 1
    last = _last(step)
    instants = [step.since + number * step.period, last.at if last else None]
    return min(at for at in instants if at is not None and at > now)


def _periodic(step: Step, number: int) -> Look | None:
    if number < 1:
        return None
    measures = tuple(each for each in step.measures if _has_turn(each, step, number))
    id_ = named(step.event, "analyse", number)
    return Look(id_, step.since + number * step.period, measures)


def _has_turn(measure: Measure, step: Step, number: int) -> bool:
    """Tell whether a measure is asked in a period: slow ones not in each."""
    every = timedelta(milliseconds=measure.every_ms)
    before, until = ((number - 1) * step.period, number * step.period)
    return every <= step.period or until // every > before // every


def _last(step: Step) -> Look | None:
    if step.bake is None:
        return None
    before = min(BEFORE_THE_END, (step.bake.until - step.bake.since) / 4)
    id_ = named(step.event, "analyse", "last")
    return Look(id_, step.bake.until - before, step.measures)


def questions(step: Step, look: Look, now: datetime) -> Iterator[Question]:
    """Ask for each metric of the candidate and, where there is one, of the champion."""
    for measure in look.measures:
        for name, variant in ((CANDIDATE, step.candidate), (CHAMPION, step.champion)):
            if variant is not None:
                query = filled(measure.query, step, variant, now)
                yield Question(name, measure.metric, query)
        if measure.samples_query is not None:
            query = filled(measure.samples_query, step, step.candidate, now)
            yield Question(CANDIDATE, measure.metric, query, is_count=True)


def filled(query: str, step: Step, variant: Variant, now: datetime) -> str:
    """Write a query about a variant of a step, as it stands now."""
    seconds = max(1, floor((now - step.since).total_seconds()))
    values = {
        "version": str(variant.version),
        "digest": variant.digest,
        "stage": step.stage,
        "model": step.model,
        # Names of targets hold nothing that a regular expression minds.
        "targets": "|".join(step.targets),
        "window": f"{seconds}s",
    }
    return fill(query, values)


def record(
    step: Step, look: Look, answers: Mapping[Question, float], now: datetime
) -> Due | None:
    """Say what was measured; nothing where nothing is known of the candidate.

    Samples are the fewest that any of its queries counted, none where a count is not
    known; where no query counts them, one: the number that the server gave.
    """
    metrics: dict[str, dict[str, float]] = {}
    for question, value in answers.items():
        if not question.is_count:
            metrics.setdefault(question.variant, {})[question.metric] = value
    if CANDIDATE not in metrics:
        return None
    command = RecordAnalysis(
        model=step.model,
        promotion=step.promotion,
        wave=step.wave,
        step=step.step,
        metrics=metrics,
        samples=_samples(look.measures, answers, metrics[CANDIDATE]),
        from_at=step.since,
        until_at=_until(step, now),
    )
    return Due(look.id, command, step.event, step.correlation)


def _samples(
    measures: Iterable[Measure],
    answers: Mapping[Question, float],
    known: Collection[str],
) -> int:
    counted = {each.metric: value for each, value in answers.items() if each.is_count}
    asked = [
        counted.get(each.metric, 0.0)
        for each in measures
        if each.samples_query is not None and each.metric in known
    ]
    return min(max(0, floor(min(asked, default=1))), LARGEST)


def _until(step: Step, now: datetime) -> datetime:
    until = now - CLOCKS_DIFFER
    return until if until > step.since else now
