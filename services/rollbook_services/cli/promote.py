"""Commands of who asks: promote, cancel, abort. There is no way around the queue."""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import event_data, lane_path, model_path, promotion_path
from rollbook.client.waiting import Wait
from rollbook.reference import (
    LaneReference,
    ModelReference,
    PromotionReference,
    parse_promotion,
)
from rollbook_services.cli.api import Api, Resolved
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.waiting import seconds, wait_for


@command("promote")
@click.argument("version")
@click.option("--to", "stage", required=True, help="The stage.")
@click.option("-m", "--reason")
@click.option(
    "--expect",
    metavar="N|none|any",
    help="What runs there now; as it is seen if left out.",
)
@click.option(
    "--redeploy", is_flag=True, help="The version that runs there, once more."
)
@click.option("--retry-of", metavar="PROMOTION")
@click.option("--acknowledge-hold", metavar="HOLD", help="The hold you know of.")
@click.option(
    "--wait",
    "until",
    type=click.Choice(["ready", "dispatched", "live"]),
    metavar="[=ready|dispatched|live]",
    help="Wait for that; a gate that fails ends the waiting.",
)
@click.option("--wait-through-failures", is_flag=True, help="Go on when a gate fails.")
@click.option(
    "--timeout", default="30m", show_default=True, help="Wait at most: 90s, 30m."
)
@click.option("--key", help="Command id: the same key again is the same request.")
def promote(
    call: Call,
    /,
    version: str,
    stage: str,
    until: str | None,
    wait_through_failures: bool,
    timeout: str,
    key: str | None,
    **asked: Any,
) -> None:
    """Ask for a version in a stage; people and gates decide, then it is dispatched."""
    limit_seconds = seconds(timeout)
    api = call.api()
    found = api.resolve(version)
    runs = expected(api, LaneReference(found.model, stage), asked.pop("expect"))
    body = _request(found, stage, runs, **asked)
    answer = api.write_exactly(f"{model_path(found.model)}/promotions", body, key=key)
    promotion = promotion_of(found.model, answer)
    if until is None or not call.output.is_for_programs():
        call.output.done(
            answer,
            f"{promotion}   requested   {found} for {stage}, which runs "
            f"{'nothing' if runs is None else runs}",
            name=str(promotion),
        )
    if until is not None:
        wait = Wait(until, limit_seconds, through_failures=wait_through_failures)
        wait_for(api, promotion, wait, call.output)


def _request(
    version: Resolved,
    stage: str,
    runs: int | str | None,
    *,
    redeploy: bool,
    retry_of: str | None,
    acknowledge_hold: str | None,
    reason: str | None,
) -> dict[str, Any]:
    optional = {
        "acknowledge_hold": acknowledge_hold,
        "retry_of": parse_promotion(retry_of).number if retry_of else None,
        "reason": reason,
    }
    return {
        "stage": stage,
        "version": version.version,
        "kind": "redeploy" if redeploy else "forward",
        "expected_incumbent": runs,  # None has a meaning: nothing runs there
        **{name: value for name, value in optional.items() if value is not None},
    }


def expected(api: Api, lane: LaneReference, expect: str | None) -> int | str | None:
    """Return what the caller expects to run there: as said, or as it is seen now."""
    if expect is None:
        return incumbent(api, lane)
    if expect in {"none", "any"}:
        return None if expect == "none" else "any"
    if not expect.isdigit():
        raise click.UsageError(f"--expect {expect!r}: a version's number, none or any")
    return int(expect)


def incumbent(api: Api, lane: LaneReference) -> int | None:
    """Read what runs in a lane, None where nothing ever did."""
    from rollbook.client.errors import NotFound

    try:
        found: Any = api.read(lane_path(lane))["data"]
    except NotFound as error:
        # Nobody ever asked for anything there; the registrar knows which stages exist.
        if error.reason == "unknown_model":
            raise
        return None
    number = found.get("incumbent")
    return None if number is None else int(number)


def promotion_of(
    model: ModelReference, answer: Mapping[str, Any]
) -> PromotionReference:
    """Return the promotion that a request recorded."""
    number = event_data(answer, "promotion.requested").get("promotion")
    return PromotionReference(model, int(number or 0))


@command("cancel")
@click.argument("promotion")
@click.option("-m", "--reason", required=True)
@click.option("--key", help="Command id: the same key again is the same request.")
def cancel(call: Call, promotion: str, reason: str, key: str | None) -> None:
    """Withdraw a promotion that still waits."""
    _end(call, promotion, "cancellations", reason, done="cancelled", key=key)


@command("abort")
@click.argument("promotion")
@click.option("-m", "--reason", required=True)
@click.option("--key", help="Command id: the same key again is the same request.")
def abort(call: Call, promotion: str, reason: str, key: str | None) -> None:
    """Stop a promotion that was dispatched; targets keep what they serve."""
    _end(call, promotion, "aborts", reason, done="aborted", key=key)


def _end(
    call: Call,
    promotion: str,
    collection: str,
    reason: str,
    *,
    done: str,
    key: str | None,
) -> None:
    named = parse_promotion(promotion)
    path = f"{promotion_path(named)}/{collection}"
    answer = call.api().write(path, {"reason": reason}, key=key)
    call.output.done(answer, f"{named}   {done}", name=str(named))
