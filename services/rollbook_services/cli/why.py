"""Why is a version not in a stage yet, and would it get there? `why`, `check`."""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import promotion_path
from rollbook.reference import PromotionReference, parse, parse_model
from rollbook_services.cli.api import Api, version_path
from rollbook_services.cli.call import Call, command
from rollbook_services.cli.explanation import WAITING, explanation, verdict
from rollbook_services.cli.gates import gate_line
from rollbook_services.cli.output import Output
from rollbook_services.cli.status import position


@command("why", reads=True)
@click.argument("reference", metavar="VERSION|PROMOTION")
@click.option("--to", "stage", help="The stage, for a version.")
def why(call: Call, reference: str, stage: str | None) -> None:
    """Say of every gate what it says, what would change it, and who could."""
    api = call.api()
    named = parse(reference)
    if isinstance(named, PromotionReference):
        if stage is not None:
            raise click.UsageError("a promotion has its stage: leave --to out")
        answer = api.read(f"{promotion_path(named)}/why")
    elif stage is None:
        raise click.UsageError("which stage? write --to STAGE")
    else:
        answer = judged(api, reference, stage)
    told = answer["data"]
    decided = _decided_by(told)
    if decided is not None:
        card = api.read(promotion_path(decided))
        told = {**told, "recorded": card["data"]}
    show({**answer, "data": told}, call.output)


@command("check", reads=True)
@click.argument("version")
@click.option("--to", "stage", required=True, help="The stage.")
@click.option("--redeploy", is_flag=True, help="Of the version that runs there.")
def check(call: Call, version: str, stage: str, redeploy: bool) -> int:
    """Judge the gates now and record nothing: 0 all open, 5 one fails, 8 it waits."""
    answer = judged(call.api(), version, stage, redeploy=redeploy)
    show(answer, call.output)
    return verdict(answer["data"])


def judged(
    api: Api, version: str, stage: str, *, redeploy: bool = False
) -> dict[str, Any]:
    """Ask the registrar what the gates say of a version in a stage."""
    kind = "redeploy" if redeploy else None
    return api.read(f"{version_path(api.resolve(version))}/checks", to=stage, kind=kind)


def show(answer: Mapping[str, Any], output: Output) -> None:
    """Write an explanation, and where in the ledger it stands."""
    told = answer["data"]
    if output.is_for_programs():
        promotion = told.get("promotion")
        number = f":{promotion}" if promotion else f"@{told.get('version')}"
        output.facts(answer, [], name=f"{told.get('model')}{number}")
        return
    card = told.get("recorded")
    if card is not None:
        told = _told_by_the_record(told)
    for line in (*explanation(told, output), *_recorded(card, output)):
        click.echo(line)
    position(answer, output)


def _decided_by(told: Mapping[str, Any]) -> PromotionReference | None:
    """Return the promotion whose record answers: it is dispatched, or it ended.

    Also of a version that runs there already and that nobody asks for once more.
    """
    model, lane = parse_model(str(told["model"])), told.get("lane") or {}
    if told.get("promotion") is not None and told.get("state") not in WAITING:
        return PromotionReference(model, int(told["promotion"]))
    is_there = told.get("promotion") is None and lane.get("promotion") is not None
    if is_there and lane.get("incumbent") == told.get("version"):
        return PromotionReference(model, int(lane["promotion"]))
    return None


def _told_by_the_record(told: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out how gates would be judged now, for what went through them before."""
    answer = told.get("answer")
    if told.get("promotion") is None:
        answer = "It runs there already."
    past = dict.fromkeys(("not_before", "expires_at"))
    return {**told, **past, "answer": answer, "gates": []}


def _recorded(card: Mapping[str, Any] | None, output: Output) -> list[str]:
    if card is None:
        return []
    named = f"{card.get('model')}:{card.get('promotion')}"
    went = f"dispatched {output.time(card['dispatched_at'])}"
    told = went if card.get("dispatched_at") else "never dispatched"
    ended = f", ended {output.time(card['ended_at'])}" if card.get("ended_at") else ""
    state = str(card.get("state", "")).lower()
    lines = ["", f"{named} is {state}: {told}{ended}; its gates, as recorded:"]
    lines += [gate_line(gate, output) for gate in card.get("gates") or ()]
    lines += [_vote(vote, output) for vote in card.get("votes") or ()]
    return lines


def _vote(vote: Mapping[str, Any], output: Output) -> str:
    counts = "" if vote.get("live", True) else "   (counts no more)"
    said = f": {vote['comment']}" if vote.get("comment") else ""
    who, gate = output.text(vote.get("voter")), vote.get("gate")
    if vote.get("refused"):
        return f"  {vote.get('vote')} by {who} was refused{said}"
    return f"  {vote.get('vote')} by {who} at {gate}{said}{counts}"
