"""Commands about the views: `rollbook projection list|rebuild|compare`."""

import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from rollbook_services.cli.api import Api
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, dumps

projection = click.Group("projection", help="Views: list, rebuild, compare.")
_LOOK_EVERY_SECONDS: Final = 0.1
_SPEAK_EVERY_SECONDS: Final = 10.0
_BAR: Final = 30
_ENDED: Final = {"done", "failed"}


@command("list", into=projection)
def list_(call: Call) -> None:
    """List the views: where they stand, how far behind, what they could not read."""
    answer = call.api().read("/v1/projections")
    columns = [
        Column("VIEW", lambda row: row.get("name")),
        Column("POSITION", lambda row: row.get("position")),
        Column("HEAD", lambda row: row.get("head")),
        Column("LAG", lambda row: row.get("lag")),
        Column("VERSION", lambda row: row.get("version")),
        Column("HALTED", lambda row: len(row.get("halted") or ())),
        Column("ANOMALIES", lambda row: row.get("anomalies")),
    ]
    call.output.rows(
        answer, columns, name=lambda row: str(row.get("name")), empty="no view"
    )


@command("rebuild", into=projection)
@click.argument("name")
def rebuild(call: Call, name: str) -> int:
    """Fill a view anew beside the old one, then switch; questions go on meanwhile."""
    job = _run(call, f"/v1/projections/{name}/rebuilds")
    done = job["state"] == "done"
    if call.output.is_for_programs():
        click.echo(dumps(job))
    elif done:
        click.echo(
            f"{name}   rebuilt   {job['done']} events in {job['seconds']} s "
            f"({job['rate']}/s)"
        )
    return 0 if done else _failed(name, job)


@command("compare", into=projection)
@click.argument("name", required=False)
def compare(call: Call, name: str | None) -> int:
    """Hold views against a fresh replay of the ledger; exit 10 where they differ."""
    api = call.api()
    names = (
        [name] if name else [row["name"] for row in api.read("/v1/projections")["data"]]
    )
    worst = 0
    for each in names:
        job = _run(call, f"/v1/projections/{each}/comparisons")
        if call.output.is_for_programs():
            click.echo(dumps(job))
        if job["state"] != "done":
            worst = max(worst, _failed(each, job))
            continue
        equal = is_equal(job)
        if not call.output.is_for_programs():
            verdict = "equals" if equal else "DIFFERS from"
            click.echo(f"{each}   {verdict} a fresh replay of {job['done']} events")
        if not equal:
            call.output.note(f"  {dumps(job['result'])}")
            call.output.note(f"  'rollbook projection rebuild {each}' fills it anew")
            worst = 10
    return worst


def is_equal(job: Mapping[str, Any]) -> bool:
    """Tell whether a comparison found the view as the ledger says."""
    result = job.get("result")
    return bool(isinstance(result, Mapping) and result.get("equal"))


def _run(call: Call, path: str) -> dict[str, Any]:
    api = call.api()
    begun = api.transport.post(path, {})
    begun = begun.get("data", begun)
    id_ = begun["job"]["job"] if isinstance(begun["job"], Mapping) else begun["job"]
    spoken = time.monotonic()
    while True:
        job = _job(api, str(id_))
        if not call.output.quiet:
            spoken = _speak(call, job, spoken)
        if job["state"] in _ENDED:
            if sys.stderr.isatty() and not call.output.quiet:
                click.echo(err=True)
            return job
        time.sleep(_LOOK_EVERY_SECONDS)


def _job(api: Api, id_: str) -> dict[str, Any]:
    answer = api.transport.get(f"/v1/jobs/{id_}")
    job: dict[str, Any] = answer.get("data", answer)
    return job


def _speak(call: Call, job: Mapping[str, Any], spoken: float) -> float:
    done, total = int(job.get("done") or 0), int(job.get("total") or 0)
    eta = job.get("eta_seconds")
    said = f"{done}/{total} events  {job.get('rate')}/s" + (
        f"  {eta} s left" if eta else ""
    )
    if sys.stderr.isatty():
        filled = _BAR * done // max(total, 1)
        click.echo(f"\r{'#' * filled:<{_BAR}}  {said}\033[K", err=True, nl=False)
        return spoken
    if time.monotonic() - spoken < _SPEAK_EVERY_SECONDS:
        return spoken
    click.echo(dumps(job) if call.output.form.startswith("json") else said, err=True)
    return time.monotonic()


def _failed(name: str, job: Mapping[str, Any]) -> int:
    click.echo(f"error: {name}: {job.get('error')}", err=True)
    return 1
