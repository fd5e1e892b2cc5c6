"""Which commands are there, and with which exit code does each of them end?"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

import click

from rollbook_services.cli.complaint import complain

# name → (module, attribute, help): a module is imported when its command runs.
_COMMANDS: Final[dict[str, tuple[str, str, str]]] = {
    "up": ("local", "up", "Run all of Rollbook here, in one process."),
    "serve": ("local", "serve", "Run some services, over NATS elsewhere."),
    "demo": ("local", "demo", "Watch real models live their whole life."),
    "doctor": ("doctor", "doctor", "Check the server and say how to mend it."),
    "model": ("model", "model", "Models: list, show, create."),
    "register": ("register", "register", "Register a version of a model."),
    "version": ("version", "version", "Versions: list, show, compare, retire…"),
    "quarantine": ("version", "quarantine", "Bar a version, at once."),
    "evidence": ("evidence", "evidence", "Evidence: add, list, revoke."),
    "alias": ("alias", "alias", "Aliases: set, unset, list."),
    "promote": ("promote", "promote", "Ask for a version in a stage."),
    "check": ("why", "check", "Judge the gates now; nothing is recorded."),
    "why": ("why", "why", "Why it is not there yet, and what would change that."),
    "approve": ("approval", "approve", "Vote for a promotion."),
    "reject": ("approval", "reject", "Vote against a promotion."),
    "request-changes": (
        "approval",
        "request_changes",
        "Ask for something before you would approve.",
    ),
    "withdraw": ("approval", "withdraw", "Take your own vote back."),
    "cancel": ("promotion", "cancel", "Withdraw a promotion that still waits."),
    "abort": ("promotion", "abort", "Stop a promotion that was dispatched."),
    "pause": ("promotion", "pause", "Let a promotion stand still."),
    "resume": ("promotion", "resume", "Let it go on."),
    "analysis": ("analysis", "analysis", "What is measured in a roll-out: record."),
    "waive": ("waiver", "waive", "Break the glass: gates stop mattering."),
    "confirm-waiver": ("waiver", "confirm_waiver", "Be the second person."),
    "waivers": ("waiver", "waivers", "What was ever waived."),
    "review": ("review", "review", "Looks at waivers: list, close."),
    "rollback": ("lane", "rollback", "Go back to what was stable; holds the lane."),
    "hold": ("lane", "hold", "Keep automation away from a lane."),
    "unhold": ("lane", "unhold", "Let automation back into a lane."),
    "freeze": ("freeze", "freeze", "Freezes: declare, stop-the-line, lift, list."),
    "bundle": ("bundle", "bundle", "Several models as one: request, list, roll back."),
    "policy": ("policy.group", "policy", "The rules: lint, explain, propose, trial…"),
    "status": ("status", "status", "What runs where."),
    "watch": ("promotion", "watch", "Watch a roll-out as it goes."),
    "inbox": ("inbox", "inbox", "What waits for you."),
    "promotions": ("status", "promotions", "Promotions of a model."),
    "history": ("history", "history", "What was live when, and who put it there."),
    "diff": ("history", "diff", "What changed between two moments."),
    "events": ("events", "events", "The ledger's events: list, export, recompute…"),
    "lineage": ("lineage", "lineage", "What a version was made from, and for."),
    "projection": ("projection", "projection", "Views: list, rebuild, compare."),
    "agent": ("fleet", "agent", "Deployment agents: run, list, drain, enrol…"),
    "drift": ("drift", "drift", "What runs without being desired: list, accept."),
    "admin": ("admin", "admin", "Separate processes: streams, hand-out."),
    "token": ("token", "token", "Tokens: create, list, revoke."),
    "person": ("person", "person", "People: link accounts of one, list."),
    "completion": ("completion", "completion", "Shell completion: bash, zsh, fish."),
}


class Commands(click.Group):
    """The commands by name; help is written without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are used."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that holds the command."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        found = getattr(import_module(f"rollbook_services.cli.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command where there is none of that name."""
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "see --help"
            raise click.UsageError(f"no command {args[0]!r}; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the table of commands from their names and lines alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line[2]) for name, line in _COMMANDS.items()])


@click.group(
    cls=Commands,
    name="rollbook",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="References: fraud@7 a version, fraud@champion by alias, fraud#staging what "
    "is stable in a stage, fraud#staging~1 before that, fraud:31 a promotion.",
)
@click.version_option(package_name="rollbook", message="rollbook %(version)s")
def rollbook() -> None:
    """Every event in a model's life: recorded, decided, replayable."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (design/surfaces.md §2)."""
    try:
        code = rollbook.main(list(arguments), "rollbook", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough; Python must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001
        return complain(error, verbose="--verbose" in arguments)
    except KeyboardInterrupt:
        return complain(KeyboardInterrupt(), verbose=False)
    return code if isinstance(code, int) else 0
