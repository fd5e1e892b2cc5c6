"""Commands about what runs without being desired: `rollbook drift list|accept`."""

import click

from rollbook.client.resources import lane_path
from rollbook.reference import parse_model
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.lane import lane_of
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.status import position

drift = click.Group("drift", help="What runs without being desired: list, accept.")


@command("list", into=drift, reads=True)
@click.argument("model", required=False)
@click.option("--stage", help="Only this one.")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def list_(
    call: Call,
    model: str | None,
    stage: str | None,
    everything: bool,
    limit: int | None,
    after: str | None,
) -> None:
    """List what drifted: where, since when, what becomes of it, who accepted it."""
    answer = call.api().read(
        "/v1/drifts",
        model=None if model is None else str(parse_model(model)),
        stage=stage,
        open=None if everything else "true",
        limit=limit,
        after=after,
    )
    columns = [
        Column("LANE", lambda row: f"{row.get('model')}#{row.get('stage')}"),
        Column("TARGET", lambda row: row.get("target")),
        Column("STATE", lambda row: row.get("state"), colour=_colour),
        Column("SINCE", lambda row: call.output.time(row.get("detected_at"))),
        Column("POLICY", lambda row: row.get("policy")),
        Column("RUNS", lambda row: row.get("observed")),
        Column("ACCEPTED BY", lambda row: _accepted(row, call.output)),
        Column("ENDED", lambda row: call.output.time(row.get("ended_at"))),
        Column("DRIFT", lambda row: row.get("drift"), wide=True),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("drift")),
        empty="every target runs what is desired there",
    )
    position(answer, call.output)


@command("accept", into=drift)
@click.argument("model")
@click.option("--stage", help="The stage; or write MODEL#STAGE.")
@click.option("--target", required=True)
@REASON
@KEY
def accept(
    call: Call,
    model: str,
    stage: str | None,
    target: str,
    reason: str,
    key: str | None,
) -> None:
    """Let a target run something else for now: nothing waits for it to end."""
    lane = lane_of(model, stage)
    body = {"target": target, "reason": reason}
    answer = call.api().write(f"{lane_path(lane)}/drift-acceptances", body, key=key)
    call.output.done(answer, f"{lane}   drift of {target} accepted", name=str(lane))


def _accepted(row: Row, output: Output) -> str | None:
    if not row.get("accepted_by"):
        return None
    return f"{output.text(row['accepted_by'])}: {row.get('accepted_reason')}"


def _colour(row: Row) -> str | None:
    return "yellow" if row.get("state") in {"open", "accepted"} else None
