"""Commands about several models released as one: `rollbook bundle …`."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from rollbook.client.resources import bundle_path, event_data
from rollbook.client.waiting import Wait
from rollbook.reference import PromotionReference, parse_model
from rollbook_services.cli.api import Api, version_path
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.explanation import explanation
from rollbook_services.cli.given import pairs
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.promote import expected
from rollbook_services.cli.protection import confirm
from rollbook_services.cli.status import position, promotion_name
from rollbook_services.cli.waiting import seconds, wait_for

bundle = click.Group("bundle", help="Several models as one: request, list, roll back.")
_BUNDLES = "/v1/bundles"


@command("request", into=bundle)
@click.argument("versions", metavar="VERSION VERSION...", nargs=-1, required=True)
@click.option("--to", "stage", required=True, help="The stage.")
@click.option(
    "--expect",
    "expects",
    multiple=True,
    metavar="MODEL=N|none|any",
    help="What a model runs there now; as it is seen if left out.",
)
@REASON
@click.option(
    "--wait",
    "until",
    type=click.Choice(["ready", "dispatched", "live"]),
    metavar="[=ready|dispatched|live]",
    help="Wait for that, of every member.",
)
@click.option(
    "--timeout", default="30m", show_default=True, help="Wait at most: 90s, 30m."
)
@click.option("--dry-run", is_flag=True, help="Say what it would come to, no more.")
@KEY
def request(
    call: Call,
    /,
    versions: tuple[str, ...],
    stage: str,
    expects: tuple[str, ...],
    reason: str,
    until: str | None,
    timeout: str,
    dry_run: bool,
    key: str | None,
) -> None:
    """Ask for several versions in one stage: all lanes change, or none."""
    if len(versions) < 2:
        raise click.UsageError("a bundle is of two versions at least; else promote it")
    limit_seconds, api = seconds(timeout), call.api()
    expect = pairs("--expect", expects)
    members = [_member(api, each, stage, expect) for each in versions]
    left = sorted(expect.keys() - {each["model"] for each, _ in members})
    if left:
        raise click.UsageError(f"--expect {left[0]}: it is not in the bundle")
    body = {
        "stage": stage,
        "members": [member for member, _ in members],
        "reason": reason,
    }
    if dry_run:
        _rehearse(call, api, body, [now for _, now in members])
        return
    if any(now.get("protected") for _, now in members):
        confirm(stage, yes=call.yes)
    answer = api.write_exactly(_BUNDLES, body, key=key)
    asked = event_data(answer, "bundle.requested")
    number = asked.get("bundle")
    if until is None or not call.output.is_for_programs():
        line = f"bundle {number}   requested   {_members(body)} for {stage}"
        call.output.done(answer, line, name=str(number))
    if until is not None:
        _wait(call, api, asked.get("members") or (), Wait(until, limit_seconds))


def _rehearse(
    call: Call, api: Api, body: Mapping[str, Any], now: Sequence[Mapping[str, Any]]
) -> None:
    answer = api.rehearse(_BUNDLES, body)
    line = f"would ask for {_members(body)} in {body['stage']}, this is a dry run"
    call.output.done(answer, line, name=_members(body))
    if not call.output.is_for_programs():
        for each in now:
            click.echo("\n".join(["", *explanation(each, call.output)]))


def _wait(
    call: Call, api: Api, members: Sequence[Mapping[str, Any]], wait: Wait
) -> None:
    """Follow one member after the other; all of them have the same time."""
    deadline = time.monotonic() + wait.limit_seconds
    for each in members:
        promotion = PromotionReference(parse_model(each["model"]), each["promotion"])
        left = max(0.0, deadline - time.monotonic())
        wait_for(api, promotion, replace(wait, limit_seconds=left), call.output)


def _member(
    api: Api, version: str, stage: str, expect: Mapping[str, str]
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    found = api.resolve(version)
    now = api.read(f"{version_path(found)}/checks", to=stage)["data"]
    member = {
        "model": str(found.model),
        "version": found.version,
        "expected_incumbent": expected(expect.get(str(found.model)), now),
    }
    return member, now


@command("list", into=bundle, reads=True)
@click.option("--stage")
@click.option("--state")
@click.option("--limit", type=click.IntRange(1, 500))
@click.option("--after", help="The `next` of the page before.")
def list_(
    call: Call,
    stage: str | None,
    state: str | None,
    limit: int | None,
    after: str | None,
) -> None:
    """List bundles with their members, the latest first."""
    answer = call.api().read(
        _BUNDLES, stage=stage, state=state and state.upper(), limit=limit, after=after
    )
    columns = [
        Column("BUNDLE", lambda row: row.get("bundle")),
        Column("STATE", lambda row: str(row.get("state", "")).lower()),
        Column("STAGE", lambda row: row.get("stage")),
        Column("MEMBERS", _members),
        Column("BY", lambda row: row.get("requester")),
        Column("ASKED", lambda row: call.output.time(row.get("requested_at"))),
        Column("ENDED", lambda row: call.output.time(row.get("ended_at"))),
        Column("REASON", lambda row: row.get("reason")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("bundle")),
        empty="no bundle yet; 'rollbook bundle request' asks for one",
    )
    position(answer, call.output)


@command("show", into=bundle, reads=True)
@click.argument("number", metavar="BUNDLE", type=click.IntRange(1))
def show(call: Call, number: int) -> None:
    """Show one bundle, and how each member stands."""
    answer = call.api().read(bundle_path(number))
    data, output = answer["data"], call.output
    lines: list[tuple[str, object]] = [
        ("bundle", number),
        ("state", str(data.get("state", "")).lower()),
        ("stage", data.get("stage")),
        ("asked", f"{output.time(data.get('requested_at'))} by {_who(data, output)}"),
        ("reason", data.get("reason")),
        *(("member", _standing(each)) for each in data.get("members") or ()),
        ("ended", data.get("ended_at") and output.time(data["ended_at"])),
        ("because of", data.get("because_of")),
        ("why", data.get("reason_code") or data.get("end_reason")),
        ("rolled back", _rolled_back(data, output)),
    ]
    output.facts(answer, lines, name=str(number))
    position(answer, output)


@command("cancel", into=bundle)
@click.argument("number", metavar="BUNDLE", type=click.IntRange(1))
@REASON
@KEY
def cancel(call: Call, number: int, reason: str, key: str | None) -> None:
    """Withdraw a bundle that still waits, with all its members."""
    path = f"{bundle_path(number)}/cancellations"
    answer = call.api().write(path, {"reason": reason}, key=key)
    call.output.done(answer, f"bundle {number}   cancelled", name=str(number))


@command("rollback", into=bundle)
@click.argument("number", metavar="BUNDLE", type=click.IntRange(1))
@REASON
@click.option("--wait", "until", type=click.Choice(["live"]), metavar="[=live]")
@click.option(
    "--timeout", default="5m", show_default=True, help="Wait at most: 90s, 5m."
)
@KEY
def rollback(
    call: Call,
    number: int,
    reason: str,
    until: str | None,
    timeout: str,
    key: str | None,
) -> None:
    """Take every lane of a bundle back to what it ran before it."""
    limit_seconds, api = seconds(timeout), call.api()
    path = f"{bundle_path(number)}/rollbacks"
    answer = api.write(path, {"reason": reason}, key=key)
    begun = event_data(answer, "bundle.rolled_back").get("rollbacks") or ()
    names = ", ".join(promotion_name(each) for each in begun)
    if until is None or not call.output.is_for_programs():
        line = f"bundle {number}   rolling back   {names}"
        call.output.done(answer, line, name=str(number))
    if until is not None:
        _wait(call, api, begun, Wait(until, limit_seconds))


def _members(row: Row) -> str:
    return ", ".join(
        f"{each.get('model')}@{each.get('version')}"
        for each in row.get("members") or ()
    )


def _standing(member: Mapping[str, Any]) -> str:
    version = f"{member.get('model')}@{member.get('version')}"
    state = str((member.get("now") or {}).get("state") or "?").lower()
    line = f"{version}   {promotion_name(member)} is {state}"
    back = member.get("taken_back_by")
    return f"{line}, taken back by {member.get('model')}:{back}" if back else line


def _who(data: Row, output: Output) -> str:
    return output.text(data.get("requester"))


def _rolled_back(data: Row, output: Output) -> str | None:
    if not data.get("rolled_back_at"):
        return None
    by = output.text(data.get("rolled_back_by"))
    at = output.time(data["rolled_back_at"])
    return f"{at} by {by}: {data.get('rolled_back_reason')}"
