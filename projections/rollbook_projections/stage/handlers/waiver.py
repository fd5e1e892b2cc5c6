"""How do waivers and reviews change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows


def requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a wish to break the glass under its event's id."""
    data = envelope.event
    rows.put(
        "waivers",
        {
            "model": model_of(envelope),
            "waiver": envelope.id,
            "promotion": data["promotion"],
            "stage": data["stage"],
            "digest": data["digest"],
            "break_glass": data["break_glass"],
            "gates": [{"gate": each, "status_then": None} for each in data["gates"]],
            "state": "requested",
            "reason": data["reason"],
            "incident": data["incident"],
            "asked_by": envelope.actor.id,
            "asked_at": time_of(envelope),
            "asked_seq": rows.sequence,
            "needs_second_person": data["needs_second_person"],
            "second_person": None,
            "granted_at": None,
            "ends_at": data["until"],
        },
    )


def waived(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note that a gate is waived, what it said then, and who was the second person."""
    data = envelope.event
    waiver = spoken_of(rows, envelope, "waivers", model_of(envelope), data["waiver"])
    said = {"gate": data["gate"], "status_then": data["status_then"]}
    granted = {
        "gates": [
            said if each["gate"] == data["gate"] else each for each in waiver["gates"]
        ],
        "state": "granted",
        "second_person": data["second_person"],
        "granted_at": time_of(envelope),
        "ends_at": data["until"],
    }
    rows.put("waivers", {**waiver, **granted})


def review_opened(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a look that somebody owes under its event's id."""
    data = envelope.event
    rows.put(
        "reviews",
        {
            "model": model_of(envelope),
            "review": envelope.id,
            "waiver": data["waiver"],
            "promotion": data["promotion"],
            "break_glass": data["break_glass"],
            "due_at": data["due_at"],
            "escalation_role": data["escalation_role"],
            "opened_at": time_of(envelope),
            "opened_seq": rows.sequence,
            "closed_by": None,
            "closed_at": None,
            "finding": None,
            "notes": None,
        },
    )


def review_closed(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what a look came to."""
    data = envelope.event
    review = spoken_of(rows, envelope, "reviews", model_of(envelope), data["review"])
    closed = {
        "closed_by": envelope.actor.id,
        "closed_at": time_of(envelope),
        "finding": data["finding"],
        "notes": data["notes"],
    }
    rows.put("reviews", {**review, **closed})


HANDLERS: Final[Mapping[str, Handler]] = {
    "waiver.requested": requested,
    "gate.waived": waived,
    "review.opened": review_opened,
    "review.closed": review_closed,
}
