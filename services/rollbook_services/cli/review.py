"""Commands about looks at waivers: `rollbook review list|close`."""

from typing import Final

import click

from rollbook.client.resources import model_path
from rollbook.reference import parse_model
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.status import position, promotion_name

review = click.Group("review", help="Looks at waivers: list, close.")
_FINDINGS: Final = ("justified", "not-justified")


@command("list", into=review, reads=True)
@click.argument("model", required=False)
@click.option("--overdue", is_flag=True, help="Only those nobody closed in time.")
@click.option("--all", "everything", is_flag=True, help="Closed ones too.")
def list_(call: Call, model: str | None, overdue: bool, everything: bool) -> None:
    """List the looks at waivers that somebody owes; overdue ones on top."""
    answer = call.api().read(
        "/v1/reviews",
        model=None if model is None else str(parse_model(model)),
        overdue=True if overdue else None,
        open=None if everything else True,
    )
    columns = [
        Column("PROMOTION", promotion_name),
        Column("DUE", lambda row: _due(row, call.output)),
        Column("WAIVED", lambda row: row.get("gates")),
        Column("CLASS", lambda row: row.get("break_glass")),
        Column("BY", lambda row: [row.get("asked_by"), *_second(row)]),
        Column("INCIDENT", lambda row: row.get("incident")),
        Column("REASON", lambda row: row.get("reason")),
        Column("FINDING", lambda row: row.get("finding")),
        Column("NOTES", lambda row: row.get("notes"), wide=True),
        Column("REVIEW", lambda row: row.get("review")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("review")),
        empty="nobody owes a look at a waiver",
    )
    position(answer, call.output)


@command("close", into=review)
@click.argument("model")
@click.argument("id_", metavar="REVIEW")
@click.option(
    "--finding", type=click.Choice(_FINDINGS), required=True, help="What it came to."
)
@click.option("-m", "--notes", required=True)
@KEY
def close(
    call: Call, model: str, id_: str, finding: str, notes: str, key: str | None
) -> None:
    """Say what a look at a waiver came to, as somebody who had no part in it."""
    path = f"{model_path(parse_model(model))}/reviews/{id_}/closures"
    body = {"finding": finding.replace("-", "_"), "notes": notes}
    answer = call.api().write(path, body, key=key)
    call.output.done(answer, f"review {id_}   closed: {finding}", name=id_)


def _due(row: Row, output: Output) -> str:
    due = output.time(row.get("due_at"))
    if row.get("closed_at"):
        return f"{due}, closed {output.time(row['closed_at'])}"
    return f"{due} OVERDUE" if row.get("overdue") else due


def _second(row: Row) -> list[str]:
    return [str(row["second_person"])] if row.get("second_person") else []
