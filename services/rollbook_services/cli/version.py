"""Commands about versions: list, show, compare, amend, and their ends."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from rollbook.client.resources import digest_of, model_path
from rollbook.reference import parse_model
from rollbook_services.cli.api import version_path
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.given import metrics, pairs, scalars
from rollbook_services.cli.output import Column, Row

version = click.Group("version", help="Versions: list, show, compare, retire…")


@command("list", into=version, reads=True)
@click.argument("model")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def list_(call: Call, model: str, limit: int | None, after: str | None) -> None:
    """List a model's versions."""
    reference = parse_model(model)
    path = f"{model_path(reference)}/versions"
    answer = call.api().read(path, limit=limit, after=after)

    def name(row: Row) -> str:
        return f"{reference}@{row.get('version')}"

    columns = [
        Column("VERSION", name),
        Column("STATUS", status_of),
        Column("REGISTERED", lambda row: call.output.time(row.get("registered_at"))),
        Column("BY", lambda row: row.get("producer")),
        Column("METRICS", lambda row: row.get("metrics")),
        Column("LABEL", lambda row: row.get("label")),
        Column("DIGEST", digest_of),
        Column("FRAMEWORK", lambda row: row.get("framework"), wide=True),
        Column("PARAMETERS", lambda row: row.get("parameters"), wide=True),
        Column("TAGS", lambda row: row.get("tags"), wide=True),
    ]
    call.output.rows(
        answer, columns, name=name, empty=f"{reference} has no version yet"
    )


@command("show", into=version, reads=True)
@click.argument("reference")
def show(call: Call, reference: str) -> None:
    """Show one version: its bytes, its numbers, what it was made from."""
    api = call.api()
    found = api.resolve(reference)
    answer = api.read(version_path(found))
    data = answer["data"]
    told = {"status": status_of(data), "digest": digest_of(data)}
    hidden = {"model", "version", "status", "digest", "quarantine"}
    lines: list[tuple[str, object]] = [("version", str(found)), *told.items()]
    lines += [
        (name, _plain(call, name, part))
        for name, part in data.items()
        if name not in hidden
    ]
    call.output.facts(answer, lines, name=str(found))


@command("compare", into=version, reads=True)
@click.argument("a")
@click.argument("b")
def compare(call: Call, a: str, b: str) -> None:
    """Show in what two versions of a model differ."""
    api = call.api()
    first, second = api.resolve(a), api.resolve(b)
    if first.model != second.model:
        raise click.UsageError(f"{first} and {second} are versions of different models")
    answer = api.read(
        f"{model_path(first.model)}/compare", a=first.version, b=second.version
    )
    if call.output.form == "json":
        call.output.facts(answer, [], name="")
        return
    rows = {"data": differences(answer["data"])}
    columns = [
        Column("WHAT", lambda row: row["what"]),
        Column(str(first), lambda row: row["a"]),
        Column(str(second), lambda row: row["b"]),
        Column("CHANGE", lambda row: _change(row["a"], row["b"])),
    ]
    call.output.rows(
        rows, columns, name=lambda row: str(row.get("what")), empty="no difference"
    )


def differences(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Flatten what differs to rows of what, a, b."""
    return [
        {"what": f"{part}.{one['name']}", "a": one["a"], "b": one["b"]}
        for part, found in data.items()
        if isinstance(found, list)
        for one in found
        if one["a"] != one["b"]
    ]


@command("amend", into=version)
@click.argument("reference")
@REASON
@click.option("--amends", help="Id of the event that said it wrongly.")
@click.option("--description")
@click.option("--framework")
@click.option(
    "--metrics", "metric_files", multiple=True, type=click.Path(path_type=Path)
)
@click.option("--metric", "given_metrics", multiple=True, metavar="K=NUMBER")
@click.option("--param", "parameters", multiple=True, metavar="K=V")
@click.option("--tag", "tags", multiple=True, metavar="K=V")
@click.option(
    "--lineage", type=click.Path(path_type=Path), help="JSON: the whole lineage."
)
@KEY
def amend(
    call: Call,
    reference: str,
    reason: str,
    amends: str | None,
    description: str | None,
    framework: str | None,
    metric_files: tuple[Path, ...],
    given_metrics: tuple[str, ...],
    parameters: tuple[str, ...],
    tags: tuple[str, ...],
    lineage: Path | None,
    key: str | None,
) -> None:
    """Correct what was recorded of a version; the first record stays to be seen."""
    fields = {
        "description": description,
        "framework": framework,
        "metrics": metrics(metric_files, given_metrics) or None,
        "parameters": scalars("--param", parameters) or None,
        "tags": pairs("--tag", tags) or None,
        "lineage": json.loads(lineage.read_text()) if lineage else None,
    }
    told = {name: value for name, value in fields.items() if value is not None}
    if not told:
        raise click.UsageError("say what is to be corrected, e.g. --metric auc=0.93")
    body = {"amends": amends, "fields": told, "reason": reason}
    _post(call, reference, "amendments", body, done="amended", key=key)


@command("deprecate", into=version)
@click.argument("reference")
@REASON
@KEY
def deprecate(call: Call, reference: str, reason: str, key: str | None) -> None:
    """Advise against a version."""
    _post(
        call, reference, "deprecations", {"reason": reason}, done="deprecated", key=key
    )


@command("retire", into=version)
@click.argument("reference")
@REASON
@KEY
def retire(call: Call, reference: str, reason: str, key: str | None) -> None:
    """Never promote a version again."""
    _post(call, reference, "retirements", {"reason": reason}, done="retired", key=key)


@command("quarantine")
@click.argument("reference")
@click.option("--stage", "stages", multiple=True, help="Only there; else everywhere.")
@REASON
@click.option("--incident")
@KEY
def quarantine(
    call: Call,
    reference: str,
    stages: tuple[str, ...],
    reason: str,
    incident: str | None,
    key: str | None,
) -> None:
    """Bar a version from stages, at once; what waits is rejected."""
    body = {"scope": {"stages": list(stages)}, "reason": reason, "incident": incident}
    _post(call, reference, "quarantines", body, done="quarantined", key=key)


@command("release", into=version)
@click.argument("reference")
@click.option("--stage", "stages", multiple=True, help="Only there; else everywhere.")
@REASON
@KEY
def release(
    call: Call, reference: str, stages: tuple[str, ...], reason: str, key: str | None
) -> None:
    """Lift a quarantine; somebody else than who declared it must."""
    body = {"scope": {"stages": list(stages)}, "reason": reason}
    _post(call, reference, "releases", body, done="released", key=key)


version.add_command(quarantine)


def status_of(row: Row) -> str:
    """Tell a version's status; a quarantine comes first."""
    return (
        "quarantined" if row.get("quarantine") else str(row.get("status") or "active")
    )


def _post(
    call: Call,
    reference: str,
    collection: str,
    body: Mapping[str, Any],
    *,
    done: str,
    key: str | None,
) -> None:
    api = call.api()
    found = api.resolve(reference)
    answer = api.write(f"{version_path(found)}/{collection}", body, key=key)
    call.output.done(answer, f"{found}   {done}", name=str(found))


def _plain(call: Call, name: str, part: object) -> object:
    if name.endswith("_at"):
        return call.output.time(part)
    return json.dumps(part) if isinstance(part, dict | list) and part else part


def _change(a: object, b: object) -> object:
    numeric = isinstance(a, int | float) and isinstance(b, int | float)
    if numeric and not isinstance(a, bool) and not isinstance(b, bool):
        return f"{float(b) - float(a):+.6g}"  # type: ignore[arg-type]
    return "changed"
