"""How does the progress of a dispatched change alter the stage view?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rollbook.envelope import Envelope, written
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows

_UNLIMITED: Final = dict.fromkeys(("acknowledge_by", "step_by", "end_by"))


def begin(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note at dispatch until when what may last; nothing where nothing is said."""
    data = envelope.event
    deadlines, warnings, wake_at = data["deadlines"], data["warnings"], data["wake_at"]
    if not (deadlines or warnings or wake_at):
        return
    limits = {**(deadlines or _UNLIMITED), "wake_at": wake_at}
    note(rows, envelope, {**limits, "warnings": warnings or None})


def note(rows: Rows, envelope: Envelope[Data], changed: Mapping[str, Any]) -> None:
    """Change how far the promotion has come that an event speaks of."""
    model, promotion = _key(envelope)
    before = rows.get("underway", model, promotion)
    if before is None:
        before = {
            "model": model,
            "promotion": promotion,
            **_UNLIMITED,
            "wake_at": None,
            "bake_until": None,
            "wave": None,
            "step": None,
            "warnings": None,
            "accepted": None,
        }
    rows.put("underway", {**before, **changed})


def paused(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let a change stand still, and keep what it goes back to."""
    data, key = envelope.event, _key(envelope)
    promotion = spoken_of(rows, envelope, "promotions", *key)
    rows.put(
        "pauses",
        {
            "model": key[0],
            "promotion": key[1],
            "cause": data["cause"],
            "reason": data["reason"],
            "paused_by": envelope.actor.id,
            "paused_at": time_of(envelope),
            "wake_at": data["wake_at"],
            "inputs": data["inputs"] or None,
            "role": data["role"],
            "returns_to": promotion["state"],
        },
    )
    rows.put("promotions", {**promotion, "state": "PAUSED"})


def resumed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let it go on where it was."""
    data, key = envelope.event, _key(envelope)
    pause = spoken_of(rows, envelope, "pauses", *key)
    promotion = spoken_of(rows, envelope, "promotions", *key)
    rows.put("promotions", {**promotion, "state": pause["returns_to"]})
    rows.close("pauses", *key)
    before = rows.get("underway", *key) or {}
    accepted = {*(before.get("accepted") or ()), *data["accepted"]}
    changed = {
        "wake_at": data["wake_at"],
        "accepted": sorted(accepted) or None,
        "step_by": _later(before.get("step_by"), pause["paused_at"], time_of(envelope)),
    }
    note(rows, envelope, changed)


def progress_later(rows: Rows, key: tuple[str, int]) -> None:
    """Let what stands still since its dispatch make progress once it goes on."""
    pause = rows.get("pauses", *key)
    if pause is not None and pause["returns_to"] == "DISPATCHED":
        rows.put("pauses", {**pause, "returns_to": "PROGRESSING"})


def verifying(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let the version prove itself until an instant."""
    promotion = spoken_of(rows, envelope, "promotions", *_key(envelope))
    rows.put("promotions", {**promotion, "state": "VERIFYING"})
    note(rows, envelope, {"bake_until": envelope.event["bake_until"]})


def analysis_recorded(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep what was measured under its event's id."""
    data = envelope.event
    rows.put(
        "analyses",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            "analysis": envelope.id,
            "wave": data["wave"],
            "step": data["step"],
            "metrics": data["metrics"],
            "samples": data["samples"],
            "from_at": data["from_at"],
            "until_at": data["until_at"],
            "judged": data["judged"],
            "recorded_by": envelope.actor.id,
            "recorded_at": time_of(envelope),
            "recorded_seq": rows.sequence,
        },
    )


def _later(step_by: str | None, paused_at: str, resumed_at: str) -> str | None:
    """Give a step as much time as it had left when it was stopped."""
    if step_by is None:
        return None
    by, since, at = map(datetime.fromisoformat, (step_by, paused_at, resumed_at))
    return written(by + (at - since))


def _key(envelope: Envelope[Data]) -> tuple[str, int]:
    return model_of(envelope), envelope.event["promotion"]


HANDLERS: Final[Mapping[str, Handler]] = {
    "promotion.paused": paused,
    "promotion.resumed": resumed,
    "promotion.verifying": verifying,
    "analysis.recorded": analysis_recorded,
}
