"""The command of who asks: promote. There is no way around the queue."""

from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import event_data, model_path
from rollbook.client.waiting import Wait
from rollbook.reference import ModelReference, PromotionReference, parse_promotion
from rollbook_services.cli.api import Resolved, version_path
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.protection import confirm
from rollbook_services.cli.rehearsal import rehearsed
from rollbook_services.cli.waiting import UNTIL, seconds, wait_for


@command("promote")
@click.argument("version")
@click.option("--to", "stage", required=True, help="The stage.")
@click.option("-m", "--reason")
@click.option(
    "--expect",
    metavar="N|none|any",
    help="What runs there now; as it is seen if left out.",
)
@click.option(
    "--redeploy", is_flag=True, help="The version that runs there, once more."
)
@click.option("--retry-of", metavar="PROMOTION")
@click.option("--acknowledge-hold", metavar="HOLD", help="The hold you know of.")
@click.option(
    "--wait",
    "until",
    type=click.Choice(UNTIL),
    metavar="[=ready|dispatched|deployed|live]",
    help="Wait for that; a gate that fails ends the waiting.",
)
@click.option("--wait-through-failures", is_flag=True, help="Go on when a gate fails.")
@click.option(
    "--timeout", default="30m", show_default=True, help="Wait at most: 90s, 30m."
)
@click.option("--dry-run", is_flag=True, help="Say what it would come to, no more.")
@KEY
def promote(
    call: Call,
    /,
    version: str,
    stage: str,
    until: str | None,
    wait_through_failures: bool,
    timeout: str,
    dry_run: bool,
    key: str | None,
    expect: str | None,
    **asked: Any,
) -> None:
    """Ask for a version in a stage; people and gates decide, then it is dispatched."""
    limit_seconds = seconds(timeout)
    api = call.api()
    found = api.resolve(version)
    kind = "redeploy" if asked["redeploy"] else None
    now = api.read(f"{version_path(found)}/checks", to=stage, kind=kind)["data"]
    runs = expected(expect, now)
    body, path = _request(found, stage, runs, **asked), model_path(found.model)
    if dry_run:
        answer = api.rehearse(f"{path}/promotions", body)
        line = f"{promotion_of(found.model, answer)}   would ask for {found} in {stage}"
        rehearsed(answer, now, call.output, line=line)
        return
    if now.get("protected"):
        confirm(stage, yes=call.yes)
    answer = api.write_exactly(f"{path}/promotions", body, key=key)
    promotion = promotion_of(found.model, answer)
    if until is None or not call.output.is_for_programs():
        call.output.done(
            answer,
            f"{promotion}   requested   {found} for {stage}, which runs "
            f"{'nothing' if runs is None else runs}",
            name=str(promotion),
        )
    if until is not None:
        wait = Wait(until, limit_seconds, through_failures=wait_through_failures)
        wait_for(api, promotion, wait, call.output)


def _request(
    version: Resolved,
    stage: str,
    runs: int | str | None,
    *,
    redeploy: bool,
    retry_of: str | None,
    acknowledge_hold: str | None,
    reason: str | None,
) -> dict[str, Any]:
    optional = {
        "acknowledge_hold": acknowledge_hold,
        "retry_of": parse_promotion(retry_of).number if retry_of else None,
        "reason": reason,
    }
    return {
        "stage": stage,
        "version": version.version,
        "kind": "redeploy" if redeploy else "forward",
        "expected_incumbent": runs,  # None has a meaning: nothing runs there
        **{name: value for name, value in optional.items() if value is not None},
    }


def expected(expect: str | None, now: Mapping[str, Any]) -> int | str | None:
    """Return what the caller expects to run there: as said, or as it is seen now."""
    if expect is None:
        number = now["lane"]["incumbent"]
        return None if number is None else int(number)
    if expect in {"none", "any"}:
        return None if expect == "none" else "any"
    if not expect.isdigit():
        raise click.UsageError(f"--expect {expect!r}: a version's number, none or any")
    return int(expect)


def promotion_of(
    model: ModelReference, answer: Mapping[str, Any]
) -> PromotionReference:
    """Return the promotion that a request recorded."""
    number = event_data(answer, "promotion.requested").get("promotion")
    return PromotionReference(model, int(number or 0))
