"""When do lanes close and open again?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of
from rollbook_projections.rows import Rows
from rollbook_services.conductor.handlers.stir import name_of, stir
from rollbook_services.conductor.react.instants import sorted_text
from rollbook_services.conductor.react.memory import Kind


def declared(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what the freeze covers, and when it begins and ends by itself."""
    data = envelope.event
    models, stages = data["covers"]["models"], data["covers"]["stages"]
    instants = (sorted_text(data["from_at"]), sorted_text(data["until"]))
    edges = [each for each in instants if each is not None]
    freeze = {"models": models, "stages": stages, "edges": edges}
    rows.put("freezes", {"freeze": envelope.id, **freeze})
    for edge in (None, *edges):
        stir(rows, envelope, kind=Kind.FREEZE, edge=edge, models=models, stages=stages)


def lifted(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget the freeze; all that it covered may go on."""
    id_ = envelope.event["freeze"]
    freeze = spoken_of(rows, envelope, "freezes", id_)
    rows.close("freezes", id_)
    for edge in (None, *freeze["edges"]):
        rows.close("stirs", name_of(id_, edge))
    covered = {"models": freeze["models"], "stages": freeze["stages"]}
    stir(rows, envelope, kind=Kind.FREEZE, **covered)


HANDLERS: Final[Mapping[str, Handler]] = {
    "freeze.declared": declared,
    "freeze.lifted": lifted,
}
