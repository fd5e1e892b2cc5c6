"""How do votes change the stage view?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows


def granted(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a yes under its event's id."""
    _vote(rows, envelope, "approve")


def rejected(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a no under its event's id."""
    _vote(rows, envelope, "reject")


def withdrawn(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a vote, but as one that was taken back."""
    data = envelope.event
    key = model_of(envelope), data["promotion"], data["approval"]
    vote = spoken_of(rows, envelope, "votes", *key)
    rows.put("votes", {**vote, "withdrawn_at": time_of(envelope)})


def changes_requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep what somebody wants first."""
    _vote(rows, envelope, "request-changes")


def refused(rows: Rows, envelope: Envelope[Data]) -> None:
    """Keep a vote that never counted, and why."""
    _vote(rows, envelope, envelope.event["vote"])


def _vote(rows: Rows, envelope: Envelope[Data], vote: str) -> None:
    data = envelope.event
    say = data.get  # not every kind of vote says all of this
    rows.put(
        "votes",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            "approval": envelope.id,
            "vote": vote,
            "gate": data["gate"],
            "voter": envelope.actor.id,
            "roles": say("roles"),
            "binding": say("binding"),
            "bound_to": say("bound_to"),
            "valid_until": say("valid_until"),
            "comment": say("comment") or say("message"),
            "voted_at": time_of(envelope),
            "voted_seq": rows.sequence,
            "withdrawn_at": None,
            "voided_at": None,
            "voided_by": None,
            "refused": say("reason_code"),
        },
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "approval.granted": granted,
    "approval.rejected": rejected,
    "approval.withdrawn": withdrawn,
    "approval.changes_requested": changes_requested,
    "approval.refused": refused,
}
