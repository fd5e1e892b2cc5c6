"""Commands about evidence: `rollbook evidence add|list|revoke`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from rollbook.client.bodies import dataset
from rollbook.client.resources import event_data, model_path
from rollbook.reference import parse_model
from rollbook_services.cli.api import version_path
from rollbook_services.cli.artifact import hashing
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.given import metrics
from rollbook_services.cli.output import Column, Row

evidence = click.Group("evidence", help="Evidence: add, list, revoke.")


@command("add", into=evidence)
@click.argument("version")
@click.option("--kind", required=True, help="What was done: evaluation, bias, scan…")
@click.option(
    "--verdict", type=click.Choice(["pass", "fail", "inconclusive"]), required=True
)
@click.option(
    "--metrics", "metric_files", multiple=True, type=click.Path(path_type=Path)
)
@click.option("--metric", "given_metrics", multiple=True, metavar="K=NUMBER")
@click.option("--dataset", "on", metavar="NAME@DIGEST|NAME=PATH")
@click.option(
    "--digest", help="The bytes that were evaluated; the version's if left out."
)
@click.option("--produced-at", help="When; an instant with zone, now if left out.")
@click.option("--valid-until", help="An instant with zone.")
@click.option(
    "--file",
    "statement",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The whole report; its place and digest are recorded.",
)
@click.option("--uri", help="Where the report is kept, if not at --file.")
@KEY
def add(
    call: Call,
    version: str,
    kind: str,
    verdict: str,
    metric_files: tuple[Path, ...],
    given_metrics: tuple[str, ...],
    on: str | None,
    digest: str | None,
    produced_at: str | None,
    valid_until: str | None,
    statement: Path | None,
    uri: str | None,
    key: str | None,
) -> None:
    """Record what an evaluation of a version found."""
    api = call.api()
    found = api.resolve(version)
    body = {
        "kind": kind,
        "subject_digest": digest or found.digest,
        "dataset": _measured(on) if on else None,
        "metrics": metrics(metric_files, given_metrics),
        "verdict": verdict,
        "produced_at": produced_at or datetime.now(UTC).isoformat(),  # noqa: TID251
        "valid_until": valid_until,
        "statement": _statement(statement, uri),
    }
    answer = api.write(f"{version_path(found)}/evidence", body, key=key)
    call.output.done(
        answer, f"{found}   {kind} recorded: {verdict}", name=_first_id(answer)
    )


@command("list", into=evidence, reads=True)
@click.argument("version")
def list_(call: Call, version: str) -> None:
    """List the evidence of a version."""
    api = call.api()
    found = api.resolve(version)
    answer = api.read(f"{version_path(found)}/evidence")
    columns = [
        Column("EVIDENCE", lambda row: row.get("evidence")),
        Column("KIND", lambda row: row.get("kind")),
        Column("VERDICT", lambda row: row.get("verdict")),
        Column("METRICS", lambda row: row.get("metrics")),
        Column("DATASET", _dataset),
        Column("PRODUCED", lambda row: call.output.time(row.get("produced_at"))),
        Column("BY", lambda row: row.get("recorded_by")),
        Column("COUNTS", lambda row: row.get("live")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("evidence")),
        empty=f"{found} has no evidence yet; 'rollbook evidence add' records some",
    )


@command("revoke", into=evidence)
@click.argument("model")
@click.argument("evidence_id", metavar="EVIDENCE")
@REASON
@KEY
def revoke(
    call: Call, model: str, evidence_id: str, reason: str, key: str | None
) -> None:
    """Make a record of evidence count no more; approvals given on it are void."""
    path = f"{model_path(parse_model(model))}/evidence/{evidence_id}/revocations"
    answer = call.api().write(path, {"reason": reason}, key=key)
    revoked = event_data(answer, "evidence.revoked")
    name = f"{model}@{revoked.get('version', '?')}"
    call.output.done(
        answer, f"{name}   evidence {evidence_id} revoked", name=evidence_id
    )


def _statement(path: Path | None, uri: str | None) -> dict[str, str] | None:
    if path is None:
        return None
    from rollbook.artifact import measure

    with hashing():
        digest = measure(path).digest
    return {"uri": uri or path.resolve().as_uri(), "digest": digest}


def _measured(text: str) -> dict[str, Any]:
    with hashing():
        return dataset(text)


def _dataset(row: Row) -> object:
    found = row.get("dataset")
    return (
        f"{found['name']} {found['digest'][:19]}…" if isinstance(found, dict) else None
    )


def _first_id(answer: Row) -> str:
    return str((answer.get("events") or [{}])[0].get("id", ""))
