"""Commands about one promotion that was asked for: cancel, abort, pause, resume."""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import promotion_path
from rollbook.reference import parse_promotion
from rollbook_services.cli.call import KEY, REASON, Call, command


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
    "--step", type=click.IntRange(0), help="The step you saw it stand at; 0 if one."
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
    step: int | None,
    accepted: tuple[str, ...],
    reason: str,
    key: str | None,
) -> None:
    """Let a promotion that stands still go on where it was."""
    body = {"step": step, "accept": list(accepted) or None, "reason": reason}
    done = f"resumed, {', '.join(accepted)} accepted" if accepted else "resumed"
    _post(call, promotion, "resumptions", body, done=done, key=key)


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
