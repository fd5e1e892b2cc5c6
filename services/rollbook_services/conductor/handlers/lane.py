"""Who holds a lane, and what should run there?"""

from collections.abc import Mapping
from typing import Final

from rollbook.commands.desired import Target, key_of
from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook.names import ModelName, StageName, TargetName
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of
from rollbook_projections.rows import Row, Rows
from rollbook_services.conductor.handlers import choice, measure
from rollbook_services.conductor.react.documents import stored_bytes
from rollbook_services.conductor.react.instants import sorted_text


def slot_taken(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note who holds the lane."""
    taken = {"slot": envelope.event["promotion"]}
    freed = {"freed_event": None, "freed_sequence": None}
    rows.put("lanes", {**_lane(rows, envelope), **taken, **freed})


def slot_released(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what freed the lane."""
    freed = {"freed_event": envelope.id, "freed_sequence": envelope.sequence}
    rows.put("lanes", {**_lane(rows, envelope), "slot": None, **freed})


def held(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note when automation may come back by itself."""
    until = sorted_text(envelope.event["until"])
    hold = {"hold_event": envelope.id, "hold_until": until}
    rows.put("lanes", {**_lane(rows, envelope), **hold})


def released(rows: Rows, envelope: Envelope[Data]) -> None:
    """Automation may come back now."""
    hold = {"hold_event": None, "hold_until": None}
    rows.put("lanes", {**_lane(rows, envelope), **hold})
    choice.may_differ(rows, envelope)


def desired_set(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep what should run, and the key of every target that is to run it.

    A lane that runs beside another has its keys on that one's targets.
    """
    model, data = ModelName(model_of(envelope)), envelope.event
    body = stored_bytes(envelope.raw)
    rows.put("desired", {"model": model, "stage": data["stage"], "body": body})
    measure.desired_set(rows, envelope)
    lane, place = StageName(data["stage"]), StageName(data["beside"] or data["stage"])
    for name in data["targets"]:
        target = Target(place, TargetName(name), model)
        rows.put(
            "keys",
            {
                "key": key_of(target, lane),
                "stage": target.stage,
                "target": target.target,
                "revision": data["revision"],
            },
        )


def _lane(rows: Rows, envelope: Envelope[Data]) -> Row:
    model, stage = model_of(envelope), envelope.event["stage"]
    return rows.get("lanes", model, stage) or {
        "model": model,
        "stage": stage,
        "slot": None,
        "freed_event": None,
        "freed_sequence": None,
        "hold_event": None,
        "hold_until": None,
    }


HANDLERS: Final[Mapping[str, Handler]] = {
    "lane.slot_taken": slot_taken,
    "lane.slot_released": slot_released,
    "lane.held": held,
    "lane.released": released,
    "lane.desired_set": desired_set,
}
