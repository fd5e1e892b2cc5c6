"""Commands about lanes: rollback, hold, unhold."""

import click

from rollbook.client.resources import event_data, lane_path
from rollbook.client.waiting import Wait
from rollbook.reference import LaneReference, ModelReference, parse
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.promote import promotion_of
from rollbook_services.cli.waiting import UNTIL, seconds, wait_for

_STAGE = click.option("--stage", help="The stage; or write MODEL#STAGE.")


@command("rollback")
@click.argument("model")
@_STAGE
@click.option("--to", metavar="V", help="Which version; the one before if left out.")
@REASON
@click.option("--incident")
@click.option(
    "--wait",
    "until",
    type=click.Choice(UNTIL),
    metavar="[=ready|dispatched|deployed|live]",
)
@click.option(
    "--timeout", default="5m", show_default=True, help="Wait at most: 90s, 5m."
)
@KEY
def rollback(
    call: Call,
    model: str,
    stage: str | None,
    to: str | None,
    reason: str,
    incident: str | None,
    until: str | None,
    timeout: str,
    key: str | None,
) -> None:
    """Go back to what was stable, at once; automation then keeps away (hold)."""
    lane, api = lane_of(model, stage), call.api()
    limit_seconds = seconds(timeout)
    body = {
        "to": _version(lane.model, to),
        "reason": reason,
        "incident": incident,
    }
    answer = api.write(f"{lane_path(lane)}/rollbacks", body, key=key)
    asked = event_data(answer, "promotion.requested")
    promotion = promotion_of(lane.model, answer)
    for skipped in asked.get("walked_over") or ():
        call.output.note(f"skipped {lane.model}@{skipped['version']}: {skipped['why']}")
    if until is None or not call.output.is_for_programs():
        before = asked.get("incumbent") or "nothing"
        call.output.done(
            answer,
            f"{promotion}   rolling back   {lane} {before} -> {asked.get('version')}"
            "   hold placed",
            name=str(promotion),
        )
    if until is not None:
        wait_for(api, promotion, Wait(until, limit_seconds), call.output)


@command("hold")
@click.argument("model")
@_STAGE
@REASON
@click.option("--until", help="An instant with zone; until it is lifted if left out.")
@KEY
def hold(
    call: Call,
    model: str,
    stage: str | None,
    reason: str,
    until: str | None,
    key: str | None,
) -> None:
    """Keep automation away from a lane."""
    lane = lane_of(model, stage)
    body = {"until": until, "reason": reason}
    answer = call.api().write(f"{lane_path(lane)}/holds", body, key=key)
    call.output.done(answer, f"{lane}   held", name=str(lane))


@command("unhold")
@click.argument("model")
@_STAGE
@REASON
@click.option("--hold", "hold_id", help="Which hold; the present one if left out.")
@KEY
def unhold(
    call: Call,
    model: str,
    stage: str | None,
    reason: str,
    hold_id: str | None,
    key: str | None,
) -> None:
    """Let automation back into a lane."""
    lane, api = lane_of(model, stage), call.api()
    if hold_id is None:
        present = api.read(lane_path(lane))["data"].get("hold")
        if not present:
            raise click.UsageError(f"{lane} is not held")
        hold_id = str(present["id"])
        call.output.note(f"lifting the hold: {present.get('reason')}")
    body = {"hold": hold_id, "reason": reason}
    answer = api.write(f"{lane_path(lane)}/hold-releases", body, key=key)
    call.output.done(answer, f"{lane}   released", name=str(lane))


def lane_of(model: str, stage: str | None) -> LaneReference:
    """Read `fraud --stage production` or `fraud#production`."""
    reference = parse(model)
    match reference:
        case LaneReference(back=0) if stage in {None, reference.stage}:
            return reference
        case ModelReference() if stage is not None:
            return LaneReference(reference, stage)
        case ModelReference():
            raise click.UsageError(
                f"which stage? write --stage NAME, or {reference}#NAME"
            )
        case _:
            raise click.UsageError(
                f"{model!r}: write MODEL --stage NAME, or MODEL#NAME"
            )


def _version(model: ModelReference, text: str | None) -> int | None:
    if text is None:
        return None
    bare = text.removeprefix(f"{model}@").removeprefix("v")
    if not bare.isdigit():
        raise click.UsageError(f"--to {text!r}: write a version's number, or {model}@7")
    return int(bare)
