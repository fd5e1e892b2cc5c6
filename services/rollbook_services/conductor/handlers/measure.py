"""Of which changes under way does a metrics server know something, and since when?"""

from typing import Any

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.reading import model_of
from rollbook_projections.rows import Row, Rows
from rollbook_services.conductor.react.instants import sortable, sorted_text


def planned(rows: Rows, promotion: Row, rollout: Data | None) -> None:
    """Keep what the plan wants measured, if anything."""
    if not rollout or not rollout["measures"]:
        return
    rows.put(
        "measured",
        {
            "model": promotion["model"],
            "promotion": promotion["promotion"],
            "stage": promotion["stage"],
            "measures": rollout["measures"],
            "candidate": _named(promotion),
            "champion": None,
            "wave": 0,
            "step": 0,
            "targets": [],
            "event": None,
            "at": None,
            "bake": None,
            "correlation": promotion["correlation"],
        },
    )


def desired_set(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what was stable before: beside the candidate, or else just before it."""
    row = _spoken_of(rows, envelope)
    if row is None:
        return
    data = envelope.event
    beside = data["variants"].get("stable"), data["previous"]
    others = [_named(each) for each in beside if each is not None]
    champion = next((each for each in others if each != row["candidate"]), None)
    rows.put("measured", {**row, "champion": champion})


def step_started(rows: Rows, envelope: Envelope[Data]) -> None:
    """Measure anew: what was seen before the step says nothing of it."""
    row, data = _spoken_of(rows, envelope), envelope.event
    if row is not None:
        step = {name: data[name] for name in ("wave", "step", "targets")}
        since = {"event": envelope.id, "at": sortable(envelope.at), "bake": None}
        rows.put("measured", {**row, **step, **since})


def bakes(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when the last look at it makes sense."""
    row = _spoken_of(rows, envelope)
    if row is not None:
        since, until = sortable(envelope.at), envelope.event["bake_until"]
        bake = {"since": since, "until": sorted_text(until)}
        rows.put("measured", {**row, "bake": bake})


def _spoken_of(rows: Rows, envelope: Envelope[Data]) -> Row | None:
    return rows.get("measured", model_of(envelope), envelope.event["promotion"])


def _named(version: Row) -> dict[str, Any]:
    return {name: version[name] for name in ("version", "digest")}
