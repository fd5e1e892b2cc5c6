"""Commands about aliases: `rollbook alias set|unset|list`."""

from typing import Any

import click

from rollbook.client.resources import model_path
from rollbook.reference import ModelReference, parse_model
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.output import Column

alias = click.Group("alias", help="Aliases: set, unset, list.")
_EXPECT = click.option(
    "--expect",
    metavar="N|none",
    help="What it points at now; as it is seen if left out.",
)


@command("set", into=alias)
@click.argument("model")
@click.argument("name", metavar="ALIAS")
@click.argument("version")
@_EXPECT
@click.option("-m", "--reason")
@KEY
def set_(
    call: Call,
    model: str,
    name: str,
    version: str,
    expect: str | None,
    reason: str | None,
    key: str | None,
) -> None:
    """Point an alias at a version, if it still points where you think."""
    reference, api = parse_model(model), call.api()
    text = version if "@" in version or "#" in version else f"{reference}@{version}"
    found = api.resolve(text)
    if found.model != reference:
        raise click.UsageError(f"{found} is no version of {reference}")
    _move(call, api, reference, name, found.version, expect, reason, key)


@command("unset", into=alias)
@click.argument("model")
@click.argument("name", metavar="ALIAS")
@_EXPECT
@click.option("-m", "--reason")
@KEY
def unset(
    call: Call,
    model: str,
    name: str,
    expect: str | None,
    reason: str | None,
    key: str | None,
) -> None:
    """Remove an alias; where it pointed stays in the ledger."""
    reference, api = parse_model(model), call.api()
    _move(call, api, reference, name, None, expect, reason, key)


@command("list", into=alias, reads=True)
@click.argument("model")
def list_(call: Call, model: str) -> None:
    """List a model's aliases."""
    reference = parse_model(model)
    answer = call.api().read(f"{model_path(reference)}/aliases")
    columns = [
        Column("ALIAS", lambda row: f"{reference}@{row.get('alias')}"),
        Column("VERSION", lambda row: f"{reference}@{row.get('version')}"),
        Column("BEFORE", lambda row: row.get("from_version")),
        Column("MOVED", lambda row: call.output.time(row.get("moved_at"))),
        Column("BY", lambda row: row.get("moved_by")),
        Column("REASON", lambda row: row.get("reason")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: f"{reference}@{row.get('alias')}",
        empty=f"{reference} has no alias",
    )


def _move(
    call: Call,
    api: Api,
    model: ModelReference,
    name: str,
    version: int | None,
    expect: str | None,
    reason: str | None,
    key: str | None,
) -> None:
    previous = _seen(api, model, name) if expect is None else _number(expect)
    body: dict[str, Any] = {
        "alias": name,
        "version": version,
        "expected_previous": previous,
        "reason": reason,
    }
    answer = api.write_exactly(f"{model_path(model)}/aliases", body, key=key)
    now = "nothing" if version is None else f"{model}@{version}"
    call.output.done(
        answer,
        f"{model}@{name}   {previous or 'nothing'} -> {now}",
        name=f"{model}@{name}",
    )


def _seen(api: Api, model: ModelReference, name: str) -> int | None:
    for row in api.read(f"{model_path(model)}/aliases")["data"]:
        if row.get("alias") == name:
            return int(row["version"])
    return None


def _number(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isdigit():
        raise click.UsageError(f"--expect {text!r}: a version's number, or none")
    return int(text)
