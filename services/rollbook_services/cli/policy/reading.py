"""Which rules hold, which are proposed, and in what do they differ?"""

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

import click

from rollbook.client.errors import NotFound
from rollbook.client.resources import policy_path
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.output import Column, Output, Row
from rollbook_services.cli.policy.documents import (
    Meant,
    active,
    meant_by,
    ordered,
    revision,
)
from rollbook_services.cli.status import position


@command("list", reads=True)
def list_(call: Call) -> None:
    """List the policies: what holds for which models, and what is proposed."""
    answer = call.api().read("/v1/policies")
    columns = [
        Column("POLICY", lambda row: row.get("policy")),
        Column("MODELS", lambda row: row.get("models")),
        Column("HOLDS SINCE", lambda row: _since(row, call.output)),
        Column("PUT IN FORCE BY", lambda row: row.get("activated_by")),
        Column("OWNERS", lambda row: row.get("owners"), wide=True),
        Column("PROPOSED", lambda row: _proposed(row, call.output)),
        Column("DIGEST", lambda row: row.get("digest")),
    ]
    call.output.rows(
        answer,
        columns,
        name=lambda row: str(row.get("policy")),
        empty="no policy yet, the built-in one holds for every model",
    )
    position(answer, call.output)


@command("show", reads=True)
@click.argument("name")
@click.option("--digest", help="One revision, by the beginning of its digest.")
def show(call: Call, name: str, digest: str | None) -> None:
    """Show the rules that hold, as a policy file."""
    path = policy_path(name)
    if digest is not None:
        path = f"{path}/revisions/{digest}"
    answer = call.api().read(path)
    data = answer["data"]
    for line in _standing(name, data, call.output):
        call.output.note(line)
    if call.output.is_for_programs():
        call.output.facts(answer, [], name=f"{name}@{data.get('digest')}")
        return
    if data.get("document") is None:
        raise NotFound(f"no revision of {name} holds", code="not-found")
    click.echo(written(data["document"]), nl=False)
    position(answer, call.output)


@command("diff", reads=True)
@click.argument("first", metavar="FILE|NAME[@DIGEST]")
@click.argument("second", metavar="FILE|NAME[@DIGEST]", required=False)
def diff(call: Call, first: str, second: str | None) -> None:
    """Show in what two policies differ.

    Of one name: what holds, and its latest proposal. Of one file: what holds under
    its name, and the file.
    """
    before, after = (
        _sides(call, first)
        if second is None
        else (meant_by(call, first), meant_by(call, second))
    )
    lines = list(
        unified_diff(
            written(before.document).splitlines(),
            written(after.document).splitlines(),
            fromfile=before.label,
            tofile=after.label,
            lineterm="",
        )
    )
    if call.output.is_for_programs():
        data = {"before": before.label, "after": after.label, "diff": lines}
        call.output.facts({"data": data}, [], name=after.label)
        return
    for line in lines:
        click.echo(line)
    if not lines:
        call.output.note(f"{before.label} and {after.label} say the same")


def written(document: Mapping[str, Any]) -> str:
    """Write a document as a file, the same for every source of it."""
    from rollbook_services.policy.text import write

    return write(ordered(document))


def _sides(call: Call, text: str) -> tuple[Meant, Meant]:
    meant = meant_by(call, text)
    name = str((meant.document.get("metadata") or {}).get("name"))
    if not meant.label.startswith(f"{name}@"):  # a file
        return active(call, name), meant
    return meant, revision(call, name, _latest_proposal(call, name))


def _latest_proposal(call: Call, name: str) -> str:
    data = call.api().read(policy_path(name))["data"]
    for each in data.get("revisions") or ():
        if each.get("state") == "proposed":
            return str(each["digest"])
    raise NotFound(
        f"nothing is proposed for {name}; name two revisions, or a file",
        code="not-found",
    )


def _since(row: Row, output: Output) -> str:
    if row.get("retired_at") and not row.get("digest"):
        return f"retired {output.time(row['retired_at'])}"
    return output.time(row.get("activated_at"))


def _proposed(row: Row, output: Output) -> str:
    return ", ".join(
        f"{each.get('digest')} by {output.text(each.get('proposed_by'))}"
        for each in row.get("proposals") or ()
    )


def _standing(name: str, data: Mapping[str, Any], output: Output) -> list[str]:
    lines = []
    if data.get("state"):
        by = output.text(data.get("proposed_by"))
        lines.append(f"{name}   {data['state']}   proposed by {by}")
        lines += _details(data, output)
    for each in data.get("revisions") or ():
        if each.get("state") == "proposed":
            by = output.text(each.get("proposed_by"))
            lines.append(f"{name}   proposed   {each.get('digest')} by {by}")
            lines += _details(each, output)
    return lines


def _details(revision: Mapping[str, Any], output: Output) -> list[str]:
    lines = [f"  {revision['reason']}"] if revision.get("reason") else []
    for each in revision.get("endorsements") or ():
        lines.append(f"  endorsed by {output.text(each.get('by'))}")
    if revision.get("trial"):
        lines.append(f"  trial: {output.text(revision['trial'])}")
    lines += [f"  warning  {each}" for each in revision.get("warnings") or ()]
    return lines
