"""What would be recorded, and what would the gates say, if it were meant?"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from rollbook.client.resources import recorded_as
from rollbook_services.cli.explanation import explanation
from rollbook_services.cli.output import Output


def rehearsed(
    answer: Mapping[str, Any], told: Mapping[str, Any], output: Output, *, line: str
) -> None:
    """Show a dry run of a request with what the gates would say of it."""
    if output.is_for_programs():
        events = list(answer.get("events") or ())
        data = {"would_record": events, "why": dict(told)}
        output.facts({"seq": answer.get("seq"), "data": data}, [], name=line)
        return
    click.echo(f"{line}   nothing is recorded, this is a dry run")
    click.echo(f"would record: {', '.join(kinds(answer)) or 'nothing'}")
    for each in explanation(told, output):
        click.echo(each)


def kinds(answer: Mapping[str, Any]) -> list[str]:
    """Count the events of an answer by their kind, in their order."""
    counted = Counter(
        recorded_as(str(event.get("type", ""))) for event in answer.get("events") or ()
    )
    return [
        name if count == 1 else f"{count} {name}" for name, count in counted.items()
    ]
