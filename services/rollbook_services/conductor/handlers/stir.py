"""How is something remembered that may concern many promotions?"""

from collections.abc import Sequence

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.rows import Rows
from rollbook_services.conductor.react.instants import sortable
from rollbook_services.conductor.react.memory import Kind


def stir(
    rows: Rows,
    envelope: Envelope[Data],
    *,
    kind: Kind,
    name: str | None = None,
    edge: str | None = None,
    models: Sequence[str] = (),
    stages: Sequence[str] = (),
) -> None:
    """Remember an event, or an instant that it names.

    Under a name of its own, the newest stands for all before it.
    """
    rows.put(
        "stirs",
        {
            "name": name or name_of(envelope.id, edge),
            "kind": kind.value,
            "event": envelope.id,
            "at": edge or sortable(envelope.at),
            "is_edge": edge is not None,
            "models": list(models),
            "stages": list(stages),
        },
    )


def name_of(event: str, edge: str | None = None) -> str:
    """Name what an event, or an instant that it names, has stirred."""
    return event if edge is None else f"{event}@{edge}"
