"""Which promotions change their lanes together?"""

from collections.abc import Mapping
from typing import Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of
from rollbook_projections.rows import Rows


def requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a bundle."""
    data = envelope.event
    rows.put(
        "bundles",
        {
            "bundle": data["bundle"],
            "stage": data["stage"],
            "members": sorted(member["model"] for member in data["members"]),
            "is_dispatched": False,
        },
    )


def dispatched(rows: Rows, envelope: Envelope[Data]) -> None:
    """From here on only the end of a member matters."""
    bundle = spoken_of(rows, envelope, "bundles", envelope.event["bundle"])
    rows.put("bundles", {**bundle, "is_dispatched": True})


def ended(rows: Rows, envelope: Envelope[Data]) -> None:
    """Forget a bundle and how its members went; one that succeeded is forgotten."""
    number = envelope.event["bundle"]
    bundle = rows.get("bundles", number)
    for model in bundle["members"] if bundle else ():
        rows.close("ended_members", number, model)
    rows.close("bundles", number)


def member_ended(
    rows: Rows, envelope: Envelope[Data], bundle: int, *, has_succeeded: bool
) -> None:
    """Note how a member went, while its bundle is open."""
    if rows.get("bundles", bundle) is None:
        return
    rows.put(
        "ended_members",
        {
            "bundle": bundle,
            "model": model_of(envelope),
            "event": envelope.id,
            "sequence": envelope.sequence,
            "has_succeeded": has_succeeded,
        },
    )


HANDLERS: Final[Mapping[str, Handler]] = {
    "bundle.requested": requested,
    "bundle.dispatched": dispatched,
    "bundle.succeeded": ended,
    "bundle.failed": ended,
    "bundle.cancelled": ended,
    "bundle.rolled_back": ended,
}
