"""Does whoever typed a command mean the stage that is protected?"""

import sys

import click


def confirm(stage: str, *, yes: bool) -> None:
    """Have the stage's name typed; without a terminal nothing asks, so --yes says it.

    Raises UsageError, before anything was sent.
    """
    if yes:
        return
    if not is_a_terminal():
        raise click.UsageError(
            f"{stage} is protected: write --yes to say that you mean it, or run this "
            "in a terminal and type the stage's name"
        )
    typed = click.prompt(f"{stage} is protected; type its name to go on", err=True)
    if str(typed).strip() != stage:
        raise click.UsageError(f"{typed!r} is not {stage}: nothing was asked for")


def is_a_terminal() -> bool:
    """Tell whether somebody sits there and can type."""
    return sys.stdin.isatty()
