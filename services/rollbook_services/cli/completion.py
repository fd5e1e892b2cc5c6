"""Shell completion: `rollbook completion bash|zsh|fish` prints the script."""

from typing import Final

import click

_HOW: Final = {
    "bash": 'eval "$(rollbook completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(rollbook completion zsh)"    # in ~/.zshrc',
    "fish": "rollbook completion fish > ~/.config/fish/completions/rollbook.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(sorted(_HOW)))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete commands and options."""
    from click.shell_completion import get_completion_class

    from rollbook_services.cli.main import rollbook

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    made = found(rollbook, {}, "rollbook", "_ROLLBOOK_COMPLETE")
    # Bash's own version is of no interest to the script: click only warns about it.
    click.echo(f"# {_HOW[shell]}")
    click.echo(made.source_template % made.source_vars())
