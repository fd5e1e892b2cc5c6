"""How does evidence change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows


def recorded(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a record of evidence under its event's id."""
    data = envelope.event
    rows.put(
        "evidence",
        {
            "model": model_of(envelope),
            "version": data["version"],
            "evidence": envelope.id,
            "kind": data["kind"],
            "subject_digest": data["subject_digest"],
            "dataset": data["dataset"],
            "metrics": data["metrics"],
            "verdict": data["verdict"],
            "produced_at": data["produced_at"],
            "valid_until": data["valid_until"],
            "statement": data["statement"],
            "verified": data["verified"],
            "recorded_by": envelope.actor.id,
            "recorded_at": time_of(envelope),
            "recorded_seq": rows.sequence,
            "revoked_by": None,
            "revoked_at": None,
            "revoked_reason": None,
        },
    )


def revoked(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a record of evidence, but as one that counts no more."""
    data = envelope.event
    key = model_of(envelope), data["version"], data["evidence"]
    changed = {
        "revoked_by": envelope.actor.id,
        "revoked_at": time_of(envelope),
        "revoked_reason": data["reason"],
    }
    rows.put("evidence", {**spoken_of(rows, envelope, "evidence", *key), **changed})


HANDLERS: Final[Mapping[str, Handler]] = {
    "evidence.recorded": recorded,
    "evidence.revoked": revoked,
}
