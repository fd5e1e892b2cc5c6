"""How do freezes change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of, time_of
from rollbook_projections.rows import Rows


def declared(rows: Rows, envelope: Envelope[Data]) -> None:
    """Close lanes under the event's id, from this event on unless it says when."""
    data = envelope.event
    rows.put(
        "freezes",
        {
            "freeze": envelope.id,
            "covers": data["covers"],
            "begins_at": data["from_at"] or time_of(envelope),
            "ends_at": data["until"],
            "in_flight": data["in_flight"],
            "exempt": data["exempt"],
            "waivable": data["waivable"],
            "stops_the_line": data["stops_the_line"],
            "reason": data["reason"],
            "incident": data["incident"],
            "declared_by": envelope.actor.id,
            "declared_at": time_of(envelope),
            "declared_seq": rows.sequence,
            "lifted_by": None,
            "lifted_at": None,
            "lifted_reason": None,
        },
    )


def lifted(rows: Rows, envelope: Envelope[Data]) -> None:
    """Open the lanes again; the freeze keeps its row."""
    data = envelope.event
    freeze = spoken_of(rows, envelope, "freezes", data["freeze"])
    lifting = {
        "lifted_by": envelope.actor.id,
        "lifted_at": time_of(envelope),
        "lifted_reason": data["reason"],
    }
    rows.put("freezes", {**freeze, **lifting})


HANDLERS: Final[Mapping[str, Handler]] = {
    "freeze.declared": declared,
    "freeze.lifted": lifted,
}
