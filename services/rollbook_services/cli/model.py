"""Commands about models: `rollbook model list|show|create`."""

import click

from rollbook.client.resources import model_path
from rollbook.reference import parse_model
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.given import pairs
from rollbook_services.cli.output import Column, Row

model = click.Group("model", help="Models: list, show, create.")


def _name(row: Row) -> str:
    return str(row.get("model") or row.get("name"))


@command("list", into=model, reads=True)
@click.option("--q", help="Words or part of a name.")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def list_(call: Call, q: str | None, limit: int | None, after: str | None) -> None:
    """List the models."""
    answer = call.api().read("/v1/models", q=q, limit=limit, after=after)
    columns = [
        Column("MODEL", _name),
        Column("LATEST", lambda row: row.get("latest")),
        Column("OWNERS", lambda row: row.get("owners")),
        Column("TIER", lambda row: row.get("tier")),
        Column("TASK", lambda row: row.get("task"), wide=True),
        Column("DESCRIPTION", lambda row: row.get("description"), wide=True),
    ]
    call.output.rows(
        answer,
        columns,
        name=_name,
        empty="no models yet; 'rollbook register' makes one",
    )


@command("show", into=model, reads=True)
@click.argument("name")
def show(call: Call, name: str) -> None:
    """Show one model."""
    reference = parse_model(name)
    answer = call.api().read(model_path(reference))
    data = answer["data"]
    lines = [("model", str(reference))]
    lines += [
        (title, data.get(title)) for title in data if title not in {"model", "team"}
    ]
    call.output.facts(answer, lines, name=str(reference))


@command("create", into=model)
@click.argument("name")
@click.option("--owner", "owners", multiple=True)
@click.option("--task")
@click.option("--tier")
@click.option("--description")
@click.option("--label", "labels", multiple=True, metavar="K=V")
@click.option(
    "--side-effect-free",
    is_flag=True,
    help="Asking it changes nothing: a shadow of it may get copies of requests.",
)
@KEY
def create(
    call: Call,
    name: str,
    owners: tuple[str, ...],
    task: str | None,
    tier: str | None,
    description: str | None,
    labels: tuple[str, ...],
    side_effect_free: bool,
    key: str | None,
) -> None:
    """Take a name for a model, for good."""
    reference = parse_model(name)
    body = {
        "model": str(reference),
        "owners": list(owners),
        "task": task,
        "tier": tier,
        "description": description,
        "labels": pairs("--label", labels),
        "side_effect_free": side_effect_free or None,
    }
    answer = call.api().write("/v1/models", body, key=key)
    call.output.done(answer, f"{reference}   created", name=str(reference))
