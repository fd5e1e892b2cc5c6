"""Commands for those who run Rollbook as separate processes: `rollbook admin …`."""

from pathlib import Path

import click

admin = click.Group("admin", help="Separate processes: streams, hand-out.")


@admin.command("streams")
def streams() -> None:
    """Make the streams that are missing and check the others, as administrator.

    Takes nats.url, nats.ca, nats.replicas from the settings, and nats.seeds: a folder
    with core-admin.nk, edge-admin.nk and sys.nk, which nobody else needs.
    """
    import asyncio

    from rollbook.errors import Misconfigured
    from rollbook_services.main import Site, prepare
    from rollbook_services.settings import load

    settings = load(nats={"manage_streams": True})
    if not settings.nats.url or settings.nats.seeds is None:
        raise Misconfigured("nats.url and nats.seeds", "say where NATS and seeds are")
    asyncio.run(prepare(Site(settings, settings.nats.url, settings.nats.seeds)))
    click.echo("the streams are there, with the settings of this release")


@admin.command("hand-out")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The registrar's data directory.",
)
@click.option(
    "--seeds",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder with the agents' seeds.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where each holder gets a folder of its own.",
)
@click.option("--url", default="", help="Where people reach the gateway.")
def hand_out(data: Path, seeds: Path, folder: Path, url: str) -> None:
    """Write what conductor, agents and operator each need to enter, and no more."""
    from rollbook_services.local.hand_out import hand_out as write

    for file in write(data, seeds, folder, url=url):
        click.echo(str(file))
