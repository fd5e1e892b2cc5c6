"""How does `promote --wait` wait, and how does the waiting end?"""

import re
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from rollbook.client.resources import lane_path, promotion_path
from rollbook.client.waiting import Wait, is_reached, is_shown, still_pending
from rollbook.reference import LaneReference, PromotionReference
from rollbook_services.cli.api import Api
from rollbook_services.cli.gates import gate_line
from rollbook_services.cli.output import Output

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LOOK_EVERY_SECONDS: Final = 0.25
_SETTLES_WITHIN_SECONDS: Final = 2.0
_SETTLE_STEP_SECONDS: Final = 0.02


def wait_for(
    api: Api, promotion: PromotionReference, wait: Wait, output: Output
) -> None:
    """Follow a promotion; raises what it came to, unless it is what was wanted."""
    deadline = time.monotonic() + wait.limit_seconds
    told: list[str] = []
    while True:
        answer = api.read(promotion_path(promotion))
        found = answer["data"]
        lines = progress(promotion, found, output)
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
            raise still_pending(promotion, found, wait)
        time.sleep(min(_LOOK_EVERY_SECONDS, max(0.0, deadline - time.monotonic())))


def _settle(api: Api, promotion: PromotionReference, stage: str) -> None:
    """Wait until the lane shows it too, so that the next command sees it live.

    The events of one decision reach a view one after another.
    """
    deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        answer = api.read(lane_path(LaneReference(promotion.model, stage)))
        if is_shown(promotion, answer["data"]):
            api.saw(int(answer["seq"]))
            return
        time.sleep(_SETTLE_STEP_SECONDS)


def progress(
    promotion: PromotionReference, found: Mapping[str, Any], output: Output
) -> list[str]:
    """Write a line for the state and one for each gate."""
    gates = [gate_line(gate, output) for gate in found.get("gates") or ()]
    return [f"{promotion}   {str(found['state']).lower()}", *gates]


def seconds(text: str) -> float:
    """Read a length of time: 90, 90s, 30m, 12h, 7d."""
    matched = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if matched is None:
        raise click.UsageError(f"{text!r} is no length of time; write 90s, 30m or 12h")
    return float(matched[1]) * _UNITS[matched[2]]
