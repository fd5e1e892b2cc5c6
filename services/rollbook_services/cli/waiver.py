"""Commands for when the glass has to be broken: waive, confirm-waiver, waivers."""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import event_data, event_id, has_event, promotion_path
from rollbook.reference import PromotionReference, parse_model, parse_promotion
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.status import position, promotion_name


@command("waive")
@click.argument("promotion")
@click.option("--gate", "gates", multiple=True, required=True, help="Which gate.")
@click.option(
    "--class", "break_glass", required=True, help="The class of waivers, of the policy."
)
@click.option("--incident", help="As your tracker names it.")
@REASON
@KEY
def waive(
    call: Call,
    promotion: str,
    gates: tuple[str, ...],
    break_glass: str,
    incident: str | None,
    reason: str,
    key: str | None,
) -> None:
    """Make gates stop mattering for one promotion; somebody looks at it afterwards."""
    named = parse_promotion(promotion)
    body = {
        "break_glass": break_glass,
        "gates": list(gates),
        "incident": incident,
        "reason": reason,
    }
    answer = call.api().write(f"{promotion_path(named)}/waivers", body, key=key)
    waiver = event_id(answer, "waiver.requested")
    if has_event(answer, "gate.waived"):
        _done(answer, named, call.output, waiver=waiver)
        return
    call.output.done(
        answer, f"{named}   asked to waive {', '.join(gates)}", name=waiver
    )
    call.output.note(f"a second person: rollbook confirm-waiver {named} {waiver}")


@command("confirm-waiver")
@click.argument("promotion")
@click.argument("waiver")
@KEY
def confirm_waiver(call: Call, promotion: str, waiver: str, key: str | None) -> None:
    """Be the second person that a class of waivers asks for."""
    named = parse_promotion(promotion)
    path = f"{promotion_path(named)}/waivers/{waiver}/confirmations"
    answer = call.api().write(path, {}, key=key)
    _done(answer, named, call.output, waiver=waiver)


@command("waivers", reads=True)
@click.argument("model", required=False)
def waivers(call: Call, model: str | None) -> None:
    """List what was ever waived, by whom, and how long it holds."""
    named = None if model is None else str(parse_model(model))
    answer = call.api().read("/v1/waivers", model=named)
    columns = [
        Column("PROMOTION", promotion_name),
        Column("STATE", lambda row: row.get("state")),
        Column("GATES", _gates),
        Column("CLASS", lambda row: row.get("break_glass")),
        Column("ASKED BY", lambda row: row.get("asked_by")),
        Column("SECOND PERSON", lambda row: row.get("second_person")),
        Column("UNTIL", lambda row: call.output.time(row.get("until"))),
        Column("INCIDENT", lambda row: row.get("incident")),
        Column("REASON", lambda row: row.get("reason")),
        Column("WAIVER", lambda row: row.get("waiver")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("waiver")),
        empty="nothing was ever waived",
    )
    position(answer, call.output)


def _done(
    answer: Mapping[str, Any], named: PromotionReference, output: Output, *, waiver: str
) -> None:
    waived = [
        str(event["data"]["gate"])
        for event in answer.get("events") or ()
        if ".gate.waived.v" in str(event.get("type", ""))
    ]
    until = output.time(event_data(answer, "gate.waived").get("until"))
    line = f"{named}   WAIVED {', '.join(waived)}, not passed, until {until}"
    output.done(answer, line, name=waiver)
    due = event_data(answer, "review.opened").get("due_at")
    review = event_id(answer, "review.opened")
    if review:
        output.note(
            f"somebody else looks at it by {output.time(due)}: rollbook review close "
            f"{named.model} {review} --finding justified -m …"
        )


def _gates(row: Row) -> str:
    return ", ".join(
        f"{each['gate']} ({each['status_then']})"
        if each["status_then"]
        else each["gate"]
        for each in row.get("gates") or ()
    )
