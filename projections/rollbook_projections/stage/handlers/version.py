"""How does a version change the stage view?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows


def registered(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a version with all that was said of it."""
    data = envelope.event
    artifact = data["artifact"]
    rows.put(
        "versions",
        {
            "model": model_of(envelope),
            "version": data["version"],
            "digest": artifact["digest"],
            "uri": artifact["uri"],
            "size_bytes": artifact["size_bytes"],
            "media_type": artifact["media_type"],
            "label": data["label"],
            "framework": data["framework"],
            "description": data["description"],
            "parameters": data["parameters"],
            "metrics": data["metrics"],
            "tags": data["tags"],
            "lineage": data["lineage"],
            "authors": data["authors"],
            "producer": data["producer"],
            "status": "active",
            "status_reason": None,
            "status_by": None,
            "status_at": None,
            "quarantine": [],
            "amendments": [],
            "event_id": envelope.id,
            "registered_at": time_of(envelope),
            "registered_seq": rows.sequence,
            "rev": envelope.rev,
        },
    )


def amended(rows: Rows, envelope: Envelope[Data]) -> None:
    """Correct what was said; the amendments list who corrected what, and why."""
    data = envelope.event
    fields = {
        name: value for name, value in data["fields"].items() if value is not None
    }
    row = _row(rows, envelope)
    amendment = {
        "event": envelope.id,
        "amends": data["amends"],
        "fields": sorted(fields),
        "reason": data["reason"],
        "by": envelope.actor.id,
        "at": time_of(envelope),
    }
    amendments = [*row["amendments"], amendment]
    rows.put("versions", {**row, **fields, "amendments": amendments})


def deprecated(rows: Rows, envelope: Envelope[Data]) -> None:
    """Mark a version as advised against."""
    _set_status(rows, envelope, "deprecated")


def retired(rows: Rows, envelope: Envelope[Data]) -> None:
    """Mark a version as never to be promoted again."""
    _set_status(rows, envelope, "retired")


def quarantined(rows: Rows, envelope: Envelope[Data]) -> None:
    """Bar a version from the stages of the scope; stage null means every stage."""
    data = envelope.event
    row = _row(rows, envelope)
    stages = data["scope"]["stages"] or [None]
    entry = {
        "reason": data["reason"],
        "incident": data["incident"],
        "by": envelope.actor.id,
        "at": time_of(envelope),
        "event": envelope.id,
    }
    others = [each for each in row["quarantine"] if each["stage"] not in stages]
    entries = [*others, *({"stage": stage, **entry} for stage in stages)]
    rows.put("versions", {**row, "quarantine": entries})


def released(rows: Rows, envelope: Envelope[Data]) -> None:
    """Lift a quarantine from the stages of the scope; no stage named lifts it all."""
    row = _row(rows, envelope)
    stages = envelope.event["scope"]["stages"]
    entries = [
        each for each in row["quarantine"] if stages and each["stage"] not in stages
    ]
    rows.put("versions", {**row, "quarantine": entries})


def _row(rows: Rows, envelope: Envelope[Data]) -> dict[str, Any]:
    key = model_of(envelope), envelope.event["version"]
    return spoken_of(rows, envelope, "versions", *key)


def _set_status(rows: Rows, envelope: Envelope[Data], status: str) -> None:
    changed = {
        "status": status,
        "status_reason": envelope.event["reason"],
        "status_by": envelope.actor.id,
        "status_at": time_of(envelope),
    }
    rows.put("versions", {**_row(rows, envelope), **changed})


HANDLERS: Final[Mapping[str, Handler]] = {
    "version.registered": registered,
    "version.amended": amended,
    "version.deprecated": deprecated,
    "version.retired": retired,
    "version.quarantined": quarantined,
    "version.released": released,
}
