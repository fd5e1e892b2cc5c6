"""Commands about all agents: `rollbook agent list|show|drain|undrain|enrol|revoke`."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from rollbook_services.cli.agent import agent
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.output import Column, Row
from rollbook_services.cli.status import position
from rollbook_services.cli.targets import colour_of, columns_of

_NAME: Final = click.argument("name", metavar="AGENT")


@command("list", into=agent, reads=True)
@click.option("--stage")
@click.option("--target")
@click.option("--state", type=click.Choice(["enrolled", "present", "lost", "revoked"]))
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def list_(call: Call, /, **asked: str | int | None) -> None:
    """List agents: where each speaks, whether it answers, whether it rests."""
    answer = call.api().read("/v1/agents", **asked)
    columns = [
        Column("AGENT", lambda row: row.get("agent")),
        Column("PLACE", _place),
        Column("STATE", _state, colour=_colour),
        Column("SINCE", lambda row: call.output.time(row.get("since"))),
        Column("DRAINED", lambda row: _drained(row, call)),
        Column("REASON", lambda row: row.get("reason")),
        Column("SESSION", lambda row: row.get("session"), wide=True),
        Column("TOKEN", lambda row: row.get("token"), wide=True),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("agent")),
        empty="no agent is enrolled; try 'rollbook agent enrol STAGE/TARGET'",
    )
    position(answer, call.output)


@command("show", into=agent, reads=True)
@_NAME
def show(call: Call, name: str) -> None:
    """Show one agent, and what its target should run and does run of each model."""
    answer = call.api().read(_path(name))
    data, time = answer["data"], call.output.time
    lines = [
        ("agent", data.get("agent")),
        ("place", _place(data)),
        ("state", f"{data.get('state')} since {time(data.get('since'))}"),
        ("last heard", data.get("last_heard_at") and time(data["last_heard_at"])),
        ("drained", data.get("drained") and f"since {time(data.get('drained_at'))}"),
        ("reason", data.get("reason")),
        ("session", data.get("session")),
        ("public key", data.get("public_key")),
        ("token", data.get("token")),
        ("enrolled", f"{time(data.get('enrolled_at'))} by "
         f"{call.output.text(data.get('enrolled_by'))}"),
    ]  # fmt: skip
    call.output.facts(answer, lines, name=name)
    if not call.output.is_for_programs():
        click.echo()
        call.output.rows(
            {"data": data.get("targets")},
            columns_of(call.output),
            name=str,
            empty="nothing was ever desired there",
        )
        position(answer, call.output)


@command("drain", into=agent)
@_NAME
@REASON
@KEY
def drain(call: Call, name: str, reason: str, key: str | None) -> None:
    """Let an agent keep what it serves, and let no change wait for it."""
    answer = call.api().write(f"{_path(name)}/drains", {"reason": reason}, key=key)
    call.output.done(answer, f"{name}   drained", name=name)
    call.output.note(f"to let it take part again: rollbook agent undrain {name} -m …")


@command("undrain", into=agent)
@_NAME
@REASON
@KEY
def undrain(call: Call, name: str, reason: str, key: str | None) -> None:
    """Let a drained agent take part again; it catches up by itself."""
    answer = call.api().write(f"{_path(name)}/undrains", {"reason": reason}, key=key)
    call.output.done(answer, f"{name}   takes part again", name=name)


@command("enrol", into=agent)
@click.argument("place", metavar="STAGE/TARGET")
@click.option("--name", help="What it is called; agent-STAGE-TARGET if left out.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write its secrets there (0600); NAME.json if left out.",
)
@click.option(
    "--ttl",
    default="90d",
    show_default=True,
    help="How long its token is good; at most 90d.",
)
@click.option("--nats-url", help="Where it reaches NATS; as the server says.")
@click.option(
    "--nats-ca",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with who signed NATS's certificate; as the server says.",
)
def enrol(
    call: Call,
    place: str,
    name: str | None,
    file: Path | None,
    ttl: str,
    nats_url: str | None,
    nats_ca: Path | None,
) -> None:
    """Let an agent speak for one target: its secrets are made here, and stay here."""
    from rollbook_services.cli import enrolment

    wanted = enrolment.wanted(
        place, name=name, file=file, ttl=ttl, nats_url=nats_url, nats_ca=nats_ca
    )
    enrolment.enrol(call, wanted)


@command("revoke", into=agent)
@_NAME
@REASON
@KEY
def revoke(call: Call, name: str, reason: str, key: str | None) -> None:
    """Let an agent speak for nothing any more: neither it nor its token."""
    api = call.api()
    token = api.read(_path(name))["data"].get("token")
    answer = _revoked(api, _path(name), reason, key=key)
    if token is not None:
        path = f"/v1/access/tokens/{token}"
        _revoked(api, path, reason, key=key and f"{key}/token")
    told = "nobody but you knows its token" if token is None else f"token {token} too"
    call.output.done(answer, f"{name}   revoked   {told}", name=name)


def _revoked(api: Api, path: str, reason: str, *, key: str | None) -> Row:
    """Revoke it; what was revoked before is no failure, so that both can be ended."""
    from rollbook.client.errors import Conflict

    try:
        return api.write(f"{path}/revocations", {"reason": reason}, key=key)
    except Conflict as error:
        if error.reason != "already_revoked":
            raise
        return {"seq": 0, "rev": 0, "replayed": True, "events": []}


def _path(name: str) -> str:
    return f"/v1/agents/{quote(name, safe='')}"


def _place(row: Row) -> str:
    return f"{row.get('stage')}/{row.get('target')}"


def _state(row: Row) -> str:
    return str(row.get("state") or "?")


def _colour(row: Row) -> str | None:
    return "green" if row.get("state") == "present" else colour_of(row.get("state"))


def _drained(row: Row, call: Call) -> str:
    return (
        f"since {call.output.time(row.get('drained_at'))}" if row.get("drained") else ""
    )
