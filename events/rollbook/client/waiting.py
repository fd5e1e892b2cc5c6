"""Has a promotion come to where it is waited for, and how else can the waiting end?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rollbook.client.errors import (
    Conflict,
    DeploymentFailed,
    PromotionEnded,
    Refused,
    StillPending,
)
from rollbook.reference import PromotionReference

_UNDERWAY: Final = {"DISPATCHED", "PROGRESSING", "PAUSED", "VERIFYING"}
_REACHED: Final = {
    "ready": {"READY", *_UNDERWAY, "SUCCEEDED"},
    "dispatched": {*_UNDERWAY, "SUCCEEDED"},
    "deployed": {"VERIFYING", "SUCCEEDED"},
    "live": {"SUCCEEDED"},
}
_ENDED: Final = {"REJECTED", "CANCELLED", "EXPIRED"}
_UNDONE: Final = {"FAILED", "ERRORED", "ABORTED"}
_WAITING: Final = {"GATING", "READY"}
ENDED: Final = frozenset({"SUCCEEDED", "SUPERSEDED", *_ENDED, *_UNDONE})
"""States that nothing changes any more."""


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for, and how long."""

    until: str
    limit_seconds: float
    through_failures: bool = False


def is_reached(
    promotion: PromotionReference, found: Mapping[str, Any], wait: Wait
) -> bool:
    """Tell whether the promotion is where it should be; raises when it ended."""
    state = str(found["state"]).upper()
    why = found.get("reason_code") or "no reason given"
    if state in _REACHED[wait.until] or _is_deployed(found, wait):
        return True
    if state in _UNDONE:
        raise DeploymentFailed(
            f"{promotion} {state.lower()}: {why}; 'rollbook history' shows what is "
            "live, 'rollbook rollback' goes back",
            code=state.lower(),
        )
    if state in _ENDED:
        raise PromotionEnded(
            f"{promotion} was {state.lower()}: {why}; ask anew once that is settled",
            code=state.lower(),
        )
    if state == "SUPERSEDED":
        raise Conflict(
            f"{promotion} was superseded by another promotion ({why}): look at what "
            "runs there now, then ask anew",
            code="incumbent-moved",
            detail={"promotion": found.get("by_promotion")},
        )
    if state in _WAITING and not wait.through_failures:
        _refuse_failed_gates(promotion, found)
    return False


def is_shown(promotion: PromotionReference, lane: Mapping[str, Any]) -> bool:
    """Tell whether a lane shows as stable what the promotion brought, or later.

    The events of one decision reach a view one after another.
    """
    stable = lane.get("stable") or {}
    return int(stable.get("promotion") or 0) >= promotion.number


def still_pending(
    promotion: PromotionReference, found: Mapping[str, Any], wait: Wait
) -> StillPending:
    """Say that the time is over and the promotion is not."""
    end = "abort" if str(found["state"]).upper() in _UNDERWAY else "cancel"
    return StillPending(
        f"{promotion} is {found['state'].lower()} after "
        f"{wait.limit_seconds:g} s; it stays open: wait again, or "
        f"'rollbook {end} {promotion} -m …'",
        code="pending",
    )


def _is_deployed(found: Mapping[str, Any], wait: Wait) -> bool:
    """Tell whether it stands still when every needed target runs all of it."""
    returns_to = (found.get("pause") or {}).get("returns_to")
    return wait.until == "deployed" and returns_to == "VERIFYING"


def _refuse_failed_gates(
    promotion: PromotionReference, found: Mapping[str, Any]
) -> None:
    failed = [
        gate
        for gate in found.get("gates") or ()
        if gate.get("status") == "fail" and gate.get("mode", "enforce") == "enforce"
    ]
    if failed:
        raise Refused(
            f"{promotion} waits at a gate that says no; it stays open: mend the cause, "
            f"or 'rollbook cancel {promotion} -m …'",
            code="gate-failed",
            detail={"gates": failed},
        )
