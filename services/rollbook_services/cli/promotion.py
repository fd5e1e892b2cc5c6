"""Commands about one promotion that was asked for: watch, cancel, abort, pause…"""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.progress import place_of, step_of
from rollbook.client.resources import promotion_path
from rollbook.client.waiting import Wait
from rollbook.reference import parse_promotion
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.waiting import UNTIL, seconds, wait_for


@command("watch")
@click.argument("promotion")
@click.option(
    "--until",
    type=click.Choice(UNTIL),
    default="live",
    show_default=True,
    help="How far; a gate that fails does not end it.",
)
@click.option(
    "--timeout", default="24h", show_default=True, help="Watch at most: 90s, 30m."
)
def watch(call: Call, promotion: str, until: str, timeout: str) -> None:
    """Watch a promotion until it is live: gates, targets, steps, what it waits for."""
    wait = Wait(until, seconds(timeout), through_failures=True)
    wait_for(call.api(), parse_promotion(promotion), wait, call.output)


@command("cancel")
@click.argument("promotion")
@REASON
@KEY
def cancel(call: Call, promotion: str, reason: str, key: str | None) -> None:
    """Withdraw a promotion that still waits."""
    body = {"reason": reason}
    _post(call, promotion, "cancellations", body, done="cancelled", key=key)


@command("abort")
@click.argument("promotion")
@REASON
@KEY
def abort(call: Call, promotion: str, reason: str, key: str | None) -> None:
    """Stop a promotion that was dispatched; targets keep what they serve."""
    body = {"reason": reason}
    _post(call, promotion, "aborts", body, done="aborted", key=key)


@command("pause")
@click.argument("promotion")
@REASON
@KEY
def pause(call: Call, promotion: str, reason: str, key: str | None) -> None:
    """Let a promotion that is under way stand still."""
    body = {"reason": reason}
    _post(call, promotion, "pauses", body, done="paused", key=key)


@command("resume")
@click.argument("promotion")
@click.option(
    "--wave", type=click.IntRange(0), help="The wave you saw it stand at, from 0."
)
@click.option(
    "--step",
    type=click.IntRange(0),
    help="The step you saw it stand at, from 0; both as it is shown if left out.",
)
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="METRIC",
    help="Accept a metric as it is; it takes nothing back any more.",
)
@REASON
@KEY
def resume(
    call: Call,
    promotion: str,
    wave: int | None,
    step: int | None,
    accepted: tuple[str, ...],
    reason: str,
    key: str | None,
) -> None:
    """Let a promotion that stands still go on where it was."""
    place = {"wave": wave, "step": step}
    if wave is None and step is None:
        place = _stands_at(call, promotion)
    body = {**place, "accept": list(accepted) or None, "reason": reason}
    done = f"resumed, {', '.join(accepted)} accepted" if accepted else "resumed"
    _post(call, promotion, "resumptions", body, done=done, key=key)


def _stands_at(call: Call, promotion: str) -> dict[str, int | None]:
    """Look where it stands, and say so: that is what somebody lets go on."""
    named = parse_promotion(promotion)
    found = call.api().read(promotion_path(named))["data"]
    now, place = step_of(found), place_of(found)
    if now is None or place is None:
        return {"wave": None, "step": None}
    wave, step = int(now["wave"]), int(now["step"])
    call.output.note(f"{named} stands at {place} (--wave {wave} --step {step})")
    return {"wave": wave, "step": step}


def _post(
    call: Call,
    promotion: str,
    collection: str,
    body: Mapping[str, Any],
    *,
    done: str,
    key: str | None,
) -> None:
    named = parse_promotion(promotion)
    answer = call.api().write(f"{promotion_path(named)}/{collection}", body, key=key)
    call.output.done(answer, f"{named}   {done}", name=str(named))
