"""Commands about the ledger's events: list, show, tail, export, recompute."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from rollbook.client.exchange import Fed
from rollbook.client.resources import recorded_as
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, Row
from rollbook_services.cli.recorded import EXPORTED, events_of, head, pages
from rollbook_services.cli.status import position

events = click.Group("events", help="The ledger's events: list, export, recompute…")
_STORED: Final = "application/cloudevents+json"


@command("list", into=events, reads=True)
@click.option("--model")
@click.option("--actor", help="A principal, or a person's name.")
@click.option("--type", "type_", help="As in promotion.* or version.registered.")
@click.option("--correlation", help="As in fraud:31.")
@click.option("--since", help="A sequence, or an instant with zone.")
@click.option("--until", help="A sequence, or an instant with zone.")
@click.option("--q", help="Words in the reason.")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
@click.option("--newest", is_flag=True, help="The newest first.")
def list_(
    call: Call,
    /,
    actor: str | None,
    type_: str | None,
    newest: bool,
    **filters: Any,
) -> None:
    """List events: what happened, when, by whom."""
    asked = {**filters, "type": type_, "newest_first": newest or None}
    answer = call.api().read("/v1/events", actor=actor, **asked)
    columns = [
        Column("SEQ", sequence_of),
        Column("TIME", lambda row: call.output.time(row.get("at") or row.get("time"))),
        Column("ACTOR", lambda row: row.get("actor")),
        Column("TYPE", type_of),
        Column("ABOUT", about),
        Column("REASON", lambda row: row.get("reason")),
        Column("REV", lambda row: row.get("rev"), wide=True),
        Column("CORRELATION", lambda row: row.get("correlation"), wide=True),
        Column("ID", lambda row: row.get("id"), wide=True),
    ]
    call.output.rows(
        answer, columns, name=lambda row: str(sequence_of(row)), empty="no such event"
    )
    position(answer, call.output)


@command("show", into=events, reads=True)
@click.argument("sequence", type=click.IntRange(1))
@click.option("--raw", is_flag=True, help="The stored bytes, to the bit.")
def show(call: Call, sequence: int, raw: bool) -> None:
    """Show one event as it is stored."""
    path = f"/v1/events/{sequence}"
    transport = call.api().transport
    stored = transport.get_bytes(path, accept=_STORED, as_of=call.as_of)
    if raw or call.output.is_for_programs():
        sys.stdout.flush()
        sys.stdout.buffer.write(stored + (b"" if raw else b"\n"))
        return
    click.echo(json.dumps(json.loads(stored), indent=2, ensure_ascii=False))


@command("tail", into=events)
@click.option(
    "--since", type=click.IntRange(0), help="After this sequence; now if left out."
)
@click.option("--model")
@click.option("--type", "type_", help="As in promotion.*.")
@click.option("--count", type=click.IntRange(1), help="End after so many.")
def tail(
    call: Call,
    since: int | None,
    model: str | None,
    type_: str | None,
    count: int | None,
) -> None:
    """Follow the ledger; each event once, also over a restart of the server."""
    api = call.api()
    start = head(api) if since is None else since
    fed = api.transport.follow(since=start, model=model, type=type_)
    for number, event in enumerate(fed, start=1):
        click.echo(event.text if call.output.is_for_programs() else _line(event, call))
        if number == count:
            return


@command("export", into=events)
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where; else stdout.",
)
@click.option("--since", type=click.IntRange(1), default=1, help="From this sequence.")
@click.option(
    "--until", type=click.IntRange(1), help="To this sequence; the last if left out."
)
@click.option("--model")
def export(
    call: Call, file: Path | None, since: int, until: int | None, model: str | None
) -> None:
    """Write the stored bytes of events, one event a line."""
    api = call.api()
    last = until or head(api)
    if file is None:
        count = _export(api, sys.stdout.buffer, since, last, model)
    else:
        with file.open("wb") as out:
            count = _export(api, out, since, last, model)
    call.output.note(
        f"{count} events, {since} to {last}" + (f", in {file}" if file else "")
    )


@command("recompute", into=events)
@EXPORTED
def recompute(call: Call, exported: Path | None) -> int:
    """Take every decision again from what lay before it; 10 where one differs."""
    from rollbook_services.registrar.hindsight.recompute import recompute as take_again

    report = take_again(events_of(call, exported))
    counted = {
        "decisions": report.decisions,
        "agreed": report.agreed,
        "not_comparable": report.not_comparable,
    }
    columns = [
        Column("SEQ", sequence_of),
        Column("ABOUT", lambda row: row.get("aggregate")),
        Column("WHAT", lambda row: row.get("what")),
        Column("RECORDED", lambda row: row.get("recorded")),
        Column("RECOMPUTED", lambda row: row.get("recomputed")),
    ]
    line = f"{report.agreed} of {report.decisions} decisions agree"
    if report.not_comparable:
        line += f"; {report.not_comparable} were taken by other rules than these"
    call.output.rows(
        {"data": [asdict(each) for each in report.disagreements], **counted},
        columns,
        name=lambda row: str(sequence_of(row)),
        empty=line,
    )
    if report.disagreements:
        call.output.note(f"{line}: what is recorded does not follow from the rules")
    return 10 if report.disagreements else 0


def sequence_of(row: Row) -> object:
    """Return an event's place in the ledger."""
    return row.get("seq") or row.get("sequence")


def type_of(row: Row) -> str:
    """Write an event's type as people say it: `version.registered`."""
    return recorded_as(str(row.get("type", "")))


def about(row: Row) -> str:
    """Write what an event speaks of, as a reference."""
    model = row.get("model") or row.get("aggregate") or ""
    if row.get("promotion"):
        return f"{model}:{row['promotion']}"
    if row.get("version"):
        return f"{model}@{row['version']}"
    return f"{model}#{row['stage']}" if row.get("stage") else str(model)


def _line(fed: Fed, call: Call) -> str:
    from rollbook.subjects import model_name

    data: Mapping[str, Any] = fed.event.get("data") or {}
    subject = str(fed.event.get("subject", ""))
    row = {"model": model_name(subject) or subject, **data}
    return "  ".join(
        (
            f"{fed.sequence:>6}",
            call.output.time(fed.event.get("time")),
            f"{call.output.text(fed.event.get('authid')):<18}",
            f"{type_of({'type': fed.type}):<24}",
            about(row),
        )
    )


def _export(api: Api, out: BinaryIO, since: int, last: int, model: str | None) -> int:
    count = 0
    for page in pages(api, since=since, until=last, model=model):
        out.writelines(row["body"].encode() + b"\n" for row in page)
        count += len(page)
    return count
