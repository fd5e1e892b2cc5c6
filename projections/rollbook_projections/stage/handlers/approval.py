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


def _vote(rows: Rows, envelope: Envelope[Data], vote: str) -> None:
    data = envelope.event
    rows.put(
        "votes",
        {
            "model": model_of(envelope),
            "promotion": data["promotion"],
            "approval": envelope.id,
            "vote": vote,
            "gate": data["gate"],
            "voter": envelope.actor.id,
            "roles": data["roles"],
            "binding": data["binding"],
            "bound_to": data["bound_to"],
            "valid_until": data.get("valid_until"),
            "comment": data["comment"],
            "voted_at": time_of(envelope),
            "voted_seq": rows.sequence,
            "withdrawn_at": None,
        },
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "approval.granted": granted,
    "approval.rejected": rejected,
    "approval.withdrawn": withdrawn,
}
