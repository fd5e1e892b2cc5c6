"""What does a policy ask for, for those who do not read YAML?"""

from collections.abc import Iterable, Mapping
from typing import Any

import click

from rollbook_services.cli.call import Call, command
from rollbook_services.cli.policy.changing import Line
from rollbook_services.cli.policy.documents import Faulty, meant_by
from rollbook_services.cli.policy.sentences import of_a_stage, of_the_whole


@command("explain", reads=True)
@click.argument("which", metavar="FILE|NAME[@DIGEST]")
def explain(call: Call, which: str) -> None:
    """Say stage by stage what must be true, who approves, when, and what goes back."""
    from pathlib import Path

    from rollbook_services.policy.document import Policy
    from rollbook_services.policy.reading import check

    meant = meant_by(call, which)
    policy = check(meant.document)
    if not isinstance(policy, Policy):
        raise Faulty(Path(meant.label), policy)
    told = {policy.name: list(of_the_whole(policy))}
    stages = {each.name: list(of_a_stage(each)) for each in policy.stages}
    if call.output.is_for_programs():
        data = {"policy": policy.name, "whole": _said(told[policy.name])}
        data["stages"] = [
            {"stage": name, "says": _said(lines)} for name, lines in stages.items()
        ]
        call.output.facts({"data": data}, [], name=meant.label)
        return
    click.echo("\n\n".join(_section(*each) for each in (told | stages).items()))


def _section(title: str, lines: Iterable[Line]) -> str:
    below = (f"  {heading:<14} {said}" for heading, said in _once(lines))
    return "\n".join([title, *below])


def _once(lines: Iterable[Line]) -> Iterable[Line]:
    """Write a heading only where it is another than the one before."""
    before = ""
    for heading, said in lines:
        yield ("" if heading == before else heading), said
        before = heading or before


def _said(lines: Iterable[Line]) -> list[Mapping[str, Any]]:
    return [{"about": heading, "says": said} for heading, said in lines]
