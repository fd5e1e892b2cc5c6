"""With which rules does somebody begin who has none yet?"""

from typing import Final

import click

TEMPLATES: Final = ("solo", "team", "progressive", "regulated")


@click.command("template")
@click.argument("name", type=click.Choice(TEMPLATES), default="team")
def template(name: str) -> None:
    """Print a policy to begin with: one person, a team, step by step, regulated."""
    from importlib.resources import files

    found = files("rollbook_services.policy") / "templates" / f"{name}.yaml"
    click.echo(found.read_text(encoding="utf-8"), nl=False)
