"""How do bundles change the stage view?"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import spoken_of, time_of
from rollbook_projections.rows import Rows

_WAITING: Final[dict[str, Any]] = {
    "state": "WAITING",
    "dispatched_at": None,
    "ended_at": None,
    "ended_by": None,
    "because_of": None,
    "reason_code": None,
    "end_reason": None,
    "rolled_back_at": None,
    "rolled_back_by": None,
    "rolled_back_reason": None,
}


def requested(rows: Rows, envelope: Envelope[Data]) -> None:
    """Enter a bundle and its members."""
    data = envelope.event
    rows.put(
        "bundles",
        {
            "bundle": data["bundle"],
            "stage": data["stage"],
            "requester": envelope.actor.id,
            "reason": data["reason"],
            "requested_at": time_of(envelope),
            "requested_seq": rows.sequence,
            **_WAITING,
        },
    )
    for place, member in enumerate(data["members"]):
        rows.put(
            "bundle_members",
            {
                "bundle": data["bundle"],
                "model": member["model"],
                "place": place,
                "version": member["version"],
                "promotion": member["promotion"],
                "taken_back_by": None,
            },
        )


def dispatched(rows: Rows, envelope: Envelope[Data]) -> None:
    """Let every lane change."""
    dispatch = {"state": "DISPATCHED", "dispatched_at": time_of(envelope)}
    _change(rows, envelope, dispatch)


def succeeded(rows: Rows, envelope: Envelope[Data]) -> None:
    """End well."""
    _end(rows, envelope, "SUCCEEDED")


def failed(rows: Rows, envelope: Envelope[Data]) -> None:
    """End because of one member, and take the others back."""
    _end(rows, envelope, "FAILED")
    _take_back(rows, envelope, envelope.event["taken_back"])


def cancelled(rows: Rows, envelope: Envelope[Data]) -> None:
    """End before any lane changed."""
    _end(rows, envelope, "CANCELLED")


def rolled_back(rows: Rows, envelope: Envelope[Data]) -> None:
    """Take every lane back; how it ended before is kept."""
    back = {
        "state": "ROLLED_BACK",
        "rolled_back_at": time_of(envelope),
        "rolled_back_by": envelope.actor.id,
        "rolled_back_reason": envelope.event["reason"],
    }
    _change(rows, envelope, back)
    _take_back(rows, envelope, envelope.event["rollbacks"])


def _end(rows: Rows, envelope: Envelope[Data], state: str) -> None:
    data = envelope.event
    ended = {
        "state": state,
        "ended_at": time_of(envelope),
        "ended_by": envelope.actor.id,
        "because_of": data.get("because_of"),
        "reason_code": data.get("reason_code"),
        "end_reason": data.get("reason"),
    }
    _change(rows, envelope, ended)


def _change(rows: Rows, envelope: Envelope[Data], changed: Mapping[str, Any]) -> None:
    bundle = spoken_of(rows, envelope, "bundles", envelope.event["bundle"])
    rows.put("bundles", {**bundle, **changed})


def _take_back(rows: Rows, envelope: Envelope[Data], members: Iterable[Data]) -> None:
    for each in members:
        key = envelope.event["bundle"], each["model"]
        member = spoken_of(rows, envelope, "bundle_members", *key)
        rows.put("bundle_members", {**member, "taken_back_by": each["promotion"]})


HANDLERS: Final[Mapping[str, Handler]] = {
    "bundle.requested": requested,
    "bundle.dispatched": dispatched,
    "bundle.succeeded": succeeded,
    "bundle.failed": failed,
    "bundle.cancelled": cancelled,
    "bundle.rolled_back": rolled_back,
}
