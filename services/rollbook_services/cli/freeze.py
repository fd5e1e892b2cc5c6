"""Commands about times when nothing changes: `rollbook freeze …`."""

from collections.abc import Mapping
from typing import Any, Final

import click

from rollbook.client.resources import event_id
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.status import position

freeze = click.Group("freeze", help="Freezes: declare, stop-the-line, lift, list.")
_KINDS: Final = ("forward", "redeploy", "rollback", "none")
_MODEL: Final = click.option(
    "--model", "models", multiple=True, help="A model, or a pattern; all if left out."
)
_STAGE: Final = click.option(
    "--stage", "stages", multiple=True, help="A stage; all if left out."
)
_INCIDENT: Final = click.option("--incident", help="As your tracker names it.")


@command("declare", into=freeze)
@_MODEL
@_STAGE
@click.option("--from", "from_at", help="An instant with zone; now if left out.")
@click.option("--until", help="An instant with zone; until it is lifted if left out.")
@click.option(
    "--in-flight",
    type=click.Choice(["finish", "pause", "abort"]),
    help="What becomes of a change that is under way; finish if left out.",
)
@click.option(
    "--exempt",
    "exempt",
    multiple=True,
    type=click.Choice(_KINDS),
    help="A kind of promotion it does not stop; rollback if left out.",
)
@click.option("--waivable", is_flag=True, help="A waiver may reach past it.")
@_INCIDENT
@REASON
@KEY
def declare(
    call: Call,
    /,
    models: tuple[str, ...],
    stages: tuple[str, ...],
    exempt: tuple[str, ...],
    key: str | None,
    **said: Any,
) -> None:
    """Close lanes, now or from an instant on."""
    kinds = [kind for kind in exempt if kind != "none"]
    if kinds and len(kinds) < len(exempt):
        raise click.UsageError("--exempt none goes with no other")
    body = {
        "covers": {"models": list(models), "stages": list(stages)},
        "exempt": kinds if exempt else None,
        **said,
    }
    _declare(call, body, "frozen", key=key)


@command("stop-the-line", into=freeze)
@_MODEL
@_STAGE
@click.option(
    "--abort", is_flag=True, help="End what is under way; it stands still if left out."
)
@_INCIDENT
@REASON
@KEY
def stop_the_line(
    call: Call,
    models: tuple[str, ...],
    stages: tuple[str, ...],
    abort: bool,
    incident: str | None,
    reason: str,
    key: str | None,
) -> None:
    """Stop every change at once, until somebody lifts it; rollbacks still go."""
    body = {
        "covers": {"models": list(models), "stages": list(stages)},
        "stops_the_line": True,
        "in_flight": "abort" if abort else "pause",
        "incident": incident,
        "reason": reason,
    }
    _declare(call, body, "the line is stopped", key=key)


@command("lift", into=freeze)
@click.argument("id_", metavar="FREEZE")
@REASON
@KEY
def lift(call: Call, id_: str, reason: str, key: str | None) -> None:
    """Open the lanes again."""
    body = {"reason": reason}
    answer = call.api().write(f"/v1/freezes/{id_}/lifts", body, key=key)
    call.output.done(answer, f"freeze {id_}   lifted", name=id_)


@command("list", into=freeze, reads=True)
@click.option("--model", help="Those that reach this model.")
@click.option("--stage", help="Those that reach this stage.")
@click.option("--all", "everything", is_flag=True, help="Those that are over too.")
def list_(call: Call, model: str | None, stage: str | None, everything: bool) -> None:
    """List the freezes that hold or are to come: what, why, by whom, until when."""
    answer = call.api().read("/v1/freezes", model=model, stage=stage)
    if not everything:
        holding = [row for row in answer["data"] if _is_to_be_minded(row)]
        answer = {**answer, "data": holding}
    columns = [
        Column("FREEZE", lambda row: row.get("freeze")),
        Column("STATE", lambda row: row.get("state")),
        Column("COVERS", covered),
        Column("FROM", lambda row: call.output.time(row.get("from_at"))),
        Column("UNTIL", lambda row: _until(row, call.output)),
        Column("IN FLIGHT", lambda row: row.get("in_flight")),
        Column("LETS THROUGH", _lets_through),
        Column("BY", lambda row: row.get("declared_by")),
        Column("INCIDENT", lambda row: row.get("incident")),
        Column("REASON", lambda row: row.get("reason")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("freeze")),
        empty="nothing is frozen",
    )
    position(answer, call.output)


def covered(row: Mapping[str, Any]) -> str:
    """Write which lanes a freeze covers."""
    covers = row.get("covers") or {}
    models = ", ".join(covers.get("models") or ()) or "every model"
    stages = ", ".join(covers.get("stages") or ()) or "every stage"
    return f"{models} in {stages}"


def _declare(
    call: Call, body: Mapping[str, Any], line: str, *, key: str | None
) -> None:
    answer = call.api().write("/v1/freezes", body, key=key)
    id_ = event_id(answer, "freeze.declared")
    call.output.done(answer, f"{line}   {covered(body)}   freeze {id_}", name=id_)
    call.output.note(f"to open it again: rollbook freeze lift {id_} -m …")


def _is_to_be_minded(row: Row) -> bool:
    return row.get("state") in {"open", "upcoming"}


def _until(row: Row, output: Output) -> str:
    if row.get("lifted_at"):
        return f"lifted {output.time(row['lifted_at'])}"
    return output.time(row["until"]) if row.get("until") else "until it is lifted"


def _lets_through(row: Row) -> str:
    through = list(row.get("exempt") or ())
    return ", ".join([*through, *(["waivers"] if row.get("waivable") else [])])
