"""How do slot, desired document, stable version and hold change a lane?"""

from collections.abc import Mapping
from typing import Any, Final

from rollbook.envelope import Envelope
from rollbook.event import Data
from rollbook_projections.projection import Handler
from rollbook_projections.reading import model_of, spoken_of, time_of
from rollbook_projections.rows import Rows
from rollbook_projections.stage.handlers.target import tell

_FREE: Final = {"slot_promotion": None, "slot_since": None}
_NOT_HELD: Final = {
    "hold": None,
    "hold_by": None,
    "hold_reason": None,
    "hold_since": None,
    "hold_until": None,
    "hold_promotion": None,
}
_EMPTY: Final[dict[str, Any]] = {
    "token": 0,
    **_FREE,
    "desired_version": None,
    "desired_revision": 0,
    "desired_promotion": None,
    "desired_at": None,
    "variants": {},
    "weights": {},
    "wave": None,
    "step": None,
    "split_key": None,
    "drift_policy": None,
    "beside": None,
    "traffic": None,
    "stable_version": None,
    "stable_digest": None,
    "stable_promotion": None,
    "stable_since": None,
    "stable_seq": None,
    "depth": 0,
    **_NOT_HELD,
}


def lane(rows: Rows, model: str, stage: str) -> dict[str, Any]:
    """Return a lane's row; a lane is there as soon as somebody speaks of it."""
    row = rows.get("lanes", model, stage)
    return {"model": model, "stage": stage, **_EMPTY} if row is None else row


def slot_taken(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note which promotion holds the lane."""
    data = envelope.event
    _change(
        rows,
        envelope,
        {
            "slot_promotion": data["promotion"],
            "slot_since": time_of(envelope),
            "token": data["token"],
        },
    )


def slot_released(rows: Rows, envelope: Envelope[Data]) -> None:
    """Free the lane."""
    _change(rows, envelope, _FREE)


def desired_set(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note what should run, and every target that is to run it."""
    data = envelope.event
    model = model_of(envelope)
    promotion = spoken_of(rows, envelope, "promotions", model, data["promotion"])
    tell(rows, envelope)
    _change(
        rows,
        envelope,
        {
            "desired_version": promotion["version"],
            "desired_revision": data["revision"],
            "desired_promotion": data["promotion"],
            "desired_at": time_of(envelope),
            "variants": data["variants"],
            "weights": data["targets"],
            "wave": data["wave"],
            "step": data["step"],
            "split_key": data["split_key"],
            "drift_policy": data["drift"],
            "beside": data["beside"],
            "traffic": data["traffic"],
        },
    )


def stable_advanced(rows: Rows, envelope: Envelope[Data]) -> None:
    """Begin an interval and end the one before it, at the same moment."""
    data = envelope.event
    model, at = model_of(envelope), time_of(envelope)
    before = lane(rows, model, data["stage"])
    promotion = spoken_of(rows, envelope, "promotions", model, data["promotion"])
    if before["stable_seq"] is not None:
        key = model, data["stage"], before["stable_seq"]
        last = spoken_of(rows, envelope, "intervals", *key)
        end = {
            "until_seq": rows.sequence,
            "until_at": at,
            "ended_by": data["promotion"],
            "ended_by_kind": promotion["kind"],
        }
        rows.put("intervals", {**last, **end})
    rows.put("intervals", _interval(rows.sequence, at, promotion, data))
    stable = {
        "stable_version": data["version"],
        "stable_digest": promotion["digest"],
        "stable_promotion": data["promotion"],
        "stable_since": at,
        "stable_seq": rows.sequence,
        "depth": data["depth"],
    }
    rows.put("lanes", {**before, **stable})


def held(rows: Rows, envelope: Envelope[Data]) -> None:
    """Note who keeps automation away, and why."""
    data = envelope.event
    hold = {
        "hold": envelope.id,
        "hold_by": envelope.actor.id,
        "hold_reason": data["reason"],
        "hold_since": time_of(envelope),
        "hold_until": data["until"],
        "hold_promotion": data["by_promotion"],
    }
    _change(rows, envelope, hold)


def released(rows: Rows, envelope: Envelope[Data]) -> None:
    """Lift the hold."""
    _change(rows, envelope, _NOT_HELD)


def _change(rows: Rows, envelope: Envelope[Data], changed: Mapping[str, Any]) -> None:
    before = lane(rows, model_of(envelope), envelope.event["stage"])
    rows.put("lanes", {**before, **changed})


def _interval(
    sequence: int, at: str, promotion: dict[str, Any], data: Data
) -> dict[str, Any]:
    voters = promotion["voters"] or ()
    return {
        "model": promotion["model"],
        "stage": data["stage"],
        "from_seq": sequence,
        "from_at": at,
        "version": data["version"],
        "digest": promotion["digest"],
        "promotion": data["promotion"],
        "kind": promotion["kind"],
        "put_there_by": promotion["requester"],
        "approved_by": sorted({voter["who"] for voter in voters}),
        "reason": promotion["reason"],
        "until_seq": None,
        "until_at": None,
        "ended_by": None,
        "ended_by_kind": None,
    }


HANDLERS: Final[Mapping[str, Handler]] = {
    "lane.slot_taken": slot_taken,
    "lane.slot_released": slot_released,
    "lane.desired_set": desired_set,
    "lane.stable_advanced": stable_advanced,
    "lane.held": held,
    "lane.released": released,
}
