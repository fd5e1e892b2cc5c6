"""Commands about agents: `rollbook agent run`."""

from pathlib import Path

import click

from rollbook_services.cli.call import Call, command

agent = click.Group("agent", help="Deployment agents: run.")


@command("run", into=agent)
@click.option("--stage", required=True)
@click.option("--target", default="default", show_default=True)
@click.option("--driver", default="symlink", show_default=True)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where it keeps what it serves.",
)
@click.option("--on-switch", help="A command to run after each switch.")
@click.option(
    "--resync", default="60s", show_default=True, help="Look again after: 60s."
)
@click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The agent's secrets; those of the local server if left out.",
)
def run(
    call: Call,
    stage: str,
    target: str,
    driver: str,
    root: Path,
    on_switch: str | None,
    resync: str,
    credentials: Path | None,
) -> None:
    """Serve what is desired at one target, and report it, until stopped."""
    import asyncio

    from rollbook.agent import runtime, settings
    from rollbook.agent.driver import DriverOptions
    from rollbook_services.cli.waiting import seconds

    found = settings.load(
        credentials or _credentials(call),
        stage=stage,
        target=target,
        driver=driver,
        options=DriverOptions(root=root, on_switch=on_switch),
        resync_seconds=seconds(resync),
    )
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
