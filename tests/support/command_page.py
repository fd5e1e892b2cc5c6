"""How does the help of the command line become a page?

`python -m tests.support.command_page` writes `docs/commands.md`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from rollbook_services.cli.call import command as as_command
from rollbook_services.cli.main import rollbook

PAGE: Final = Path(__file__).parents[2] / "docs" / "commands.md"
_HEAD: Final = """\
# Every command

Generated from the commands' help by `python -m tests.support.command_page`.

References: `fraud@7` a version, `fraud@champion` by alias, `fraud#staging` what is
stable in a stage, `fraud#staging~1` before that, `fraud:31` a promotion. Exit codes
are in [problems.md](problems.md); 8 means that it is still pending, 9 that it failed
after dispatch.
"""


def page() -> str:
    """Write the page."""
    context = click.Context(rollbook, info_name="rollbook")
    sections = [
        section
        for name in rollbook.list_commands(context)
        for section in _sections(rollbook, name, context)
    ]
    return "\n".join([_HEAD, *_everywhere(), *sections]).rstrip() + "\n"


def commands() -> Iterator[str]:
    """Name every command as it is typed."""
    for line in page().splitlines():
        if line.startswith("## `"):
            yield line.removeprefix("## `").removesuffix("`")


def _everywhere() -> Iterator[str]:
    yield "## Options of every command that asks the server\n"
    yield "Only those that read recorded facts take `--as-of`.\n"
    yield from _table(_common().params)


def _sections(group: click.Group, name: str, parent: click.Context) -> Iterator[str]:
    command = group.get_command(parent, name)
    assert command is not None
    context = click.Context(command, info_name=name, parent=parent)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _sections(command, inner, context)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## `{context.command_path}`\n"
    yield f"{' '.join((command.help or '').split())}\n"
    yield f"```text\n{context.command_path} {usage}\n```\n"
    shared = {each.name for each in _common().params}
    own = [each for each in command.params if each.name not in shared]
    asks = any(each.name == "url" for each in command.params)
    yield from _table(own if asks else command.params)


def _table(parameters: list[click.Parameter]) -> Iterator[str]:
    options = [each for each in parameters if isinstance(each, click.Option)]
    if not options:
        return
    yield "| option | |\n|---|---|"
    for option in options:
        names = ", ".join(
            f"`{name}`" for name in [*option.opts, *option.secondary_opts]
        )
        told = [option.help or "", "Required." if option.required else ""]
        yield f"| {names} | {' '.join(filter(None, told))} |".replace("\n", " ")
    yield ""


def _common() -> click.Command:
    return as_command("any", reads=True)(lambda _: None)


if __name__ == "__main__":
    PAGE.write_text(page())
