"""What does every command need: its options, its output, and the way to the server?"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec

import click

from rollbook.client.settings import Server, Wanted, find_server
from rollbook_services.cli.api import Api
from rollbook_services.cli.output import Output

P = ParamSpec("P")

FORMS: Final = ("table", "wide", "json", "jsonl", "name")

KEY: Final = click.option(
    "--key", help="Command id: the same key again is the same request."
)
REASON: Final = click.option("-m", "--reason", required=True)

_SURROUNDING: Final = [
    click.option("--url", help="The server (ROLLBOOK_URL)."),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="A file with the token (ROLLBOOK_TOKEN_FILE, ROLLBOOK_TOKEN).",
    ),
    click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data directory of a local server (ROLLBOOK_DATA).",
    ),
    click.option(
        "-o", "--output", type=click.Choice(FORMS), help="Form of the answer."
    ),
    click.option(
        "--json", "json_fields", metavar="[=A,B]", help="JSON, or some fields."
    ),
    click.option("--tz", default="UTC", help="Time zone of shown times."),
    click.option("--quiet", "-q", is_flag=True, help="Only the answer."),
    click.option("--verbose", is_flag=True, help="Say more when something fails."),
    click.option("--no-color", is_flag=True, help="No colours (NO_COLOR)."),
    click.option("--yes", is_flag=True, help="Never ask."),
]
_AS_OF: Final = click.option(
    "--as-of",
    metavar="MOMENT",
    help="As of a sequence, an instant with zone, or a day.",
)


@dataclass(frozen=True, slots=True)
class Call:
    """One run of one command."""

    output: Output
    wanted: Wanted = field(default_factory=Wanted)
    as_of: str | None = None
    yes: bool = False

    def server(self) -> Server:
        """Find the server by flag, environment or data directory."""
        return find_server(self.wanted, os.environ)

    def api(self) -> Api:
        """Open the way to the server; it closes when the command ends."""
        api = Api(self.server(), as_of=self.as_of, output=self.output)
        click.get_current_context().call_on_close(api.transport.close)
        return api


_BARE: Final = {"--json": "--json=", "--wait": "--wait=live"}


class Command(click.Command):
    """A command in which `--json` and `--wait` never take the next word for theirs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give options with an optional value the one that a bare option means."""
        end = args.index("--") if "--" in args else len(args)
        told = [_BARE.get(word, word) for word in args[:end]]
        return super().parse_args(ctx, told + args[end:])


def command(
    name: str, *, into: click.Group | None = None, reads: bool = False
) -> Callable[[Callable[Concatenate[Call, P], int | None]], click.Command]:
    """Make a command of a function that takes the call first; reads take --as-of."""

    def make(function: Callable[Concatenate[Call, P], int | None]) -> click.Command:
        @wraps(function)
        def invoke(**given: Any) -> int | None:
            unbound: Any = function
            answered: int | None = unbound(_call(given), **given)
            return answered

        # What `wraps` copies includes the parameters declared below the decorator.
        decorated: Any = invoke
        for option in reversed([*_SURROUNDING, *([_AS_OF] if reads else [])]):
            decorated = option(decorated)
        made = click.command(name, cls=Command)(decorated)
        if into is not None:
            into.add_command(made)
        return made

    return make


def _call(given: dict[str, Any]) -> Call:
    fields = given.pop("json_fields")
    form = given.pop("output") or os.environ.get("ROLLBOOK_OUTPUT") or "table"
    if form not in FORMS:
        raise click.UsageError(f"ROLLBOOK_OUTPUT: one of {', '.join(FORMS)}")
    given.pop("verbose")
    no_colour = given.pop("no_color") or bool(os.environ.get("NO_COLOR"))
    output = Output(
        form="json" if fields is not None else form,
        fields=tuple(name for name in (fields or "").split(",") if name),
        zone=_zone(given.pop("tz")),
        quiet=given.pop("quiet"),
        colour=not no_colour,
    )
    wanted = Wanted(given.pop("url"), given.pop("token_file"), given.pop("data"))
    return Call(output, wanted, given.pop("as_of", None), given.pop("yes"))


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise click.BadParameter(
            f"no time zone {name!r}; write Europe/Berlin"
        ) from error
