"""How does `promote --wait` wait, and how does the waiting end?"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from rollbook.client.errors import (
    Conflict,
    DeploymentFailed,
    PromotionEnded,
    Refused,
    StillPending,
)
from rollbook.reference import LaneReference, PromotionReference
from rollbook_services.cli.api import Api, lane_path, promotion_path
from rollbook_services.cli.output import Output

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_REACHED: Final = {
    "ready": {"READY", "DISPATCHED", "PROGRESSING", "SUCCEEDED"},
    "dispatched": {"DISPATCHED", "PROGRESSING", "SUCCEEDED"},
    "live": {"SUCCEEDED"},
}
_ENDED: Final = {"REJECTED", "CANCELLED", "EXPIRED"}
_UNDONE: Final = {"FAILED", "ERRORED", "ABORTED"}
_WAITING: Final = {"GATING", "READY"}
_LOOK_EVERY_SECONDS: Final = 0.25
_SETTLES_WITHIN_SECONDS: Final = 2.0
_SETTLE_STEP_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for, and how long."""

    until: str
    limit_seconds: float
    through_failures: bool = False


def wait_for(
    api: Api, promotion: PromotionReference, wait: Wait, output: Output
) -> None:
    """Follow a promotion; raises what it came to, unless it is what was wanted."""
    deadline = time.monotonic() + wait.limit_seconds
    told: list[str] = []
    while True:
        answer = api.read(promotion_path(promotion))
        found = answer["data"]
        lines = progress(promotion, found)
        for line in lines:
            if line not in told:
                output.note(line)
        told = lines
        if is_reached(promotion, found, wait):
            if str(found["state"]).upper() == "SUCCEEDED":
                _settle(api, promotion, str(found["stage"]))
            output.facts(
                answer,
                [("promotion", str(promotion)), ("state", found["state"])],
                name=str(promotion),
            )
            return
        if time.monotonic() >= deadline:
            raise StillPending(
                f"{promotion} is {found['state'].lower()} after "
                f"{wait.limit_seconds:g} s; it stays open: wait again, or "
                f"'rollbook cancel {promotion} -m …'",
                code="pending",
            )
        time.sleep(min(_LOOK_EVERY_SECONDS, max(0.0, deadline - time.monotonic())))


def _settle(api: Api, promotion: PromotionReference, stage: str) -> None:
    """Wait until the lane shows it too, so that the next command sees it live.

    The events of one decision reach a view one after another.
    """
    deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        answer = api.read(lane_path(LaneReference(promotion.model, stage)))
        stable = answer["data"].get("stable") or {}
        if int(stable.get("promotion") or 0) >= promotion.number:
            api.saw(int(answer["seq"]))
            return
        time.sleep(_SETTLE_STEP_SECONDS)


def is_reached(
    promotion: PromotionReference, found: Mapping[str, Any], wait: Wait
) -> bool:
    """Tell whether the promotion is where it should be; raises when it ended."""
    state = str(found["state"]).upper()
    why = found.get("reason_code") or "no reason given"
    if state in _REACHED[wait.until]:
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


def progress(promotion: PromotionReference, found: Mapping[str, Any]) -> list[str]:
    """Write a line for the state and one for each gate."""
    gates = [
        f"  {gate['status']:<8} {gate['gate']:<12} {gate.get('detail') or ''}"
        for gate in found.get("gates") or ()
    ]
    return [f"{promotion}   {str(found['state']).lower()}", *gates]


def seconds(text: str) -> float:
    """Read a length of time: 90, 90s, 30m, 12h, 7d."""
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if matched is None:
        raise click.UsageError(f"{text!r} is no length of time; write 90s, 30m or 12h")
    return float(matched[1]) * _UNITS[matched[2]]


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
