"""When does a step, a bake or an experiment have to be looked at?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of
from rollbook_projections.rows import Rows
from rollbook_services.conductor.handlers import measure
from rollbook_services.conductor.handlers.timer import (
    Instants,
    change_timers,
    promotion_of,
)
from rollbook_services.conductor.react.instants import sorted_text
from rollbook_services.conductor.react.memory import Alarm


def started(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note until when enough targets must run it, unless the dispatch said it."""
    step_by = envelope.event["step_by"]
    if step_by is not None:
        _set(rows, envelope, {Alarm.STEP: sorted_text(step_by)})
    measure.step_started(rows, envelope)


def bakes(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when the version has proved itself, at a step or at the end."""
    bake: Instants = {
        Alarm.BAKE: sorted_text(envelope.event["bake_until"]),
        Alarm.ACKNOWLEDGE: None,
        Alarm.STEP: None,
    }
    _set(rows, envelope, bake)
    measure.bakes(rows, envelope)


def completed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget its instants: what comes next brings its own."""
    _set(rows, envelope, {Alarm.STEP: None, Alarm.BAKE: None})


def experiment_started(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when it is over at the latest."""
    ends: Instants = {Alarm.EXPERIMENT: sorted_text(envelope.event["ends_at"])}
    _set(rows, envelope, ends)


def experiment_ended(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget its end; its promotion may have ended before it."""
    key = model_of(envelope), envelope.event["promotion"]
    promotion = rows.get("promotions", *key)
    if promotion is not None:
        over: Instants = {Alarm.EXPERIMENT: None}
        change_timers(rows, envelope, promotion=promotion, instants=over)


def _set(rows: Rows, envelope: Envelope[Data], instants: Instants) -> None:
    promotion = promotion_of(rows, envelope)
    change_timers(rows, envelope, promotion=promotion, instants=instants)


HANDLERS: Final[Mapping[str, Handler]] = {
    "step.started": started,
    "step.applied": bakes,
    "step.completed": completed,
    "promotion.verifying": bakes,
    "experiment.started": experiment_started,
    "experiment.concluded": experiment_ended,
    "experiment.invalidated": experiment_ended,
}
