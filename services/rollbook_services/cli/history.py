"""What was live when, and what changed: history, diff."""

import json
from collections.abc import Mapping

import click

from rollbook.client.resources import lane_path, model_path
from rollbook.reference import LaneReference, ModelReference, parse, parse_model
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, Row
from rollbook_services.cli.status import position


@command("history", reads=True)
@click.argument("model")
@click.option("--stage", help="One stage; or write MODEL#STAGE.")
@click.option("--on", help="Only what was stable on that day, or at that instant.")
def history(call: Call, model: str, stage: str | None, on: str | None) -> None:
    """Show what was stable in which stage from when to when, and by whom."""
    reference = parse(model)
    if not isinstance(reference, ModelReference | LaneReference):
        raise click.UsageError(f"{model!r}: write MODEL, or MODEL#STAGE")
    if isinstance(reference, LaneReference):
        lane: LaneReference | None = reference
    else:
        lane = LaneReference(reference, stage) if stage else None
    path = lane_path(lane) if lane else model_path(_model(reference))
    answer = call.api().read(f"{path}/history", on=on)
    columns = [
        *([] if lane else [Column("STAGE", lambda row: row.get("stage"))]),
        Column("FROM", lambda row: call.output.time(row.get("from_at"))),
        Column("TO", lambda row: _until(row, call)),
        Column("VERSION", lambda row: f"{row.get('model')}@{row.get('version')}"),
        Column("PROMOTION", lambda row: f"{row.get('model')}:{row.get('promotion')}"),
        Column("ASKED BY", lambda row: row.get("put_there_by")),
        Column("APPROVED BY", lambda row: _approved(row, call)),
        Column("REASON", lambda row: row.get("reason")),
        Column("ENDED BY", _ended),
        Column("DIGEST", lambda row: row.get("digest"), wide=True),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: f"{row.get('model')}@{row.get('version')}",
        empty="nothing was stable there then",
    )
    position(answer, call.output)


@command("diff")
@click.argument("model", required=False)
@click.option("--from", "from_", required=True, help="A sequence, an instant or a day.")
@click.option("--until", help="The same; now if left out.")
def diff(call: Call, model: str | None, from_: str, until: str | None) -> None:
    """Show what was different at one moment from what was at another."""
    named = None if model is None else str(parse_model(model))
    asked = {"from": from_, "until": until, "model": named}
    answer = call.api().read("/v1/diff", **asked)
    if call.output.form == "json":
        call.output.facts(answer, [], name="")
        return
    found = {**answer, "data": answer["data"]["changes"]}
    columns = [
        Column("WHAT", _what),
        Column("BEFORE", lambda row: _side(row, "before")),
        Column("AFTER", lambda row: _side(row, "after")),
    ]
    call.output.rows(found, columns, name=_what, empty="nothing changed")
    position(answer, call.output)


def _model(reference: ModelReference | LaneReference) -> ModelReference:
    return reference if isinstance(reference, ModelReference) else reference.model


def _until(row: Row, call: Call) -> str:
    return call.output.time(row["until_at"]) if row.get("until_at") else "still live"


def _approved(row: Row, call: Call) -> str:
    if row.get("kind") == "rollback" and not row.get("approved_by"):
        return "(rollback)"
    return call.output.text(row.get("approved_by") or None)


def _ended(row: Row) -> str | None:
    return f"{row.get('model')}:{row['ended_by']}" if row.get("ended_by") else None


def _what(row: Row) -> str:
    key = row.get("key")
    shown = "/".join(map(str, key.values())) if isinstance(key, Mapping) else str(key)
    return f"{row.get('table') or row.get('kind')} {shown}"


def _side(row: Row, side: str) -> str | None:
    found = row.get(side)
    if not isinstance(found, Mapping):
        return None
    return ", ".join(
        f"{name}={part if isinstance(part, str) else json.dumps(part)}"
        for name, part in found.items()
    )
