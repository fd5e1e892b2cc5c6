"""How rules come to hold: propose, endorse, activate, retire."""

from pathlib import Path
from typing import Any

import click

from rollbook.client.errors import NotFound, ProblemError
from rollbook.client.resources import event_data, has_event, is_whole, policy_path
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, REASON, Call, command
from rollbook_services.cli.policy.documents import FILE, Faulty, written_in
from rollbook_services.cli.policy.linting import located
from rollbook_services.cli.policy.trial import summary_of


@command("propose")
@FILE
@REASON
@click.option(
    "--trial",
    "tried",
    is_flag=True,
    help="Try it on all of history first, and show its endorsers what came of it.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would come to, no more.")
@KEY
def propose(
    call: Call, file: Path, reason: str, tried: bool, dry_run: bool, key: str | None
) -> None:
    """Want the rules of a file; they hold for nothing until people agree."""
    document, api = written_in(file).document, call.api()
    body: dict[str, Any] = {"document": document, "reason": reason}
    if tried:
        body["trial"] = summary_of(call, file)
    try:
        answer = (
            api.rehearse("/v1/policies", body)
            if dry_run
            else api.write("/v1/policies", body, key=key)
        )
    except ProblemError as problem:
        if problem.code != "policy-invalid":
            raise
        raise Faulty(file, located(file, problem)) from problem
    proposed = event_data(answer, "policy.proposed")
    name, digest = proposed.get("policy"), proposed.get("digest")
    done = "would be proposed, this is a dry run" if dry_run else "proposed"
    call.output.done(answer, f"{name}   {done}   {digest}", name=f"{name}@{digest}")
    for warning in proposed.get("warnings") or ():
        call.output.note(f"  warning  {warning}")
    if not dry_run:
        call.output.note(f"others agree: rollbook policy endorse {name} {digest}")
        call.output.note(f"once enough do: rollbook policy activate {name} {digest}")


@command("endorse")
@click.argument("name")
@click.argument("digest")
@click.option("-m", "--comment")
@KEY
def endorse(
    call: Call, name: str, digest: str, comment: str | None, key: str | None
) -> None:
    """Agree to rules that somebody else proposed; the beginning of a digest will do."""
    api = call.api()
    whole = _whole(api, name, digest)
    body = {"digest": whole, "comment": comment}
    answer = api.write(f"{policy_path(name)}/endorsements", body, key=key)
    call.output.done(answer, f"{name}   endorsed   {whole}", name=f"{name}@{whole}")
    call.output.note(f"once enough do: rollbook policy activate {name} {whole}")


@command("activate")
@click.argument("name")
@click.argument("digest", required=False)
@KEY
def activate(call: Call, name: str, digest: str | None, key: str | None) -> None:
    """Let proposed rules hold: the only proposal, or one by its digest's beginning."""
    api = call.api()
    whole = _only_proposal(api, name) if digest is None else _whole(api, name, digest)
    path = f"{policy_path(name)}/activations"
    answer = api.write(path, {"digest": whole}, key=key)
    held = event_data(answer, "policy.activated")
    models = ", ".join(held.get("models") or ())
    call.output.done(
        answer, f"{name}   holds now for {models}   {whole}", name=f"{name}@{whole}"
    )
    if held.get("supersedes"):
        call.output.note(f"it supersedes {held['supersedes']}")


@command("retire")
@click.argument("name")
@REASON
@KEY
def retire(call: Call, name: str, reason: str, key: str | None) -> None:
    """Let rules hold for nothing, once as many people want that as they say."""
    path = f"{policy_path(name)}/retirements"
    answer = call.api().write(path, {"reason": reason}, key=key)
    if not has_event(answer, "policy.retirement_requested"):
        call.output.done(answer, f"{name}   retired", name=name)
        return
    call.output.done(answer, f"{name}   asked to retire it", name=name)
    call.output.note(f"others have to agree: rollbook policy retire {name} -m …")


def _whole(api: Api, name: str, digest: str) -> str:
    """Complete the beginning of a digest."""
    if is_whole(digest):
        return digest
    found = api.read(f"{policy_path(name)}/revisions/{digest}")["data"]
    return str(found["digest"])


def _only_proposal(api: Api, name: str) -> str:
    """Return the digest of what is proposed, where only one thing is."""
    revisions = api.read(policy_path(name))["data"].get("revisions") or ()
    found = [str(each["digest"]) for each in revisions if each["state"] == "proposed"]
    if not found:
        raise NotFound(f"nothing is proposed for {name}", code="not-found")
    if len(found) > 1:
        raise click.UsageError(f"which proposal? there are {', '.join(found)}")
    return found[0]
