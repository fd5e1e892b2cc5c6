"""Commands about agents: `rollbook agent run`."""

from pathlib import Path

import click

from rollbook_services.cli.call import Call, command

agent = click.Group(
    "agent", help="Deployment agents: run, list, show, drain, undrain, enrol, revoke."
)


@command("run", into=agent)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file agent.toml; the other options beat what it says.",
)
@click.option("--stage", help="The stage it serves; required here or in the file.")
@click.option("--target", help="The target it serves: default.")
@click.option("--driver", help="How it serves: symlink.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it keeps what it serves; required here or in the file.",
)
@click.option("--on-switch", help="A command to run after each switch.")
@click.option("--resync", metavar="TIME", help="Look again after: 60s.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    help="Answer /healthz and /metrics there; on loopback where no host is named.",
)
@click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The agent's secrets; those of the local server if left out.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what would be done for each model, and end."
)
def run(
    call: Call, /, *, config: Path | None, dry_run: bool, **flags: str | Path | None
) -> None:
    """Serve what is desired at one target, and report it, until stopped."""
    import asyncio

    from rollbook.agent import config as configuration
    from rollbook.agent import settings, telling

    telling.leave_out_the_log()
    said = configuration.read(config, flags)
    found = settings.load(said.credentials or _credentials(call), said)
    if dry_run:
        from rollbook.agent.dry_run import show

        for line in asyncio.run(show(found)):
            click.echo(line)
        return
    from rollbook.agent import runtime

    asyncio.run(runtime.run(found))


def _credentials(call: Call) -> Path:
    import os

    from rollbook.client.settings import CREDENTIALS, find_data

    data = find_data(call.wanted, os.environ)
    if data is None:
        raise click.UsageError(
            "no credentials are known; name them with --credentials, or the data "
            "directory of 'rollbook up' with --data"
        )
    return data / CREDENTIALS
