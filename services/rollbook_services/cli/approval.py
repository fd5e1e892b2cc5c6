"""Commands of reviewers; a vote binds to what was shown.

Approve, reject, ask for changes, withdraw.
"""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import has_event, promotion_path
from rollbook.reference import PromotionReference, parse_promotion
from rollbook_services.cli.api import Api
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.gates import gate_line
from rollbook_services.cli.output import Output


@command("approve")
@click.argument("promotion")
@click.option("-m", "--comment")
@click.option("--gate", help="Which approval gate, where there are several.")
@click.option("--binding", help="What you reviewed; as shown now if left out.")
@KEY
def approve(
    call: Call,
    promotion: str,
    comment: str | None,
    gate: str | None,
    binding: str | None,
    key: str | None,
) -> None:
    """Vote for a promotion, as it is shown now."""
    named = parse_promotion(promotion)
    api = call.api()
    body = {
        "gate": gate,
        "binding": binding or _shown(api, named, "approve", call.output),
        "comment": comment,
    }
    answer = api.write(f"{promotion_path(named)}/approvals", body, key=key)
    ready = has_event(answer, "promotion.readied")
    follows = "   every gate is open, dispatch follows" if ready else ""
    call.output.done(answer, f"{named}   approved{follows}", name=str(named))


@command("reject")
@click.argument("promotion")
@click.option("-m", "--comment", required=True)
@click.option("--gate", help="Which approval gate, where there are several.")
@click.option("--binding", help="What you reviewed; as shown now if left out.")
@KEY
def reject(
    call: Call,
    promotion: str,
    comment: str,
    gate: str | None,
    binding: str | None,
    key: str | None,
) -> None:
    """Vote against a promotion, as it is shown now."""
    named = parse_promotion(promotion)
    api = call.api()
    body = {
        "gate": gate,
        "binding": binding or _shown(api, named, "reject", call.output),
        "comment": comment,
    }
    answer = api.write(f"{promotion_path(named)}/rejections", body, key=key)
    call.output.done(answer, f"{named}   rejected", name=str(named))


@command("request-changes")
@click.argument("promotion")
@click.option("-m", "--comment", required=True)
@click.option("--gate", help="Which approval gate, where there are several.")
@click.option("--binding", help="What you reviewed; as shown now if left out.")
@KEY
def request_changes(
    call: Call,
    promotion: str,
    comment: str,
    gate: str | None,
    binding: str | None,
    key: str | None,
) -> None:
    """Ask for something before you would approve; the promotion goes on waiting."""
    named = parse_promotion(promotion)
    api = call.api()
    verb = "ask for changes to"
    body = {
        "gate": gate,
        "binding": binding or _shown(api, named, verb, call.output),
        "comment": comment,
    }
    answer = api.write(f"{promotion_path(named)}/change-requests", body, key=key)
    call.output.done(answer, f"{named}   changes asked for", name=str(named))


@command("withdraw")
@click.argument("promotion")
@click.option("--gate", help="Which approval gate, where there are several.")
@KEY
def withdraw(call: Call, promotion: str, gate: str | None, key: str | None) -> None:
    """Take your own vote back."""
    named = parse_promotion(promotion)
    path = f"{promotion_path(named)}/withdrawals"
    answer = call.api().write(path, {"gate": gate}, key=key)
    call.output.done(answer, f"{named}   vote withdrawn", name=str(named))


def _shown(api: Api, promotion: PromotionReference, verb: str, output: Output) -> str:
    """Show what the vote is about and return its binding."""
    path = promotion_path(promotion)
    found = api.read(path)["data"]
    bound: Mapping[str, Any] = found.get("bound_to") or {}
    evidence = bound.get("evidence_set") or found.get("evidence_set") or []
    output.note(
        f"You {verb} {promotion.model}@{found.get('version')} "
        f"{bound.get('digest') or found.get('digest')} for {found.get('stage')}, which "
        f"runs {found.get('incumbent') or 'nothing'}, under policy "
        f"{bound.get('policy_digest') or found.get('policy_digest')} "
        f"with {len(evidence)} pieces of evidence."
    )
    if found.get("reason"):
        output.note(f"{output.text(found.get('requester'))} asks: {found['reason']}")
    for gate in found.get("gates") or ():
        output.note(gate_line(gate, output))
    # Of what is no longer voted on the registrar says so itself.
    told = found if found.get("binding") else api.read(f"{path}/why")["data"]
    return str(told["binding"])
