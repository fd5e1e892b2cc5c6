"""How do a model and its aliases change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, time_of
from rollbook_projections.rows import Rows


def registered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a model."""
    data = envelope.event
    rows.put(
        "models",
        {
            "model": model_of(envelope),
            "owners": data["owners"],
            "task": data["task"],
            "tier": data["tier"],
            "description": data["description"],
            "labels": data["labels"],
            "side_effect_free": data["side_effect_free"],
            "registered_at": time_of(envelope),
            "registered_by": envelope.actor.id,
            "registered_seq": rows.sequence,
        },
    )


def alias_moved(rows: Rows, envelope: Envelope[Data]) -> None:
    """Point an alias elsewhere; a removed one stays, pointing at nothing."""
    data = envelope.event
    rows.put(
        "aliases",
        {
            "model": model_of(envelope),
            "alias": data["alias"],
            "version": data["to_version"],
            "from_version": data["from_version"],
            "protected": data["protected"],
            "moved_at": time_of(envelope),
            "moved_by": envelope.actor.id,
            "moved_seq": rows.sequence,
            "reason": data["reason"],
        },
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "model.registered": registered,
    "alias.moved": alias_moved,
}
