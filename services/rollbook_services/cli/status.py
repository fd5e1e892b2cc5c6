"""What runs where, and what was asked for: status, promotions."""

from typing import Any

import click

from rollbook.client.progress import place_at
from rollbook.client.resources import model_path
from rollbook.reference import parse_model
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.targets import columns_of


@command("status", reads=True)
@click.argument("model", required=False)
@click.option("--targets", is_flag=True, help="Each target, instead of each lane.")
@click.option("--stage", help="With --targets: only this one.")
@click.option(
    "--lagging",
    is_flag=True,
    help="With --targets: who has not applied what it should.",
)
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def status(
    call: Call,
    model: str | None,
    targets: bool,
    stage: str | None,
    lagging: bool,
    limit: int | None,
    after: str | None,
) -> None:
    """Show the board: each lane, what runs there, what is on its way."""
    named = None if model is None else str(parse_model(model))
    page = {"model": named, "limit": limit, "after": after}
    if targets:
        _targets_of(call, stage=stage, lagging="true" if lagging else None, **page)
        return
    if stage is not None or lagging:
        raise click.UsageError("--stage and --lagging go with --targets")
    answer = call.api().read("/v1/lanes", **page)
    columns = [
        Column("LANE", _lane),
        Column("STATUS", lambda row: row.get("status")),
        Column("STABLE", lambda row: _version(row, "stable")),
        Column(
            "SINCE",
            lambda row: call.output.time((row.get("stable") or {}).get("since")),
        ),
        Column("DESIRED", lambda row: _version(row, "desired")),
        Column("TARGETS", _targets),
        Column("OPEN", lambda row: _open(row)),
        Column("HOLD", lambda row: _hold(row, call.output)),
        Column("TOKEN", lambda row: row.get("token"), wide=True),
    ]
    call.output.rows(
        answer,
        columns,
        name=_lane,
        empty="nothing was ever promoted; try 'rollbook promote'",
    )
    position(answer, call.output)


def _targets_of(call: Call, **asked: Any) -> None:
    answer = call.api().read("/v1/targets", **asked)
    call.output.rows(
        answer,
        columns_of(call.output),
        name=lambda row: f"{_lane(row)}/{row.get('target')}",
        empty="no target lags"
        if asked["lagging"]
        else "nothing was ever desired on a target",
    )
    position(answer, call.output)


@command("promotions", reads=True)
@click.argument("model")
@click.option("--stage")
@click.option("--state")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def promotions(
    call: Call,
    model: str,
    stage: str | None,
    state: str | None,
    limit: int | None,
    after: str | None,
) -> None:
    """List a model's promotions, the latest first."""
    path = f"{model_path(parse_model(model))}/promotions"
    answer = call.api().read(
        path, stage=stage, state=state and state.upper(), limit=limit, after=after
    )
    columns = [
        Column("PROMOTION", promotion_name),
        Column("STATE", lambda row: str(row.get("state", "")).lower()),
        Column("CHANGE", change),
        Column("KIND", lambda row: row.get("kind")),
        Column("BY", lambda row: row.get("requester")),
        Column("ASKED", lambda row: call.output.time(row.get("requested_at"))),
        Column("ENDED", lambda row: call.output.time(row.get("ended_at"))),
        Column("WHY", lambda row: row.get("reason_code") or row.get("end_reason")),
        Column("REASON", lambda row: row.get("reason")),
    ]
    call.output.rows(answer, columns, name=promotion_name, empty="no promotion yet")


def position(answer: Row, output: Output) -> None:
    """Say on stderr at which place in the ledger an answer stands."""
    as_of = answer.get("as_of") or {}
    if output.is_for_programs():
        return
    at = f"as of {output.time(as_of['at'])}, " if as_of.get("at") else ""
    output.note(f"{at}from ledger position {as_of.get('seq') or answer.get('seq')}")


def promotion_name(row: Row) -> str:
    """Write the reference of a promotion."""
    return f"{row.get('model')}:{row.get('promotion')}"


def _lane(row: Row) -> str:
    return f"{row.get('model')}#{row.get('stage')}"


def _version(row: Row, part: str) -> str | None:
    found = row.get(part)
    return f"{row.get('model')}@{found['version']}" if found else None


def _targets(row: Row) -> str:
    return ", ".join(
        f"{target['target']} {target['state']}" for target in row.get("targets") or ()
    )


def _open(row: Row) -> str:
    slot = row.get("slot") or {}
    return ", ".join(
        f"{promotion_name(each)} {str(each['state']).lower()}"
        + (_place(slot) if each.get("promotion") == slot.get("promotion") else "")
        for each in row.get("open") or ()
    )


def _place(slot: Row) -> str:
    rollout = slot.get("rollout") or {}
    place = place_at(rollout, rollout.get("waves"), rollout.get("steps"))
    return f" ({place})" if place else ""


def _hold(row: Row, output: Output) -> str | None:
    found = row.get("hold")
    return f"{output.text(found['by'])}: {found['reason']}" if found else None


def change(row: Row) -> str:
    """Write what a promotion changes."""
    before: Any = row.get("incumbent")
    return f"{before or 'nothing'} -> {row.get('version')} in {row.get('stage')}"
