"""Commands about what is measured while a version proves itself."""

from typing import Any

import click

from rollbook.client.resources import promotion_path
from rollbook.reference import parse_promotion
from rollbook_services.cli.call import KEY, Call, command
from rollbook_services.cli.gates import gate_line
from rollbook_services.cli.given import numbers

analysis = click.Group("analysis", help="What is measured in a roll-out: record.")


@command("record", into=analysis)
@click.argument("promotion")
@click.option("--metric", "candidate", multiple=True, required=True, metavar="K=NUMBER")
@click.option(
    "--champion",
    multiple=True,
    metavar="K=NUMBER",
    help="The same, of what ran before.",
)
@click.option("--samples", type=click.IntRange(0), required=True, help="How many.")
@click.option("--from", "from_at", required=True, help="An instant with zone.")
@click.option("--until", "until_at", required=True, help="An instant with zone.")
@click.option("--wave", type=click.IntRange(0), help="From 0; 0 if left out.")
@click.option("--step", type=click.IntRange(0), help="From 0; 0 if left out.")
@KEY
def record(
    call: Call,
    /,
    promotion: str,
    candidate: tuple[str, ...],
    champion: tuple[str, ...],
    key: str | None,
    **said: Any,
) -> None:
    """Record what was measured while a promotion proves itself; its policy judges."""
    named = parse_promotion(promotion)
    metrics = {"candidate": numbers("--metric", candidate)}
    if champion:
        metrics["champion"] = numbers("--champion", champion)
    body = {"metrics": metrics, **said}
    answer = call.api().write(f"{promotion_path(named)}/analyses", body, key=key)
    call.output.done(answer, f"{named}   analysis recorded", name=str(named))
    for event in answer.get("events") or ():
        for gate in (event.get("data") or {}).get("judged") or ():
            call.output.note(gate_line(gate, call.output))
