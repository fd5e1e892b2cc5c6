"""How do the plan of a roll-out and its steps alter the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows
from rollbook_projections.stage.handlers.target import target
from rollbook_projections.stage.handlers.underway import note

_PLANNED: Final = ("waves", "steps", "split_key", "measures", "drained")


def plan(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep the plan that a change begins with, where it has one."""
    data = envelope.event
    if data["rollout"] is None:
        return
    rows.put(
        "rollout_plans",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            **{name: data["rollout"][name] for name in _PLANNED},
        },
    )


def started(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a step; what was left of the one before it counts no more."""
    data = envelope.event
    rows.put(
        "steps",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            "wave": data["wave"],
            "step": data["step"],
            "weight": data["weight"],
            "targets": data["targets"],
            "started_at": time_of(envelope),
            "applied_at": None,
            "bake_until": None,
            "completed_at": None,
            "stragglers": None,
        },
    )
    now = {"wave": data["wave"], "step": data["step"], "bake_until": None}
    limit = {} if data["step_by"] is None else {"step_by": data["step_by"]}
    note(rows, envelope, {**now, **limit})


def applied(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that enough targets run a step, and until when it has to prove itself."""
    data = envelope.event
    bake = {"bake_until": data["bake_until"]}
    _change(rows, envelope, {"applied_at": time_of(envelope), **bake})
    note(rows, envelope, bake)


def completed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a step is over, and who was not waited for."""
    data, model = envelope.event, model_of(envelope)
    promotion = spoken_of(rows, envelope, "promotions", model, data["promotion"])
    left, at = data["stragglers"], time_of(envelope)
    _change(rows, envelope, {"completed_at": at, "stragglers": left or None})
    for name in left:
        behind = target(rows, model, promotion["stage"], name)
        rows.put("targets", {**behind, "straggler": True})


def _change(
    rows: Rows, envelope: Envelope[Data], changed: Mapping[str, object]
) -> None:
    data = envelope.event
    key = model_of(envelope), data["promotion"], data["wave"], data["step"]
    rows.put("steps", {**spoken_of(rows, envelope, "steps", *key), **changed})


HANDLERS: Final[Mapping[str, Handler]] = {
    "step.started": started,
    "step.applied": applied,
    "step.completed": completed,
}
