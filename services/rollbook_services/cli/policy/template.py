"""With which rules does somebody begin who has none yet?"""

from typing import Final

import click

TEMPLATES: Final = ("solo", "team", "regulated")


@click.command("template")
@click.argument("name", type=click.Choice(TEMPLATES), default="team")
def template(name: str) -> None:
    """Print a policy to begin with: for one person, a team, a regulated house."""
    from importlib.resources import files

    found = files("rollbook_services.policy") / "templates" / f"{name}.yaml"
    click.echo(found.read_text(encoding="utf-8"), nl=False)
